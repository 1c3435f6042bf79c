"""Section 7: some pictures with their human and model chains side by side."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from qreasoning.analysis.findings import Findings
from qreasoning.analysis.highlight import Piece, Spoken, pieces
from qreasoning.analysis.pictures import Answers
from qreasoning.html import shortened
from qreasoning.images import decode, thumbnail_uri

_HUMANS = 3
"""Human chains shown per picture; the card says how many more there are."""
_MODELS = 3
"""Models shown at once; the others are folded."""
_TEXT_LIMIT = 700
_SIDE = 320

Extract = Callable[[str], Iterable[Spoken]]


def choose(findings: Findings, count: int) -> list[int]:
    """`count` places of pictures: first those with most contradictions, up to half of them, then
    others spread evenly over the MOS, lowest first; those with human chains, if any."""
    rows = findings.pictures.rows
    candidates = [p for p, row in enumerate(rows) if row["chains"]] or list(range(len(rows)))
    contradicted = sorted(
        (place for place in candidates if _contradictions(findings, place)),
        key=lambda place: (-_contradictions(findings, place), rows[place]["image_id"]),
    )[: (count + 1) // 2]
    rest = [place for place in candidates if place not in set(contradicted)]
    return contradicted + _spread(findings, rest, count - len(contradicted))


def _spread(findings: Findings, places: Sequence[int], count: int) -> list[int]:
    rows = findings.pictures.rows
    ordered = sorted(places, key=lambda place: (_score(rows[place]), rows[place]["image_id"]))
    if len(ordered) <= count:
        return ordered
    return [ordered[round(step * (len(ordered) - 1) / max(count - 1, 1))] for step in range(count)]


def _contradictions(findings: Findings, place: int) -> int:
    """How many dimensions all models together contradict people in."""
    columns = findings.statements.contradicted if findings.statements else ()
    return sum(len(column[place]) for column in columns)


def _score(row: Mapping[str, Any]) -> float:
    return math.inf if row["mos"] is None else float(row["mos"])


def cards(
    findings: Findings,
    chosen: Sequence[int],
    pictures: Mapping[str, bytes],
    extract: Extract | None,
) -> list[dict[str, Any]]:
    """What the page shows of each chosen picture; `pictures` are their bytes by `image_id`."""
    return [_card(findings, place, pictures, extract) for place in chosen]


def _card(
    findings: Findings, place: int, pictures: Mapping[str, bytes], extract: Extract | None
) -> dict[str, Any]:
    row = findings.pictures.rows[place]
    content = pictures.get(row["image_id"])
    models = [_model(findings, model, place, extract) for model in findings.shown]
    # Contradictions first; the sort is stable, so the models keep their order otherwise.
    models.sort(key=lambda each: -len(each["contradicted"]))
    return {
        "name": row["name"],
        "thumbnail": thumbnail_uri(decode(content, row["name"]), _SIDE) if content else None,
        "mos": row["mos"],
        "human_mos": row["human_mos"],
        "humans": [
            {
                "who": chain["annotator"],
                "rating": chain["rating"],
                **_texts(chain, extract),
            }
            for chain in row["chains"][:_HUMANS]
        ],
        "more_humans": max(len(row["chains"]) - _HUMANS, 0),
        "models": models[:_MODELS],
        "more_models": models[_MODELS:],
    }


def _model(findings: Findings, model: str, place: int, extract: Extract | None) -> dict[str, Any]:
    """A model's chain as it was read, or its raw text where it could not be."""
    by_condition = {e.condition: e for e in findings.answers if e.model == model}
    image = by_condition["image"]
    row = image.raw[place] or {}
    status = image.statuses[place]
    column = findings.models.index(model)
    rouge = findings.standing("rouge1")
    contradicted = findings.statements.contradicted[column][place] if findings.statements else ()
    return {
        "who": model,
        "status": status,
        "rating": image.ratings[place],
        "caption_rating": _other(by_condition.get("caption"), place),
        "rouge1": rouge.measure.values[place, column] if rouge else math.nan,
        "contradicted": [_in_words(each) for each in contradicted],
        "raw": shortened(row.get("raw") or "", _TEXT_LIMIT) if status != "ok" else "",
        **_texts(row if status == "ok" else {}, extract),
    }


def _in_words(name: str) -> str:
    """`sharpness/background` as words; `unnamed` is a sentence said the other way round."""
    if name == "unnamed":
        return "a sentence said the other way round"
    dimension, _, locus = name.partition("/")
    return f"{dimension} of the {locus}" if locus else dimension


def _other(answers: Answers | None, place: int) -> float | None:
    return None if answers is None else float(answers.ratings[place])


def _texts(row: Mapping[str, Any], extract: Extract | None) -> dict[str, list[Piece]]:
    found = {}
    for field in ("caption", "reasoning"):
        text = shortened(row.get(field) or "", _TEXT_LIMIT)
        found[field] = pieces(text, extract(text) if extract else ()) if text else []
    return found
