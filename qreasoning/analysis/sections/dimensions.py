"""Section 3: claims per dimension and quality bin, beside how far people agree."""

import math
from typing import Any

from qreasoning.analysis.bins import ALL, METRICS
from qreasoning.analysis.findings import Findings

_TITLES = {
    "claim_f1": (
        "Claim F1 per dimension",
        "Agreement with people on what is good or bad; 1 is all.",
    ),
    "contradiction_rate": (
        "Contradiction rate per dimension",
        "Share of people’s claims that the model says the opposite of; 0 is none.",
    ),
}


def dimensions(findings: Findings) -> dict[str, Any]:
    """What the third section shows; no tables where claims were not compared."""
    return {
        "agreed": findings.agreed,
        "tables": [_table(findings, metric) for metric in METRICS] if findings.cells else [],
    }


def _table(findings: Findings, metric: str) -> dict[str, Any]:
    cells = [each for each in findings.cells if each.metric == metric]
    names = list(dict.fromkeys(each.dimension for each in cells))
    bins = [each for each in dict.fromkeys(cell.bin for cell in cells) if each != ALL]
    at = {(each.dimension, each.bin, each.model): each.estimate for each in cells}
    title, explained = _TITLES[metric]
    return {
        "title": title,
        "explained": explained,
        "bad": metric == "contradiction_rate",
        "bins": bins,
        "rows": [
            {
                "dimension": name,
                "alpha": findings.agreed.get(name) if name else None,
                "cells": [at[name, ALL, model] for model in findings.shown],
                "by_bin": [
                    {"bin": each, "cells": [at[name, each, model] for model in findings.shown]}
                    for each in bins
                ],
            }
            for name in [*(each for each in names if each), None]
            if any(_told(at[name, ALL, model].value) for model in findings.shown)
        ],
    }


def _told(value: float) -> bool:
    return not math.isnan(value)
