"""Section 2: each text metric between its floors and the people."""

import math
from typing import Any

from qreasoning.analysis.drawing import Dot, axis_over, ruler, strip
from qreasoning.analysis.findings import Findings
from qreasoning.analysis.formats import number
from qreasoning.analysis.standing import Standing

MAIN = ("claim_f1", "contradiction_rate", "rouge1", "bertscore_f", "cosine")
"""Metrics with a table of their own; the others share one."""

EXPLAINED = {
    "claim_f1": "Agreement of what is claimed: which dimension of quality, and whether it is good "
    "or bad. 1: the same claims, 0: none in common.",
    "contradiction_rate": "Share of what people say that the text says the opposite of. "
    "Less is better.",
    "rouge1": "Share of words in common, counted with repetition (F-measure). Half of it is "
    "function words, so unrelated texts are far above 0, and shared words are not yet shared "
    "meaning.",
    "bertscore_f": "Similarity of the words in their context, by a neural model. Close to blind "
    "to negation: read it beside the contradiction rate.",
    "cosine": "Similarity of the whole texts as vectors of a neural model. Close to blind to "
    "negation.",
}


def text(findings: Findings) -> dict[str, Any]:
    """What the second section shows."""
    parts = [each for each in findings.standings if each.measure.name not in MAIN]
    return {
        "metrics": [
            _metric(findings, standing)
            for name in MAIN
            if (standing := findings.standing(name)) is not None
        ],
        "parts": {
            "labels": [each.measure.label for each in parts],
            "rows": [
                {
                    "model": model,
                    "estimates": [each.values[findings.models.index(model)] for each in parts],
                }
                for model in findings.shown
            ],
            "people": [each.ceiling for each in parts],
        },
    }


def _metric(findings: Findings, standing: Standing) -> dict[str, Any]:
    measure = standing.measure
    edges = [edge for each in (*standing.values, standing.ceiling) for edge in each[:3]]
    axis = axis_over([*edges, *(each.value for each in standing.floor), standing.fixed.value])
    sign = -1 if measure.higher_is_better else 1
    order = sorted(
        range(len(findings.models)),
        key=lambda place: (_known(sign * standing.values[place].value), findings.models[place]),
    )
    return {
        "name": measure.name,
        "label": measure.label,
        "explained": EXPLAINED[measure.name],
        "higher": measure.higher_is_better,
        "ruler": ruler(axis, [number(tick, _digits(axis.ticks)) for tick in axis.ticks]),
        "fixed": standing.fixed,
        "people": standing.ceiling,
        "has_best": standing.best is not None,
        "rows": [
            {
                "model": findings.models[place],
                "value": standing.values[place],
                "best": standing.best[place] if standing.best else None,
                "floor": standing.floor[place],
                "share": standing.share[place],
                "strip": strip(
                    axis,
                    [Dot(standing.values[place])],
                    floor=standing.floor[place].value,
                    fixed=standing.fixed.value,
                    people=standing.ceiling,
                ),
            }
            for place in order
        ],
    }


def _known(value: float) -> float:
    return math.inf if math.isnan(value) else value


def _digits(ticks: tuple[float, ...]) -> int:
    return next((d for d in (1, 2) if all(round(tick, d) == tick for tick in ticks)), 3)
