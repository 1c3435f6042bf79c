"""Some pictures with their human and model chains side by side."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qreasoning.analysis.alignment import Comparison
from qreasoning.analysis.inputs import Predictions, Row, read_pictures
from qreasoning.html import shortened
from qreasoning.images import decode, thumbnail_uri

_HUMANS = 3
"""Human chains shown per picture; the card says how many more there are."""
_TEXT_LIMIT = 900
_SIDE = 360


def choose(chains: Sequence[Row], count: int) -> list[Row]:
    """`count` rows spread evenly over the MOS, lowest first: those with human chains, if any."""
    candidates = [row for row in chains if row["chains"]] or list(chains)
    ordered = sorted(candidates, key=lambda row: (_score(row), row["image_id"]))
    if len(ordered) <= count:
        return ordered
    return [ordered[round(step * (len(ordered) - 1) / max(count - 1, 1))] for step in range(count)]


def _score(row: Row) -> float:
    return math.inf if row["mos"] is None else float(row["mos"])


def cards(
    dataset: Path,
    split: str,
    chosen: Sequence[Row],
    predictions: Sequence[Predictions],
    comparisons: Sequence[Comparison],
) -> list[dict[str, Any]]:
    """What the page shows of each chosen picture: thumbnail, scores, human and model chains."""
    pictures = read_pictures(dataset, split, [row["image_id"] for row in chosen])
    compared = {(each.model, each.condition, each.image_id): each for each in comparisons}
    written = {
        (part.model, row["image_id"]): row
        for part in predictions
        for row in part.rows
        if row["condition"] == "image"
    }
    return [
        {
            "name": row["name"],
            "thumbnail": _thumbnail(pictures, row),
            "mos": row["mos"],
            "human_mos": row["human_mos"],
            "humans": [_human(chain) for chain in row["chains"][:_HUMANS]],
            "more_humans": max(len(row["chains"]) - _HUMANS, 0),
            "models": [
                _model(part.model, written.get((part.model, row["image_id"])), compared, row)
                for part in predictions
            ],
        }
        for row in chosen
    ]


def _thumbnail(pictures: Mapping[str, bytes], row: Row) -> str | None:
    content = pictures.get(row["image_id"])
    return None if content is None else thumbnail_uri(decode(content, row["name"]), _SIDE)


def _human(chain: Row) -> dict[str, Any]:
    texts = {field: shortened(chain[field], _TEXT_LIMIT) for field in ("caption", "reasoning")}
    return {**texts, "who": chain["annotator"], "rating": chain["rating"]}


def _model(
    model: str,
    row: Row | None,
    compared: Mapping[tuple[str, str, str], Comparison],
    picture: Row,
) -> dict[str, Any]:
    """A model's chain as it was read, or its raw text where it could not be."""
    image = compared.get((model, "image", picture["image_id"]))
    caption = compared.get((model, "caption", picture["image_id"]))
    texts = {
        field: shortened((row or {}).get(field) or "", _TEXT_LIMIT)
        for field in ("caption", "reasoning", "raw")
    }
    return {
        **texts,
        "who": model,
        "status": image.status if image else "not predicted",
        "rating": image.rating if image else math.nan,
        "caption_rating": caption.rating if caption else None,
        "rouge1": image.fmeasure if image else None,
    }
