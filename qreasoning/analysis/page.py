"""The report's page: what it says in words, its tables, plots and gallery."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qreasoning.analysis.alignment import CONDITIONS, Comparison, Record
from qreasoning.analysis.figures import scatter
from qreasoning.analysis.gallery import cards, choose
from qreasoning.analysis.inputs import Predictions, ReportSettings, Row
from qreasoning.analysis.summary import summarise
from qreasoning.html import render_page

TEMPLATE = Path(__file__).with_name("report.html.j2")

_SIMULATED = (
    "The pictures’ scores or their annotators come from a simulation, not from people. This page "
    "shows that the tools work, and says nothing about human judgement."
)


def render(
    dataset: Path,
    parts: Sequence[Predictions],
    chains: Mapping[str, Sequence[Row]],
    comparisons: Sequence[Comparison],
    measured: Sequence[Record],
    meta: Mapping[str, Any],
    settings: ReportSettings,
) -> str:
    """The whole page as one HTML text."""
    people, score = (
        ("simulated people", "simulated MOS") if meta["simulated"] else ("people", "MOS")
    )
    sections = []
    for split, rows in chains.items():
        section = _section(
            dataset,
            split,
            rows,
            [part for part in parts if part.split == split],
            [each for each in comparisons if each.split == split],
            [each for each in measured if each["split"] == split],
            score,
            settings,
        )
        sections.append({**section, "summary": summarise(section, people, score)})
    return render_page(
        TEMPLATE,
        title="Model and human explanations of image quality",
        subtitle=f"{meta['dataset']} {meta['version']}",
        banner=_SIMULATED if meta["simulated"] else None,
        meta=meta,
        people=people,
        score=score,
        sections=sections,
        number=_number,
    )


def _section(
    dataset: Path,
    split: str,
    chains: Sequence[Row],
    parts: Sequence[Predictions],
    comparisons: Sequence[Comparison],
    measured: Sequence[Record],
    score: str,
    settings: ReportSettings,
) -> dict[str, Any]:
    """All that the page shows of one split."""
    table = [_line(part.model, measured) for part in parts]
    return {
        "split": split,
        "pictures": len(chains),
        "with_chains": sum(bool(row["chains"]) for row in chains),
        "annotators": len({chain["annotator"] for row in chains for chain in row["chains"]}),
        "models": table,
        "best": {key: _best(table, key) for key in _COMPARED},
        "wordless": int(
            max(each["value"] for each in measured if each["metric"] == "wordless_texts")
        ),
        "figures": [_figure(part.model, comparisons, score) for part in parts],
        "statuses": _statuses(measured),
        "gallery": cards(dataset, split, choose(chains, settings.gallery), parts, comparisons),
    }


_COMPARED = ("rouge1", "plcc_image", "srcc_image", "plcc_caption", "srcc_caption", "format_image")


def _line(model: str, measured: Sequence[Record]) -> dict[str, Any]:
    """A model's row of the table; None where a condition was not predicted."""
    mine = {
        (each["metric"], each["condition"]): each for each in measured if each["model"] == model
    }
    columns = {
        **{metric: (metric, "image") for metric in ("rouge1", "rouge1_p", "rouge1_r")},
        **{
            f"{metric}_{condition}": (metric, condition)
            for metric in ("plcc", "srcc")
            for condition in CONDITIONS
        },
        "format_image": ("format_rate", "image"),
        "format_caption": ("format_rate", "caption"),
    }
    return {"model": model, **{column: mine.get(key) for column, key in columns.items()}}


def _best(table: Sequence[Mapping[str, Any]], key: str) -> str | None:
    """The model with the highest value; None without a rival or where values tie."""
    values = {
        line["model"]: line[key]["value"]
        for line in table
        if line[key] is not None and not math.isnan(line[key]["value"])
    }
    top = [model for model, value in values.items() if value == max(values.values())]
    return top[0] if len(values) > 1 and len(top) == 1 else None


def _figure(model: str, comparisons: Sequence[Comparison], score: str) -> dict[str, Any]:
    """A plot per condition that was predicted, with the number of pictures shown and not shown."""
    panels = []
    for condition in CONDITIONS:
        part = [each for each in comparisons if (each.model, each.condition) == (model, condition)]
        if not part:
            continue
        shown = sum(not math.isnan(each.rating) for each in part)
        panels.append(
            {
                "condition": condition,
                "uri": scatter(part, f"{condition} condition", score),
                "shown": shown,
                "left_out": len(part) - shown,
            }
        )
    return {"model": model, "panels": panels}


def _statuses(measured: Sequence[Record]) -> list[dict[str, Any]]:
    """Counts of reading statuses: a row per model and condition, with all statuses as columns."""
    rows: dict[tuple[str, str], dict[str, int]] = {}
    left_out: dict[tuple[str, str], int] = {}
    for each in measured:
        key = (each["model"], each["condition"])
        if each["metric"].startswith("status: "):
            rows.setdefault(key, {})[each["metric"].removeprefix("status: ")] = int(each["value"])
        if each["metric"] == "format_rate":
            left_out[key] = each["n_left_out"]
    return [
        {"model": key[0], "condition": key[1], "counts": counts, "not_predicted": left_out[key]}
        for key, counts in rows.items()
    ]


def _number(value: float | None, digits: int = 3) -> str:
    """A number for a table: `–` where it is undefined or does not apply."""
    if value is None or math.isnan(value):
        return "–"
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")
