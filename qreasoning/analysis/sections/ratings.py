"""Section 4: ratings in both conditions, plots, benchmarks, and the published numbers apart."""

import math
from collections.abc import Sequence
from typing import Any

from qreasoning.analysis.benchmarks import Measured
from qreasoning.analysis.figures import scatter
from qreasoning.analysis.findings import Findings
from qreasoning.analysis.pictures import CONDITIONS
from qreasoning.analysis.published import Published
from qreasoning.analysis.ratings import MEAN_OF_SETS, Correlations, set_split
from qreasoning.metrics.bootstrap import intervals


def ratings(findings: Findings, score: str) -> dict[str, Any]:
    """What the fourth section shows of a split."""
    return {
        "sets": [_table(findings, each) for each in findings.sets.values()],
        "people": findings.people,
        "figures": [_figure(findings, model, score) for model in _models(findings)],
        "statuses": _statuses(findings),
        "unscored": sum(math.isnan(mos) for mos in findings.pictures.mos),
    }


def _table(findings: Findings, each: Correlations) -> dict[str, Any]:
    split = set_split(findings.pictures.split, findings.sets, each.name)
    found: dict[tuple[str, str], Any] = {}
    for metric, replicates in (("srcc", each.srcc), ("plcc", each.plcc)):
        for (model, condition), estimate in zip(each.columns, intervals(replicates), strict=True):
            found[model, f"{metric}_{condition}"] = estimate
    found |= {(model, "gap"): gap for model, gap in zip(*each.gap(), strict=True)}
    for record in findings.records:
        if record["split"] == split and record["condition"] == "image":
            key = f"{record['metric']} {record['aggregation']}"
            if key in _FURTHER:
                found[record["model"], _FURTHER[key]] = record["value"]
    models = _models(findings)
    keys = [f"{metric}_{condition}" for metric in ("srcc", "plcc") for condition in CONDITIONS]
    columns = [*keys, "gap", *_FURTHER.values()]
    return {
        "name": each.name,
        "is_mean": each.name == MEAN_OF_SETS,
        "pictures": len(findings.pictures.score_sets.get(each.name, ())),
        "rows": [{"model": m, **{key: found.get((m, key)) for key in columns}} for m in models],
        "best": {key: _best([(m, found.get((m, key))) for m in models]) for key in keys},
    }


_FURTHER = {"krcc raw": "krcc", "rmse raw": "rmse", "plcc 4-parameter logistic": "fitted"}


def _best(values: Sequence[tuple[str, Any]]) -> str | None:
    """The model with the highest value; None without a rival or where values tie."""
    known = {m: each.value for m, each in values if each is not None and each.value == each.value}
    top = [model for model, value in known.items() if value == max(known.values())]
    return top[0] if len(known) > 1 and len(top) == 1 else None


def _figure(findings: Findings, model: str, score: str) -> dict[str, Any]:
    """A plot per condition and score set, with the number of pictures shown and not shown."""
    panels = []
    for answers in findings.answers:
        if answers.model != model:
            continue
        for name, places in findings.pictures.score_sets.items():
            mos, given = findings.pictures.mos[places], answers.ratings[places]
            shown = int((~(given != given)).sum())
            several = len(findings.pictures.score_sets) > 1
            panels.append(
                {
                    "condition": answers.condition,
                    "name": name if several else None,
                    "uri": scatter(mos, given, f"{answers.condition} condition", score),
                    "shown": shown,
                    "left_out": len(places) - shown,
                }
            )
    return {"model": model, "panels": panels}


def _models(findings: Findings) -> list[str]:
    """All models in the order of the page, those without an image condition last."""
    return list(dict.fromkeys([*findings.shown, *(each.model for each in findings.answers)]))


def _statuses(findings: Findings) -> list[dict[str, Any]]:
    """Counts of reading statuses: a row per model and condition."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for each in findings.records:
        key = (each["model"], each["condition"])
        if each["metric"] == "format_rate":
            rows[key] = {"rate": each["value"], "not_predicted": each["n_left_out"], "counts": {}}
        elif each["metric"].startswith("status: "):
            rows[key]["counts"][each["metric"].removeprefix("status: ")] = int(each["value"])
    return [{"model": key[0], "condition": key[1], **row} for key, row in rows.items()]


def measured_elsewhere(measured: Sequence[Measured]) -> dict[str, Any] | None:
    """Ratings on the public score sets, as one table per condition; None without any."""
    if not measured:
        return None
    sets = list(dict.fromkeys(each.score_set for each in measured))
    tables = []
    for condition in CONDITIONS:
        part = {(e.model, e.score_set): e for e in measured if e.condition == condition}
        models = list(dict.fromkeys(model for model, _ in part))
        if models:
            rows = [{"model": m, "cells": [part.get((m, s)) for s in sets]} for m in models]
            tables.append({"condition": condition, "rows": rows})
    return {"sets": sets, "tables": tables}


def published_shown(published: Published) -> dict[str, Any]:
    """The literature's numbers: a row per entry, a column per set."""
    return {
        "sets": published.sets,
        "sources": published.sources,
        "rows": [
            {
                "entry": entry,
                "source": published.sources[entry.source],
                "cells": [_published_cell(entry.values.get(name)) for name in published.sets],
            }
            for entry in published.entries
        ],
    }


def _published_cell(values: Any) -> str:
    if not values:
        return ""
    if "rouge1" in values:
        return f"ROUGE-1 {values['rouge1']:.3f}"
    return " / ".join(f"{values[m]:.3f}" if m in values else "–" for m in ("plcc", "srcc"))
