"""The stage `align-report`: what the models wrote, compared with people, as one page and files."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from qreasoning import __version__, files
from qreasoning.analysis.alignment import Comparison, Record, compare, records
from qreasoning.analysis.inputs import (
    Predictions,
    ReportSettings,
    Row,
    read_chains,
    read_predictions,
)
from qreasoning.errors import DataError
from qreasoning.settings import load
from qreasoning.workspace import Workspace, slug


@dataclass(frozen=True)
class AlignReport:
    """What was reported. `records` are those of `metrics.json`, with nan where undefined."""

    folder: Path
    models: tuple[str, ...]
    records: tuple[Record, ...]
    simulated: bool

    def value(
        self, model: str, metric: str, condition: str = "image", split: str = "test"
    ) -> float:
        """One metric over a split, for example `("tiny", "srcc", "caption")`; nan if undefined."""
        wanted = {"model": model, "metric": metric, "condition": condition, "split": split}
        [found] = [each["value"] for each in self.records if wanted.items() <= each.items()]
        return float(found)


def align_report(
    workspace: Workspace,
    *,
    dataset: Path,
    predictions: list[str] | None = None,
    name: str,
    say: Callable[[str], None] = lambda _: None,
) -> AlignReport:
    """Write `outputs/reports/<name>/`: `index.html`, `metrics.json` and `per_image.parquet`.

    `dataset` is the folder of a complete version; `predictions` as in `read_predictions`. Made
    again from the same files, the report has the same bytes. Raises DataError where there is
    nothing to compare.
    """
    from qreasoning.analysis.page import render

    settings = load(workspace.settings("analysis", "report", "report settings"), ReportSettings)
    manifest = files.read_manifest(dataset)
    if manifest is None:
        raise DataError(f"{dataset} is no complete dataset version. Build it: qr build-dataset")
    parts = read_predictions(workspace, dataset, predictions)
    chains = {split: read_chains(dataset, split) for split in dict.fromkeys(p.split for p in parts)}
    comparisons: list[Comparison] = []
    for part in parts:
        say(f"comparing {part.model} on {part.split}")
        comparisons += compare(
            part.model, part.split, part.rows, chains[part.split], stem=settings.stem
        )
    measured = records(comparisons)
    meta = _meta(name, dataset, manifest, parts, chains, settings)
    say("drawing the page")
    page = render(dataset, parts, chains, comparisons, measured, meta, settings)
    folder = workspace.reports / slug(name)
    files.replace_folder(folder, lambda draft: _write(draft, page, comparisons, measured, meta))
    models = tuple(dict.fromkeys(part.model for part in parts))
    return AlignReport(folder, models, tuple(measured), bool(meta["simulated"]))


def _meta(
    name: str,
    dataset: Path,
    manifest: Mapping[str, Any],
    parts: Sequence[Predictions],
    chains: Mapping[str, Sequence[Row]],
    settings: ReportSettings,
) -> dict[str, Any]:
    """Where the numbers come from: no clock and no path, so that the same inputs say the same."""
    return {
        "report": name,
        "dataset": dataset.parent.name,
        "version": dataset.name,
        "content_sha256": manifest.get("content_sha256"),
        "simulated": bool(manifest.get("simulated")),
        "settings": settings.model_dump(),
        "images": {
            split: {"all": len(rows), "with_chains": sum(bool(row["chains"]) for row in rows)}
            for split, rows in chains.items()
        },
        "predictions": [
            {
                "model": part.model,
                "split": part.split,
                "sha256": files.sha256_file(part.path),
                **{key: _same(part.rows, key) for key in ("model_id", "adapter_sha")},
            }
            for part in parts
        ],
        "versions": {
            "qreasoning": __version__,
            **{package: version(package) for package in ("numpy", "rouge-score", "scipy")},
        },
    }


def _same(rows: Sequence[Row], key: str) -> str | None:
    """What all rows of a file say of their model."""
    return ", ".join(sorted({row[key] for row in rows if row[key]})) or None


def _write(
    draft: Path,
    page: str,
    comparisons: Sequence[Comparison],
    measured: Sequence[Record],
    meta: Mapping[str, Any],
) -> None:
    table = pa.Table.from_pylist([asdict(each) for each in comparisons], schema=_PER_IMAGE)
    parquet.write_table(table, draft / "per_image.parquet")
    # JSON has no nan: null in `value` is an undefined number.
    shown = [{**each, "value": _or_none(each["value"])} for each in measured]
    content = {"meta": meta, "records": shown}
    text = json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False)
    (draft / "metrics.json").write_text(text + "\n", encoding="utf-8")
    (draft / "index.html").write_text(page, encoding="utf-8")


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


_PER_IMAGE = pa.schema(
    [
        *((name, pa.string()) for name in ("model", "condition", "split", "image_id", "name")),
        ("mos", pa.float64()),
        ("rating", pa.float64()),
        ("status", pa.string()),
        ("annotators", pa.int32()),
        *((name, pa.float64()) for name in ("precision", "recall", "fmeasure")),
        ("wordless", pa.int32()),
    ]
)
