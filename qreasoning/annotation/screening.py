"""Who answers differently from the others, and in which way: signs, and a plain verdict with reasons.

Nobody is excluded here; that is a person's decision, written into the project file. Each rule has
one threshold, which comes from what the numbers mean and not from data, and each compares an
annotator with the others of the same project, so that hard pictures make nobody suspect.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import Literal

import numpy as np

from qreasoning.annotation.panel import Floats, Panel, answered
from qreasoning.metrics.correlation import srcc

Verdict = Literal["ok", "watch", "exclude?"]

LEAST = 20
"""Answers before anything is said of anybody; fewer and the intervals are wider than the scale."""

HALF = 0.5
"""Agreement (and consistency) certainly below half of the typical annotator's is a reason: what is
left explains less than a quarter as much of the ratings as theirs does."""

NARROW = 1 / 3
"""Ratings that vary less than a third as much as the typical annotator's: a ninth of the variance,
so next to nothing of what the project measures."""

STRAIGHT = 0.5
"""More than half of the answers with one star in all fields (but one), to pictures in which the
others see a difference of a star or more between the fields."""

SAME = 0.5
"""The same star as one other person beyond what two annotators usually share, as a part of all that
could be beyond: from a half on, what they share is more likely copied than seen."""

AFTER = 0.8
"""Answers later than the other person's, from which it is plain who could have copied."""

SHIFT = 0.75
"""Stars between an annotator's scale and the others': three of four answers then land on another
star than they would without the shift."""

HASTE = 1 / 3
"""Of the typical annotator's median time. Below a third of it, surveys call respondents speeders
(30 to 50 % of the median are the usual limits: Greszki, Meyer and Schoen 2015)."""

GOLD = 0.8
"""Accepted ranges are set so that attentive people keep them; certainly fewer hits are a reason."""

COPIED = 0.2
"""Of the answers with a text like somebody else's earlier one."""


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval; nan where undefined. `n` is what it was made from."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Beside:
    """What is known of an annotator beside the ratings."""

    retest: Interval | None = None
    """Correlation of first and second answers to the pictures shown twice."""
    gold: tuple[int, int] | None = None
    """Gold ranges kept, and gold ranges checked."""
    copied: int = 0
    """Answers with a text like somebody else's earlier one."""
    observer: bool | None = None
    """Whether the BT.500 observer test rejects them; None where it says nothing."""


@dataclass(frozen=True)
class Screened:
    """One annotator beside the others."""

    answers: int
    agreement: Interval
    """Mean over the fields of the rank correlation with the mean of the others."""
    bias: float
    """Mean difference from the others' mean, in stars, less the median annotator's."""
    spread: float
    """Standard deviation of the ratings over the pictures, of the typical annotator's."""
    straight: float
    """Share of straight answers to pictures in which the others see differences."""
    twin: str | None
    """The annotator with whom most is shared beyond the usual."""
    same: float
    """How much, from 0 (the usual) to 1 (everything)."""
    seconds: float
    """Median per answer."""
    pace: float
    """That, of the typical annotator's."""
    beside: Beside
    reasons: tuple[str, ...]
    verdict: Verdict


@dataclass(frozen=True)
class _Group:
    """The typical annotator."""

    agreement: float
    bias: float
    deviation: float
    seconds: float
    retest: float


@dataclass
class _Reasons:
    """What speaks against an annotator: for watching, or for asking whether to exclude."""

    watch: list[str] = field(default_factory=list)
    exclude: list[str] = field(default_factory=list)


def screen(panel: Panel, beside: Mapping[str, Beside] | None = None) -> dict[str, Screened]:
    """Each annotator's signs and verdict; `ok` with fewer than `LEAST` answers, and where there is
    nobody to be compared with."""
    known = {name: (beside or {}).get(name, Beside()) for name in panel.annotators}
    others = others_mean(panel.ratings)
    agreement = [_agreement(panel, others, at) for at in range(len(panel.annotators))]
    bias = _mean_of_units(panel.ratings - others)
    deviation = _deviation(panel.given)
    straight = _straight(panel.given, others)
    seconds = _median(panel.seconds)
    group = _Group(
        agreement=_typical([each.value for each in agreement]),
        bias=_typical(bias),
        deviation=_typical(deviation),
        seconds=_typical(seconds),
        retest=_typical([each.retest.value for each in known.values() if each.retest]),
    )
    twins = _twins(panel)
    result = {}
    for at, name in enumerate(panel.annotators):
        twin, same = twins.get(name, (None, float("nan")))
        signs = Screened(
            answers=int(panel.answers[at]),
            agreement=agreement[at],
            bias=float(bias[at] - group.bias),
            spread=_ratio(deviation[at], group.deviation),
            straight=float(straight[at]),
            twin=twin,
            same=same,
            seconds=float(seconds[at]),
            pace=_ratio(seconds[at], group.seconds),
            beside=known[name],
            reasons=(),
            verdict="ok",
        )
        result[name] = _judged(signs, group, panel, name)
    return result


