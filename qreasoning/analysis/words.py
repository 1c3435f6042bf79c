"""ROUGE-1 of every model with its floors and ceiling, exact: no pair is sampled."""

from collections.abc import Sequence

import numpy as np

from qreasoning.analysis.measure import Measure, Numbers, Texts, mean_known
from qreasoning.metrics.rouge import (
    rouge1_against,
    rouge1_each,
    rouge1_humans,
    rouge1_mismatched,
)

_FIELDS = (
    ("rouge1", "ROUGE-1 F", "fmeasure"),
    ("rouge1_p", "ROUGE-1 P", "precision"),
    ("rouge1_r", "ROUGE-1 R", "recall"),
)


def most_typical(humans: Sequence[Sequence[str]], *, stem: bool = False) -> tuple[int, int] | None:
    """Where the human text stands that is most like what people say of all other pictures.

    (picture, person), by the mean ROUGE-1 F; None where fewer than two pictures were explained.
    Said of every picture, it is the best that a text can do that looks at none.
    """
    if sum(bool(each) for each in humans) < 2:
        return None
    people = max(map(len, humans))
    padded = [
        [texts[place] if place < len(texts) else "" for texts in humans] for place in range(people)
    ]
    there = np.array([[place < len(texts) for texts in humans] for place in range(people)])
    means = rouge1_mismatched(padded, humans, stem=stem).fmeasure
    person, picture = divmod(int(np.nanargmax(np.where(there, means, -1.0))), len(humans))
    return picture, person


def rouge_measures(texts: Texts, *, stem: bool = False) -> list[Measure]:
    """ROUGE-1 F, precision and recall: means over the people of a picture."""
    humans = [list(each) for each in texts.humans]
    pairs = _pairs(texts, stem)
    mismatched = rouge1_mismatched([list(each) for each in texts.said], humans, stem=stem)
    people = rouge1_humans(humans, stem=stem)
    fixed = rouge1_against([texts.fixed] * len(humans), humans, stem=stem)
    found = []
    for (name, label, field), table in zip(_FIELDS, pairs, strict=True):
        values = texts.only(mean_known(table))
        found.append(
            Measure(
                name=name,
                label=label,
                higher_is_better=True,
                values=values,
                dropped=texts.only(without_each(table)),
                floor=texts.only(getattr(mismatched, field).T),
                fixed=texts.elsewhere(getattr(fixed, field)),
                ceiling=getattr(people, field),
                best=texts.only(_closest(pairs[0], table)),
            )
        )
    return found


def _pairs(texts: Texts, stem: bool) -> list[Numbers]:
    """F, precision and recall of every model with every person: (pictures, models, people)."""
    models, pictures = len(texts.said), len(texts.humans)
    scores = rouge1_each(
        [text for said in texts.said for text in said],
        [list(each) for each in texts.humans] * models,
        stem=stem,
    )
    shape = (models, pictures, texts.most_people)
    return [getattr(scores, field).reshape(shape).swapaxes(0, 1) for _, _, field in _FIELDS]


def without_each(table: Numbers) -> Numbers:
    """Per person the mean over the others of the picture; nan where there is no other."""
    known = ~np.isnan(table)
    others = known.sum(axis=-1, keepdims=True) - known
    total = np.where(known, table, 0.0)
    rest = total.sum(axis=-1, keepdims=True) - total
    means = np.divide(rest, others, out=np.full_like(table, np.nan), where=others > 0)
    return np.where(known, means, np.nan)


def _closest(fmeasure: Numbers, table: Numbers) -> Numbers:
    """`table` for the person of the highest F-measure, as rouge-score's `score_multi`."""
    if fmeasure.shape[-1] == 0:
        return np.full(fmeasure.shape[:-1], np.nan)
    best = np.where(np.isnan(fmeasure), -1.0, fmeasure).argmax(axis=-1)
    return np.take_along_axis(table, best[..., None], axis=-1)[..., 0]
