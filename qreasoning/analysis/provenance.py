"""Where a report's numbers come from, and what it leaves out."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from qreasoning import __version__, files
from qreasoning.analysis import meanings, statements
from qreasoning.analysis.findings import Findings
from qreasoning.analysis.inputs import Predictions, Row
from qreasoning.analysis.options import ReportSettings
from qreasoning.html import shortened

_LONGEST = 200


def left_out_of(
    settings: ReportSettings, findings: Sequence[Findings], benchmarks: str
) -> list[str]:
    """What a reader would miss, in words."""
    found = []
    if "rouge1" not in settings.metrics:
        found.append("ROUGE-1 was not asked for")
    if "claims" not in settings.metrics:
        found.append("claims were not asked for")
    if "semantic" not in settings.metrics:
        found.append("BERTScore and cosine were not asked for")
    elif not settings.semantic_model:
        found.append("BERTScore and cosine: no model is set (semantic_model)")
    for each in (part.pictures for part in findings):
        if each.prelabelled:
            found.append(f"{each.prelabelled:,} chains written upon a model's ({each.split})")
    return [*found, *([benchmarks.rstrip(".")] if benchmarks else [])]


def meta_of(
    name: str,
    dataset: Path,
    manifest: Mapping[str, Any],
    parts: Sequence[Predictions],
    findings: Sequence[Findings],
    settings: ReportSettings,
    left_out: Sequence[str],
    *,
    lexicon: Mapping[str, Any] | None,
    semantic: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Where the numbers come from: no clock and no path, so that the same inputs say the same."""
    studies = [each.study for part in findings for each in part.judgements]
    return {
        "report": name,
        "dataset": dataset.parent.name,
        "version": dataset.name,
        "content_sha256": manifest.get("content_sha256"),
        "simulated": bool(manifest.get("simulated")) or any(each.simulated for each in studies),
        "settings": settings.model_dump(mode="json"),
        "computed": list(dict.fromkeys(s.measure.label for f in findings for s in f.standings)),
        "left_out": list(left_out),
        "others": {"claims": statements.OTHERS, "semantic": meanings.OTHERS},
        "lexicon": lexicon,
        "semantic": semantic,
        "judge_studies": [each.project for each in studies],
        "images": {
            each.split: {"all": len(each.rows), "with_chains": int((each.counts > 0).sum())}
            for each in (part.pictures for part in findings)
        },
        "predictions": [
            {
                "model": part.model,
                "split": part.split,
                "elsewhere": part.elsewhere,
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
    said = ", ".join(sorted({row[key] for row in rows if row[key]}))
    return shortened(said, _LONGEST) or None