def _judged(signs: Screened, group: _Group, panel: Panel, name: str) -> Screened:
    if signs.answers < LEAST or len(panel.annotators) < 2:
        return signs
    found = _Reasons()
    _agreement_reason(signs, group, found)
    _straight_reason(signs, found)
    _copy_reason(signs, panel, name, found)
    _shift_reason(signs, found)
    _haste_reason(signs, found)
    _retest_reason(signs, group, found)
    _gold_reason(signs, found)
    verdict: Verdict = "exclude?" if found.exclude else "watch" if found.watch else "ok"
    changes = {"reasons": (*found.exclude, *found.watch), "verdict": verdict}
    return Screened(**{**vars(signs), **changes})


def _agreement_reason(signs: Screened, group: _Group, found: _Reasons) -> None:
    r = signs.agreement
    if not r.high < HALF * group.agreement:
        return
    if r.low <= 0:
        found.exclude.append(f"agrees with the others no better than chance ({r.value:.2f})")
    else:
        found.watch.append(f"agrees little with the others ({r.value:.2f})")


def _straight_reason(signs: Screened, found: _Reasons) -> None:
    if signs.spread < NARROW:
        found.exclude.append(f"straight-lining: hardly any differences ({signs.spread:.2f})")
    elif signs.straight > STRAIGHT:
        found.exclude.append(f"straight-lining: one star in all fields ({signs.straight:.0%})")


def _copy_reason(signs: Screened, panel: Panel, name: str, found: _Reasons) -> None:
    if signs.beside.copied > COPIED * signs.answers:
        share = signs.beside.copied / signs.answers
        found.exclude.append(f"copies: texts like somebody else's ({share:.0%})")
    # Two who give one star throughout share it without copying.
    if signs.twin is None or not signs.same >= SAME or signs.spread < NARROW:
        return
    later = _later(panel, name, signs.twin)
    if later >= AFTER:
        found.exclude.append(f"copies: ratings of {signs.twin} ({signs.same:.0%}), later than them")
    elif not later <= 1 - AFTER:
        found.watch.append(f"copies: shares ratings with {signs.twin} ({signs.same:.0%})")


def _shift_reason(signs: Screened, found: _Reasons) -> None:
    # A scale can be shifted only where it is used.
    if abs(signs.bias) > SHIFT and not signs.spread < NARROW:
        way = "above" if signs.bias > 0 else "below"
        found.watch.append(f"shifted scale: {abs(signs.bias):.1f} stars {way} the others")


def _haste_reason(signs: Screened, found: _Reasons) -> None:
    if signs.pace < HASTE:
        found.watch.append(f"too fast: {signs.seconds:.0f} s, {signs.pace:.0%} of the usual time")


def _retest_reason(signs: Screened, group: _Group, found: _Reasons) -> None:
    retest = signs.beside.retest
    if retest is not None and retest.high < HALF * group.retest:
        found.watch.append(f"answers the same picture differently ({retest.value:.2f})")


def _gold_reason(signs: Screened, found: _Reasons) -> None:
    hits, checked = signs.beside.gold or (0, 0)
    if checked and wilson(hits, checked)[1] < GOLD:
        sure = wilson(hits, checked)[1] < GOLD / 2
        (found.exclude if sure else found.watch).append(f"misses gold ({hits} of {checked} hit)")


def others_mean(ratings: Floats) -> Floats:
    """Mean of the other annotators who rated the same unit; nan where there is none.

    `ratings` has the annotators on axis 1; the result has its shape.
    """
    there = ~np.isnan(ratings)
    total = np.nansum(ratings, axis=1, keepdims=True)
    count = there.sum(axis=1, keepdims=True) - there
    own = np.where(there, ratings, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, (total - own) / count, np.nan)


