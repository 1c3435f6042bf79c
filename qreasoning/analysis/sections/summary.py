"""Section 1: a sentence per model, where all models stand, and which differences are real."""

import math
from collections.abc import Sequence
from typing import Any

from qreasoning.analysis.drawing import Axis, Dot, ruler, strip
from qreasoning.analysis.findings import Findings
from qreasoning.analysis.formats import number, percent, percents
from qreasoning.analysis.standing import compared
from qreasoning.metrics.bootstrap import Difference, Estimate, Replicates, intervals

PAIRS_LISTED = 6
_NAN = Estimate(math.nan, math.nan, math.nan, 0, 0)


def summary(findings: Findings, baseline: str | None, people: str, score: str) -> dict[str, Any]:
    """What the first section shows."""
    rows = [_row(findings, model) for model in findings.shown]
    return {
        "sentences": [
            {"model": row["model"], "parts": sentences(row, people, score)} for row in rows
        ],
        "rows": rows,
        "ladder": _ladder([row for row in rows if _has_share(row)]),
        "differences": differences_shown(findings, baseline),
        "baseline": baseline,
    }


def _row(findings: Findings, model: str) -> dict[str, Any]:
    """A model's headline numbers; nan where they do not apply."""
    place = findings.models.index(model)
    found: dict[str, Any] = {"model": model}
    for key, name in (("claims", "claim_f1"), ("words", "rouge1")):
        standing = findings.standing(name)
        found[key] = standing.share[place] if standing else _NAN
        found[f"{key}_value"] = standing.values[place] if standing else _NAN
    contradictions = findings.standing("contradiction_rate")
    found["contradictions"] = contradictions.values[place] if contradictions else _NAN
    found["contradictions_people"] = contradictions.ceiling if contradictions else _NAN
    for condition in ("image", "caption"):
        found[condition] = _srcc(findings, model, condition)
    return found


def _srcc(findings: Findings, model: str, condition: str) -> Estimate:
    sets = next(iter(findings.sets.values()), None)
    if sets is None:
        return _NAN
    models, replicates = sets.of(condition)
    return intervals(replicates)[models.index(model)] if model in models else _NAN


def _has_share(row: dict[str, Any]) -> bool:
    return not (math.isnan(row["claims"].value) and math.isnan(row["words"].value))


def sentences(row: dict[str, Any], people: str, score: str) -> list[str]:
    """What a model's numbers say, for somebody who is no statistician. The first is the verdict."""
    said = [_verdict(row, people)]
    claims, words = row["claims"], row["words"]
    if not math.isnan(claims.value + words.value):
        said.append(f"In its choice of words it gets {_way(words)}{_bracket(percents(words))}.")
    contradicted = row["contradictions"]
    if contradicted.n and not math.isnan(contradicted.value):
        among = row["contradictions_people"].value
        also = "" if math.isnan(among) else f" ({people} each other: {percent(among)})"
        said.append(f"It contradicts {percent(contradicted.value)} of what {people} say{also}.")
    said += _ratings(row, score)
    return said


def _verdict(row: dict[str, Any], people: str) -> str:
    model = row["model"]
    for key, what in (("claims", "what it claims about quality"), ("words", "its choice of words")):
        share = row[key]
        if math.isnan(share.value):
            continue
        whole = f"{percent(share.value)} of the way, " if share.value >= 1 else ""
        inside = _bracket(f"by {what}: {whole}{_between(share)}")
        how = f"{model} agrees with {people} "
        if share.low <= 0 or share.value <= 0:
            return f"{how}no better than a description of the wrong picture does{inside}."
        if share.value >= 1:
            return f"{how}as well as another person does{inside}."
        return (
            f"{how}as well as {percent(share.value)} of the way from describing the wrong picture "
            f"to being another person{inside}."
        )
    return _without_ceiling(row, people)


