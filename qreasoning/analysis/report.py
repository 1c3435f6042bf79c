"""The stage `align-report`: what the models wrote, compared with people, as one page and files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qreasoning import files
from qreasoning.analysis.benchmarks import (
    Measured,
    benchmark_records,
    measure_benchmarks,
    read_manifests,
)
from qreasoning.analysis.findings import Findings, analyse
from qreasoning.analysis.flat import Record
from qreasoning.analysis.inputs import (
    Predictions,
    read_chains,
    read_pictures,
    read_predictions,
    read_ratings,
)
from qreasoning.analysis.judge_study import read_studies
from qreasoning.analysis.options import ReportSettings
from qreasoning.analysis.pictures import Pictures, answers_of, pictures_of
from qreasoning.analysis.provenance import left_out_of, meta_of
from qreasoning.analysis.published import read_published
from qreasoning.analysis.studies import read_training_studies
from qreasoning.errors import DataError, SettingsError
from qreasoning.settings import load, validate
from qreasoning.workspace import Workspace, cache_folder, slug

Say = Callable[[str], None]


@dataclass(frozen=True)
class AlignReport:
    """What was reported. `records` are those of `metrics.json`, with nan where undefined."""

    folder: Path
    models: tuple[str, ...]
    records: tuple[Record, ...]
    simulated: bool
    left_out: tuple[str, ...] = ()
    """What was not computed, or not counted, and why."""

    def value(
        self,
        model: str,
        metric: str,
        condition: str = "image",
        split: str = "test",
        aggregation: str | None = None,
    ) -> float:
        """One metric over a split, for example `("tiny", "srcc", "caption")`; nan if undefined.

        Without an `aggregation` it is the first one: plain means, raw correlations. Raises
        KeyError for what was not computed.
        """
        wanted = {"model": model, "metric": metric, "condition": condition, "split": split}
        aggregated = {"aggregation": aggregation} if aggregation else {}
        for each in self.records:
            if wanted.items() | aggregated.items() <= each.items() and each["dimension"] is None:
                return float(each["value"])
        raise KeyError(f"no {metric} of {model} in the {condition} condition on {split}")


def read_settings(workspace: Workspace, name: str, **changes: Any) -> ReportSettings:
    """The settings `analysis/<name>.yaml`; `changes` that are not None replace theirs.

    Raises SettingsError for an unknown file, key or value.
    """
    settings = load(workspace.settings("analysis", name, "report settings"), ReportSettings)
    there = settings.model_dump()
    given = {key: value for key, value in changes.items() if value is not None}
    if "columns" in given:
        given["columns"] = {**there["columns"], **given["columns"]}
    return validate({**there, **given}, ReportSettings, "The report's options")


def align_report(
    workspace: Workspace,
    *,
    dataset: Path,
    predictions: Sequence[str] | None = None,
    name: str,
    settings: ReportSettings | None = None,
    benchmarks: Path | None = None,
    say: Say = lambda _: None,
) -> AlignReport:
    """Write `outputs/reports/<name>/`: `index.html`, `metrics.json` and `per_image.parquet`.

    `dataset` is the folder of a complete version; `predictions` as in `read_predictions`;
    `settings` are `analysis/report.yaml` if left out; `benchmarks` a folder of score manifests.
    Made again from the same files, the report has the same bytes. Raises DataError where there is
    nothing to compare, SettingsError for a baseline that is no model of the report.
    """
    from qreasoning.analysis.page import Content, gallery_places, render

    settings = settings or read_settings(workspace, "report")
    manifest = files.read_manifest(dataset)
    if manifest is None:
        raise DataError(f"{dataset} is no complete dataset version. Build it: qr build-dataset")
    parts = read_predictions(workspace, dataset, predictions, settings.columns)
    models = tuple(dict.fromkeys(part.model for part in parts))
    _refuse_unknown_baseline(settings.baseline, models)
    published = read_published(workspace.settings("analysis", "published", "published numbers"))
    tools = _tools(workspace, settings, say)
    manifests = {} if benchmarks is None else read_manifests(benchmarks)
    findings = []
    for split in dict.fromkeys(part.split for part in parts):
        own = [part for part in parts if part.split == split]
        chains = read_chains(dataset, split)
        pictures = pictures_of(split, chains, prelabelled=settings.prelabelled)
        findings.append(_analyse(workspace, dataset, pictures, own, settings, tools, say))
    measured, note = _benchmarks(workspace, manifests, settings, say)
    studies = read_training_studies(workspace, dataset)
    left_out = [*left_out_of(settings, findings, note), *studies.problems]
    meta = meta_of(
        *(name, dataset, manifest, parts, findings, settings, left_out),
        lexicon=tools.lexicon,
        semantic=tools.semantic,
    )
    meta["studies"] = [list(each) for each in studies.hashes]
    say("drawing the page")
    chosen = [gallery_places(each, settings.gallery) for each in findings]
    page = render(
        Content(
            findings=findings,
            chosen=chosen,
            pictures=_bytes(dataset, findings, chosen),
            benchmarks=measured,
            benchmarks_note=note,
            published=published,
            studies=studies,
            extract=tools.extract,
            meta=meta,
            settings=settings,
        )
    )
    records = [r for each in findings for r in each.records] + benchmark_records(measured)
    from qreasoning.analysis.output import write

    folder = workspace.reports / slug(name)
    files.replace_folder(folder, lambda draft: write(draft, page, findings, records, meta))
    return AlignReport(folder, models, tuple(records), bool(meta["simulated"]), tuple(left_out))


@dataclass(frozen=True)
class Tools:
    """What compares texts, as far as it was asked for, and the facts that identify it."""

    compare: Any
    extract: Any
    lexicon: Mapping[str, Any] | None
    pairs: Any
    semantic: Mapping[str, Any] | None


def _tools(workspace: Workspace, settings: ReportSettings, say: Say) -> Tools:
    compare = extract = lexicon = pairs = semantic = None
    if "claims" in settings.metrics:
        from qreasoning.analysis.reader import ClaimReader

        paths = tuple(workspace.root / path for path in settings.lexicon)
        reader = ClaimReader(paths, settings.second_tier)
        compare, extract, lexicon = reader.compare, reader.extract, reader.identity
    if "semantic" in settings.metrics and settings.semantic_model:
        from qreasoning.analysis.meanings import load_pairs

        say(f"loading {settings.semantic_model}")
        cache = cache_folder() / "semantic"
        pairs, semantic = load_pairs(settings.semantic_model, settings.semantic_layer, cache)
    return Tools(compare, extract, lexicon, pairs, semantic)


def _analyse(
    workspace: Workspace,
    dataset: Path,
    pictures: Pictures,
    parts: Sequence[Predictions],
    settings: ReportSettings,
    tools: Tools,
    say: Say,
) -> Findings:
    answers = []
    for part in parts:
        say(f"reading {part.model} on {part.split}")
        answers += answers_of(part.model, pictures, part.rows)
    return analyse(
        answers,
        pictures,
        read_ratings(dataset, pictures.split),
        read_studies(workspace.annotations, pictures.ids),
        settings,
        compare=tools.compare,
        meanings=tools.pairs,
        say=say,
    )


def _refuse_unknown_baseline(baseline: str | None, models: Sequence[str]) -> None:
    if baseline is not None and baseline not in models:
        raise SettingsError(
            f"The baseline '{baseline}' is no model of this report. There are: {', '.join(models)}."
        )


def _benchmarks(
    workspace: Workspace,
    manifests: dict[str, dict[str, float]],
    settings: ReportSettings,
    say: Say,
) -> tuple[list[Measured], str]:
    """What was measured on the public score sets, and what to say where nothing was."""
    if not manifests:
        return [], "No folder of score manifests was given (--benchmarks DIR)."
    say(f"public score sets: {', '.join(manifests)}")
    measured = measure_benchmarks(workspace, manifests, settings.replicates)
    there = {each.score_set for each in measured}
    missing = [name for name in manifests if name not in there]
    if not missing:
        return measured, ""
    return measured, f"No model was run on the pictures of {', '.join(missing)}."


def _bytes(
    dataset: Path, findings: Sequence[Findings], chosen: Sequence[Sequence[int]]
) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for each, places in zip(findings, chosen, strict=True):
        ids = [each.pictures.ids[place] for place in places]
        found |= read_pictures(dataset, each.pictures.split, ids)
    return found