def correlation_interval(value: float, n: int) -> Interval:
    """A rank correlation's 95 % interval in closed form (Bonett and Wright 2000)."""
    if np.isnan(value) or n < 4:
        return Interval(value, float("nan"), float("nan"), n)
    half = 1.96 * sqrt((1 + value**2 / 2) / (n - 3))
    middle = np.arctanh(np.clip(value, -0.999999, 0.999999))
    return Interval(value, float(np.tanh(middle - half)), float(np.tanh(middle + half)), n)


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of `n` > 0 (Wilson 1927)."""
    z = 1.96
    middle = (hits + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * sqrt(hits * (n - hits) / n + z * z / 4)
    return middle - half, middle + half


def _agreement(panel: Panel, others: Floats, at: int) -> Interval:
    pairs = zip(panel.ratings[:, at].T, others[:, at].T, strict=True)
    found = [srcc(own, theirs) for own, theirs in pairs]
    values = [each.value for each in found if not np.isnan(each.value)]
    n = max((each.n for each in found), default=0)
    # Fields are rated together, so several of them count as one look at each picture.
    return correlation_interval(float(np.mean(values)) if values else float("nan"), n)


def _mean_of_units(differences: Floats) -> Floats:
    """Mean over units and fields, (annotators,)."""
    return _quiet(np.nanmean, differences, (0, 2))


def _deviation(given: Floats) -> Floats:
    """Standard deviation over the units, mean over the fields, (annotators,)."""
    return _quiet(np.nanmean, _quiet(np.nanstd, given, 0), 1)


def _median(seconds: Floats) -> Floats:
    return _quiet(np.nanmedian, seconds, 0)


def _straight(given: Floats, others: Floats) -> Floats:
    """Share of straight answers, of those to units whose fields the others tell apart; nan where
    there are none, or where there are too few fields to say."""
    annotators, fields = given.shape[1:]
    if fields < 4:
        return np.full(annotators, np.nan)
    whole = ~np.isnan(given).any(axis=2)
    apart = _quiet(np.nanmax, others, 2) - _quiet(np.nanmin, others, 2) >= 1
    counted = whole & apart
    most = np.max([(given == star).sum(axis=2) for star in range(1, 6)], axis=0)
    with np.errstate(invalid="ignore"):
        return ((most >= fields - 1) & counted).sum(axis=0) / counted.sum(axis=0)


def _twins(panel: Panel) -> dict[str, tuple[str, float]]:
    """Whom each annotator shares most ratings with beyond the usual, and how much (0 to 1)."""
    shared = _shared(panel.ratings)
    usual = _typical(shared[np.triu_indices(len(shared), 1)])
    if len(shared) < 3 or np.isnan(usual) or usual >= 1:
        return {}
    beyond = (shared - usual) / (1 - usual)
    np.fill_diagonal(beyond, np.nan)
    return {
        name: (panel.annotators[int(np.nanargmax(row))], float(np.nanmax(row)))
        for name, row in zip(panel.annotators, beyond, strict=True)
        if not np.isnan(row).all()
    }


def _shared(ratings: Floats) -> Floats:
    """Share of equal ratings, of those that two annotators both gave; nan below `LEAST` units."""
    count = ratings.shape[1]
    shared = np.full((count, count), np.nan)
    for one in range(count):
        for two in range(one + 1, count):
            both = ~np.isnan(ratings[:, one]) & ~np.isnan(ratings[:, two])
            if both.any(axis=1).sum() >= LEAST:
                equal = (ratings[:, one] == ratings[:, two])[both].mean()
                shared[one, two] = shared[two, one] = equal
    return shared


def _later(panel: Panel, name: str, twin: str) -> float:
    """Share of the common units that `name` answered after `twin`; nan without times."""
    one, two = panel.annotators.index(name), panel.annotators.index(twin)
    both = answered(panel)[:, one] & answered(panel)[:, two]
    after = panel.created[both, one] - panel.created[both, two]
    known = after[~np.isnan(after)]
    return float((known > 0).mean()) if len(known) else float("nan")


def _typical(values: Floats | list[float]) -> float:
    return float(_quiet(np.nanmedian, np.asarray(values, dtype=float), None))


def _ratio(value: float, typical: float) -> float:
    return float(value / typical) if typical > 0 else float("nan")


def _quiet(reduce: object, values: Floats, axis: object) -> Floats:
    """A nan-reduction whose result is nan, without a warning, where there is nothing."""
    import warnings

    if values.size == 0:
        return np.full(np.delete(values.shape, axis), np.nan) if axis is not None else np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return reduce(values, axis=axis)  # type: ignore[operator, no-any-return]
