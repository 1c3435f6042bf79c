"""Metrics of any text on a picture of the split, for chains that people judged."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from qreasoning.analysis.pictures import Pictures
from qreasoning.analysis.statements import Compare
from qreasoning.metrics.rouge import rouge1_against

Numbers = NDArray[np.float64]
Score = Callable[[Sequence[tuple[str, str]]], Numbers]
"""A metric of (image_id, text) pairs, higher is better; nan without another person's text."""
PairScore = Callable[[Sequence[str], Sequence[str]], dict[str, Numbers]]
"""Metrics with a neural model: texts and references of equal length to values by name."""


def scores_of_texts(
    pictures: Pictures,
    *,
    stem: bool,
    rouge: bool = True,
    compare: Compare | None = None,
    meanings: PairScore | None = None,
) -> dict[str, Score]:
    """Every metric against the people of a picture, the text's own author left out."""
    humans = dict(zip(pictures.ids, pictures.humans, strict=True))

    def references(asked: Sequence[tuple[str, str]]) -> list[list[str]]:
        return [[each for each in humans[image] if each != text] for image, text in asked]

    def words(asked: Sequence[tuple[str, str]]) -> Numbers:
        return rouge1_against([text for _, text in asked], references(asked), stem=stem).fmeasure

    scores: dict[str, Score] = {"ROUGE-1 F": words} if rouge else {}
    if compare is not None:
        scores["Claim F1"] = lambda asked: _claims(compare, asked, references(asked), "f1")
        scores["Few contradictions"] = lambda asked: (
            -_claims(compare, asked, references(asked), "contradiction_rate")
        )
    if meanings is not None:
        for name in ("BERTScore F", "Cosine"):
            scores[name] = lambda asked, name=name: _mean_over_people(  # type: ignore[misc]
                meanings, asked, references(asked), name
            )
    return scores


def _claims(
    compare: Compare,
    asked: Sequence[tuple[str, str]],
    references: Sequence[Sequence[str]],
    field: str,
) -> Numbers:
    pairs = zip(asked, references, strict=True)
    return np.array(
        [getattr(compare(text, others), field) if others else np.nan for (_, text), others in pairs]
    )


def _mean_over_people(
    meanings: PairScore,
    asked: Sequence[tuple[str, str]],
    references: Sequence[Sequence[str]],
    name: str,
) -> Numbers:
    owners = [place for place, others in enumerate(references) for _ in others]
    texts = [asked[place][1] for place in owners]
    values = meanings(texts, [each for others in references for each in others])[name]
    total = np.bincount(owners, values, minlength=len(asked)) if owners else np.zeros(len(asked))
    count = np.array([len(others) for others in references], dtype=np.float64)
    return np.divide(total, count, out=np.full(len(asked), np.nan), where=count > 0)