def _without_ceiling(row: dict[str, Any], people: str) -> str:
    values = [("claim F1", row["claims_value"]), ("ROUGE-1", row["words_value"])]
    known = [
        f"{label} {number(each.value, 2)}"
        for label, each in values
        if each.n and not math.isnan(each.value)
    ]
    if not known:
        return f"{row['model']} wrote nothing that can be compared with the words of {people}."
    return (
        f"{row['model']} shares {' and '.join(known)} with {people}; how near that is to being "
        "another person cannot be told from these pictures."
    )


def _way(share: Estimate) -> str:
    return f"{percent(share.value)} of the way" if share.value > 0 else "no part of the way"


def _between(share: Estimate) -> str:
    text = percents(share)
    return f"95 % interval {text}" if text else "no interval"


def _bracket(text: str) -> str:
    return f" ({text})" if text else ""


def _ratings(row: dict[str, Any], score: str) -> list[str]:
    image, caption = row["image"], row["caption"]
    if math.isnan(image.value):
        return []
    alone = ""
    if not math.isnan(caption.value):
        alone = f", and with {number(caption.value, 2)} from its own caption alone"
    srcc = number(image.value, 2)
    return [f"Its ratings follow the order of the {score} with an SRCC of {srcc}{alone}."]


def _ladder(rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The shares of the way on one axis from the wrong picture (0) to another person (1)."""
    if not rows:
        return None
    reached = [
        edge
        for row in rows
        for each in (row["claims"], row["words"])
        for edge in each[:3]
        if not math.isnan(edge)
    ]
    low, high = max(min(-0.08, *reached), -0.5), min(max(1.08, *reached), 1.6)
    axis = Axis(low, high, (0.0, 0.5, 1.0))
    return {
        "ruler": ruler(axis, ("wrong picture", "half way", "another person")),
        "rows": [
            {
                **row,
                "strip": strip(axis, [Dot(row["claims"], "first"), Dot(row["words"], "second")]),
            }
            for row in rows
        ],
    }


def differences_shown(findings: Findings, baseline: str | None) -> list[dict[str, Any]]:
    """Per headline metric the pairs of models compared, with Holm over the pairs."""
    found = []
    for name in ("claim_f1", "contradiction_rate", "rouge1", "bertscore_f"):
        standing = findings.standing(name)
        if standing:
            better = standing.measure.higher_is_better
            found.append(
                _compared(
                    standing.measure.label, findings.models, standing.replicates, baseline, better
                )
            )
    sets = next(iter(findings.sets.values()), None)
    if sets:
        models, replicates = sets.of("image")
        found.append(_compared("SRCC", models, replicates, baseline, True))
    return [each for each in found if each["pairs"]]


def _compared(
    label: str, models: Sequence[str], replicates: Replicates, baseline: str | None, better: bool
) -> dict[str, Any]:
    known = baseline if baseline in models else None
    pairs = compared(replicates, None if known is None else list(models).index(known))
    pairs = tuple(each for each in pairs if not math.isnan(each.value))
    return {
        "label": label,
        "models": list(models),
        "pairs": [_pair(each, models, better) for each in pairs],
        "real": sum(each.real for each in pairs),
        "matrix": _matrix(pairs, models, better)
        if len(pairs) > PAIRS_LISTED and not known
        else None,
    }


def _pair(each: Difference, models: Sequence[str], better: bool) -> dict[str, Any]:
    return {
        "first": models[each.first],
        "second": models[each.second],
        "estimate": Estimate(each.value, each.low, each.high, 0, 0),
        "p": each.p_holm,
        "real": each.real,
        "better": (each.value > 0) == better,
    }


def _matrix(
    pairs: Sequence[Difference], models: Sequence[str], better: bool
) -> list[list[dict[str, Any] | None]]:
    """Row minus column, both triangles."""
    table: list[list[dict[str, Any] | None]] = [[None] * len(models) for _ in models]
    for each in pairs:
        for row, column, sign in ((each.first, each.second, 1), (each.second, each.first, -1)):
            value = sign * each.value
            table[row][column] = {
                "value": value,
                "real": each.real,
                "better": (value > 0) == better,
            }
    return table
