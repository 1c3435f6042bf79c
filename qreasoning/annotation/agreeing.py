"""How far a project's annotators agree: in each field, and in their texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qreasoning.annotation.panel import Panel
from qreasoning.annotation.signs import Interval, correlation_interval
from qreasoning.metrics import agreement, bootstrap
from qreasoning.metrics.correlation import srcc
from qreasoning.metrics.rouge import rouge1_humans
from qreasoning.records import Annotation

REPETITIONS = 1000

FEWER = 200
"""For all pairs of annotators, whose ranks are made anew in each: 45 pairs over 1,500 pictures take
a second."""


@dataclass(frozen=True)
class FieldAgreement:
    """Agreement in one field; `n` of each counts the units with two or more ratings."""

    ordinal: Interval
    """Krippendorff's alpha with ranks as distance."""
    interval: Interval
    """Krippendorff's alpha with stars as distance."""
    icc: Interval
    """ICC(A,1): how far one annotator's stars can be taken for another's."""
    srcc: Interval
    """Mean rank correlation over pairs of annotators; `n` counts the pairs."""


def field_agreement(panel: Panel) -> dict[str, FieldAgreement]:
    """Agreement by field."""
    return {name: _of(panel.ratings[:, :, at]) for at, name in enumerate(panel.fields)}


def _of(ratings: np.ndarray) -> FieldAgreement:
    return FieldAgreement(
        ordinal=_interval(agreement.alpha(ratings, "ordinal", repetitions=REPETITIONS)),
        interval=_interval(agreement.alpha(ratings, "interval", repetitions=REPETITIONS)),
        icc=_interval(agreement.icc(ratings, "A,1", repetitions=REPETITIONS)),
        srcc=_interval(agreement.pairwise_srcc(ratings, repetitions=FEWER)),
    )


def text_agreement(annotations: Sequence[Annotation]) -> Interval:
    """ROUGE-1 (F) of each annotator's text against those of the others of the picture, mean over
    annotators and pictures; `n` counts the pictures with two texts or more."""
    texts: dict[str, list[str]] = {}
    for each in annotations:
        texts.setdefault(each.image_id, []).append(f"{each.caption} {each.reasoning}")
    several = [texts[unit] for unit in sorted(texts) if len(texts[unit]) > 1]
    if not several:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    scores = rouge1_humans(several).fmeasure
    (found,) = bootstrap.intervals(bootstrap.means(scores, repetitions=REPETITIONS))
    return _interval(found)


def retest(pairs: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, Interval]:
    """By annotator, the rank correlation of first and second ratings (units, fields), over all
    fields; `n` counts the units, which the interval is made for."""
    found = {}
    for name, (first, second) in pairs.items():
        found[name] = correlation_interval(srcc(first.ravel(), second.ravel()).value, len(first))
    return found


def _interval(found: bootstrap.Estimate | agreement.Icc | agreement.Pairwise) -> Interval:
    return Interval(float(found.value), float(found.low), float(found.high), int(found.n))
