"""How close a model's chains are to people's: per picture, and over a split. Reads nothing.

A completion counts only if it was read cleanly (status `ok`), field by field alike:

- ROUGE-1 compares its caption and reasoning with each human chain of the picture; the mean over
  the annotators is the picture's score. A completion that could not be read scores 0, because
  leaving it out would reward silence.
- Its rating enters the correlations with the MOS. One that could not be read has no number that
  could stand for it, so the pair is left out and counted, never filled in.
- A picture that was not predicted at all is left out everywhere, and counted.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from qreasoning.analysis.inputs import Row
from qreasoning.chain import Chain
from qreasoning.errors import DataError
from qreasoning.metrics.correlation import plcc, srcc
from qreasoning.metrics.rouge import rouge1

CONDITIONS = ("image", "caption")
NOT_PREDICTED = "not predicted"
Record = dict[str, Any]


@dataclass(frozen=True)
class Comparison:
    """One model, condition and picture.

    `rating` is nan where it could not be read. The three ROUGE-1 values are means over the
    `annotators`; nan where the picture was not predicted, None where there is no human chain or,
    in the caption condition, no text of the model's to compare. `wordless` counts the texts
    here that could be read, but in which ROUGE-1 finds no word (no Latin letter or digit).
    """

    model: str
    condition: str
    split: str
    image_id: str
    name: str
    mos: float
    rating: float
    status: str
    annotators: int
    precision: float | None
    recall: float | None
    fmeasure: float | None
    wordless: int


def compare(
    model: str, split: str, predictions: Iterable[Row], chains: Sequence[Row], *, stem: bool = False
) -> list[Comparison]:
    """Compare a model's predictions with the `chains` rows of the split it was run on.

    One entry per condition that was predicted and picture of the split, in that order. Raises
    DataError for a prediction of a picture that is not in the split.
    """
    by_key = {(row["condition"], row["image_id"]): row for row in predictions}
    known = {row["image_id"] for row in chains}
    foreign = next((row for row in by_key.values() if row["image_id"] not in known), None)
    if foreign is not None:
        raise DataError(
            f"{model} has a prediction for {foreign['name']}, which is not in the {split} split. "
            "Predict on this dataset version again: qr predict"
        )
    conditions = [each for each in CONDITIONS if any(key[0] == each for key in by_key)]
    comparisons = []
    for condition in conditions:
        rows = [by_key.get((condition, chain["image_id"])) for chain in chains]
        scores = _rouge(rows, chains, stem) if condition == "image" else [_NO_TEXT] * len(chains)
        for chain, row, (precision, recall, fmeasure) in zip(chains, rows, scores, strict=True):
            comparisons.append(
                Comparison(
                    model=model,
                    condition=condition,
                    split=split,
                    image_id=chain["image_id"],
                    name=chain["name"],
                    mos=_number(chain["mos"]),
                    rating=_number(row["rating"] if row and row["status"] == "ok" else None),
                    status=row["status"] if row else NOT_PREDICTED,
                    annotators=len(chain["chains"]),
                    precision=precision,
                    recall=recall,
                    fmeasure=fmeasure,
                    wordless=_wordless(row, chain) if condition == "image" else 0,
                )
            )
    return comparisons


_Rouge = tuple[float | None, float | None, float | None]
_NO_TEXT: _Rouge = (None, None, None)


def _rouge(rows: Sequence[Row | None], chains: Sequence[Row], stem: bool) -> list[_Rouge]:
    """Precision, recall and F per picture: the means over its annotators."""
    pairs = [
        (_text(row) if row["status"] == "ok" else "", _text(human), place)
        for place, (row, chain) in enumerate(zip(rows, chains, strict=True))
        if row is not None
        for human in chain["chains"]
    ]
    scores = rouge1([pair[0] for pair in pairs], [pair[1] for pair in pairs], stem=stem)
    by_place: dict[int, list[tuple[float, ...]]] = {}
    triples = zip(
        scores.precision.tolist(), scores.recall.tolist(), scores.fmeasure.tolist(), strict=True
    )
    for (_, _, place), triple in zip(pairs, triples, strict=True):
        by_place.setdefault(place, []).append(triple)
    return [
        _means(by_place[place])
        if place in by_place
        else ((math.nan, math.nan, math.nan) if chain["chains"] else _NO_TEXT)
        for place, chain in enumerate(chains)
    ]


def _wordless(row: Row | None, chain: Row) -> int:
    read = [row] if row is not None and row["status"] == "ok" else []
    texts = [_text(each) for each in (*read, *chain["chains"])]
    return rouge1(texts, texts).empty // 2


def _means(triples: Sequence[tuple[float, ...]]) -> _Rouge:
    precision, recall, fmeasure = (fmean(column) for column in zip(*triples, strict=True))
    return precision, recall, fmeasure


def _text(row: Mapping[str, Any]) -> str:
    return Chain(row["caption"], row["reasoning"], None).text


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def records(comparisons: Sequence[Comparison]) -> list[Record]:
    """The metrics over pictures, one flat record each, per model, condition and split.

    Keys: model, condition, split, dimension (None: the whole chain), metric, aggregation, value
    (nan where undefined), low and high (None: no interval is computed), n (what it is over) and
    n_left_out (what it should be over, and is not).
    """
    found: list[Record] = []
    keys = dict.fromkeys((each.model, each.condition, each.split) for each in comparisons)
    for model, condition, split in keys:
        part = [
            each
            for each in comparisons
            if (each.model, each.condition, each.split) == (model, condition, split)
        ]
        measured = [*_rouge_means(part), *_correlations(part), *_readings(part)]
        for metric, aggregation, value, n, left_out in measured:
            found.append(
                {
                    "model": model,
                    "condition": condition,
                    "split": split,
                    "dimension": None,
                    "metric": metric,
                    "aggregation": aggregation,
                    "value": value,
                    "low": None,
                    "high": None,
                    "n": n,
                    "n_left_out": left_out,
                }
            )
    return found


_Measured = tuple[str, str, float, int, int]


def _rouge_means(part: Sequence[Comparison]) -> list[_Measured]:
    measured: list[_Measured] = []
    for metric, field in (
        ("rouge1", "fmeasure"),
        ("rouge1_p", "precision"),
        ("rouge1_r", "recall"),
    ):
        values = [getattr(each, field) for each in part if getattr(each, field) is not None]
        kept = [value for value in values if not math.isnan(value)]
        mean = fmean(kept) if kept else math.nan
        measured.append((metric, "mean", mean, len(kept), len(values) - len(kept)))
    wordless = float(sum(each.wordless for each in part))
    measured.append(("wordless_texts", "count", wordless, len(part), 0))
    return measured if part[0].condition == "image" else []


def _correlations(part: Sequence[Comparison]) -> list[_Measured]:
    ratings, scores = [each.rating for each in part], [each.mos for each in part]
    linear, ranked = plcc(ratings, scores), srcc(ratings, scores)
    return [("plcc", "raw", *linear), ("srcc", "raw", *ranked)]


def _readings(part: Sequence[Comparison]) -> list[_Measured]:
    """The share read cleanly, and how often each status came up."""
    statuses = Counter(each.status for each in part)
    missing = statuses.pop(NOT_PREDICTED, 0)
    n = statuses.total()
    rate = statuses["ok"] / n if n else math.nan
    counts = [
        (f"status: {status}", "count", float(count), n, missing)
        for status, count in sorted(statuses.items())
        if count
    ]
    return [("format_rate", "share", rate, n, missing), *counts]
