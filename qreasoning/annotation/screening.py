"""Who answers differently from the others, and in which way: a plain verdict with its reasons.

Nobody is excluded here; that is a person's decision, written into the project file. Each rule has
one threshold, which comes from what the numbers mean and not from data, and each compares an
annotator with the others of the same project, so that hard pictures make nobody suspect.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from qreasoning.annotation import signs as of
from qreasoning.annotation.panel import Panel
from qreasoning.annotation.signs import Interval, others_mean, wilson

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

FEWEST_GOLD = 5
"""Ranges that must have been there to keep before they count: those of one picture go together."""

COPIED = 0.2
"""Of the answers with a text like somebody else's earlier one."""


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
    agreement = [of.agreement(panel, others, at) for at in range(len(panel.annotators))]
    bias = of.mean_of_units(panel.ratings - others)
    deviation = of.deviation(panel.given)
    straight = of.straight(panel.given, others)
    seconds = of.median_of_units(panel.seconds)
    group = _Group(
        agreement=of.typical([each.value for each in agreement]),
        bias=of.typical(bias),
        deviation=of.typical(deviation),
        seconds=of.typical(seconds),
        retest=of.typical([each.retest.value for each in known.values() if each.retest]),
    )
    twins = of.twins(panel)
    result = {}
    for at, name in enumerate(panel.annotators):
        twin, same = twins.get(name, (None, float("nan")))
        signs = Screened(
            answers=int(panel.answers[at]),
            agreement=agreement[at],
            bias=float(bias[at] - group.bias),
            spread=of.ratio(deviation[at], group.deviation),
            straight=float(straight[at]),
            twin=twin,
            same=same,
            seconds=float(seconds[at]),
            pace=of.ratio(seconds[at], group.seconds),
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
    later = of.later(panel, name, signs.twin)
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
    if checked >= FEWEST_GOLD and wilson(hits, checked)[1] < GOLD:
        mostly = wilson(hits, checked)[1] < HALF
        (found.exclude if mostly else found.watch).append(f"misses gold ({hits} of {checked} hit)")
