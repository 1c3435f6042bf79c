"""Comparing what two texts claim: what is supported, contradicted, disputed, unmatched and missed.

Claims are first brought together to one stance a dimension; what is said of the background's
sharpness is a stance of its own, because a blurred background is no defect of a sharp subject.
Two stances of one sign support each other, fully where they are equally strong; opposite signs, or
opposite errors of one sign (too dark, too bright), contradict each other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from qreasoning.metrics.claims.claim import Claim
from qreasoning.metrics.claims.echo import Statement, denied
from qreasoning.metrics.claims.lexicon import DIMENSIONS, Lexicon
from qreasoning.metrics.claims.reading import extract, read_text
from qreasoning.metrics.claims.second import SecondTier

_FADING = 0.1
"""What a pair of stances of one sign loses of its support per unit of difference in strength."""


UNNAMED = "unnamed"
"""Among the contradicted: a sentence that is repeated and denied, whatever it is about."""


class Stance(NamedTuple):
    """What a text says of one dimension, all claims together: `value` is their mean, -3 to 3."""

    polarity: int
    value: float
    mode: str


@dataclass(frozen=True)
class DimensionComparison:
    """One dimension's part of a comparison; nan where undefined, as in `Comparison`."""

    f1: float
    precision: float
    recall: float
    contradiction_rate: float
    coverage: float
    reference_coverage: float


@dataclass(frozen=True)
class Comparison:
    """A prediction's claims against those of one or several people.

    `precision` is the share of the prediction's stances that the references support, `recall` the
    share of the references' stances that the prediction supports, `f1` their harmonic mean,
    `contradiction_rate` the share of the references' stances that the prediction contradicts; a
    dimension on which the references disagree is disputed and left out of all four. nan: `f1` where
    neither side claims anything, `precision` where the prediction does not, `recall` and
    `contradiction_rate` where the references do not. `coverage` is 1 if the prediction has a claim,
    else 0; `reference_coverage` the share of references with one. The five tuples name dimensions
    (`sharpness/background` for the background's).
    """

    f1: float
    precision: float
    recall: float
    contradiction_rate: float
    coverage: float
    reference_coverage: float
    supported: tuple[str, ...]
    contradicted: tuple[str, ...]
    disputed: tuple[str, ...]
    unmatched: tuple[str, ...]
    missed: tuple[str, ...]
    dimensions: Mapping[str, DimensionComparison]

    @property
    def score(self) -> float:
        """The one number to rank by: `f1 - contradiction_rate` on [-1, 1], nan counted as 0."""
        return _or_zero(self.f1) - _or_zero(self.contradiction_rate)


def stances(
    text: str | Iterable[Claim],
    lexicon: Lexicon | None = None,
    *,
    second: SecondTier | None = None,
) -> dict[str, Stance]:
    """One stance for each dimension that a text (or its claims) speaks of, `overall` included.

    What is said of the background counts only where nothing else is said of the dimension.
    """
    claims = extract(text, lexicon, second=second) if isinstance(text, str) else tuple(text)
    keyed = _keyed(claims)
    return {
        key.removesuffix("/background"): stance
        for key, stance in sorted(keyed.items(), key=lambda each: -len(each[0]))
    }


def compare(
    prediction: str,
    references: str | Sequence[str],
    lexicon: Lexicon | None = None,
    *,
    second: SecondTier | None = None,
) -> Comparison:
    """Compare the claims of `prediction` with those of one or several reference texts.

    Raises TypeError where a text is no str, ValueError where there is no reference.
    """
    references = [references] if isinstance(references, str) else list(references)
    if not references:
        raise ValueError("compare needs at least one reference text")
    read = _reading(prediction, lexicon, second)
    others = [_reading(text, lexicon, second) for text in references]
    both = [(dict(each.stances), each.placed) for each in (read, *others)]
    _by_place(both[0], both[1:])
    mine, theirs = both[0][0], [keyed for keyed, _ in both[1:]]
    agreed, disputed = _together(theirs)
    outcome = {
        key: _outcome(mine.get(key), agreed.get(key))
        for key in sorted(mine.keys() | agreed.keys())
        if key not in disputed
    }
    if any(denied(read.said, each.said) for each in others):
        outcome[UNNAMED] = _Outcome("contradicted", 0.0, True, True)
    speaking = [bool(each) for each in theirs]
    return Comparison(
        **_figures(outcome, bool(mine), sum(speaking) / len(speaking)),
        supported=_named(outcome, "supported"),
        contradicted=_named(outcome, "contradicted"),
        disputed=tuple(sorted(disputed)),
        unmatched=_named(outcome, "unmatched"),
        missed=_named(outcome, "missed"),
        dimensions={name: _dimension(name, outcome, mine, theirs) for name in DIMENSIONS},
    )


class _Reading(NamedTuple):
    """A text as it is compared: its stances, those that differ by place, and its sentences."""

    stances: Mapping[str, Stance]
    placed: dict[str, Stance]
    said: tuple[Statement, ...]


# A text is compared with many others, and reading it costs ten times as much as comparing it.
@lru_cache(maxsize=8_192)
def _reading(text: str, lexicon: Lexicon | None, second: SecondTier | None) -> _Reading:
    claims, said = read_text(text, lexicon, second)
    stances = _keyed(claims)
    return _Reading(stances, _placed(claims, stances), said)


class _Outcome(NamedTuple):
    name: str
    support: float
    predicted: bool
    referred: bool


def _keyed(claims: Iterable[Claim]) -> dict[str, Stance]:
    groups: dict[str, list[Claim]] = {}
    for claim in claims:
        behind = claim.dimension == "sharpness" and claim.locus == "background"
        key = f"{claim.dimension}/background" if behind else claim.dimension
        groups.setdefault(key, []).append(claim)
    return {key: _stance(group) for key, group in groups.items()}


def _placed(claims: Iterable[Claim], stances: Mapping[str, Stance]) -> dict[str, Stance]:
    """Stances by place (`brightness/subject`) for the dimensions in which places differ in sign."""
    groups: dict[str, list[Claim]] = {}
    for claim in claims:
        if claim.dimension in stances:
            groups.setdefault(f"{claim.dimension}/{claim.locus}", []).append(claim)
    placed = {key: _stance(group) for key, group in groups.items()}
    return {
        key: stance
        for key, stance in placed.items()
        if any(
            stance.polarity * other.polarity < 0
            for name, other in placed.items()
            if name.partition("/")[0] == key.partition("/")[0]
        )
    }


def _by_place(
    mine: tuple[dict[str, Stance], dict[str, Stance]],
    theirs: list[tuple[dict[str, Stance], dict[str, Stance]]],
) -> None:
    """Where prediction and reference both part a dimension by place, compare it place by place."""
    for dimension in DIMENSIONS:
        parted = {key for key in mine[1] if key.startswith(f"{dimension}/")}
        if not parted or not all(parted & placed.keys() for _, placed in theirs):
            continue
        for whole, placed in (mine, *theirs):
            whole.pop(dimension, None)
            whole.update({key: placed[key] for key in parted & placed.keys()})


def _stance(claims: list[Claim]) -> Stance:
    value = sum(claim.value for claim in claims) / len(claims)
    polarity = (
        0
        if abs(value) <= 0.5 and len({c.polarity for c in claims}) > 1
        else 0
        if abs(value) < 0.3
        else 1
        if value > 0
        else -1
    )
    modes = {claim.mode for claim in claims if claim.mode and claim.polarity < 0}
    return Stance(polarity, value, modes.pop() if polarity < 0 and len(modes) == 1 else "")


def _together(theirs: Sequence[Mapping[str, Stance]]) -> tuple[dict[str, Stance], set[str]]:
    agreed: dict[str, Stance] = {}
    disputed = set()
    for key in sorted({key for each in theirs for key in each}):
        said = [each[key] for each in theirs if key in each]
        if any(_opposed(one, other) for one in said for other in said):
            disputed.add(key)
            continue
        value = sum(each.value for each in said) / len(said)
        polarity = max((each.polarity for each in said), key=abs)
        agreed[key] = Stance(polarity, value, next((each.mode for each in said if each.mode), ""))
    return agreed, disputed


def _opposed(one: Stance, other: Stance) -> bool:
    if one.polarity * other.polarity < 0:
        return True
    return {one.mode, other.mode} == {"under", "over"}


def _outcome(mine: Stance | None, theirs: Stance | None) -> _Outcome:
    if mine is None or theirs is None:
        return _Outcome(
            "missed" if mine is None else "unmatched", 0.0, mine is not None, mine is None
        )
    if _opposed(mine, theirs):
        return _Outcome("contradicted", 0.0, True, True)
    if mine.polarity != theirs.polarity:
        return _Outcome("unmatched", 0.0, True, True)
    support = max(0.0, 1 - _FADING * abs(mine.value - theirs.value))
    return _Outcome("supported", support, True, True)


def _figures(outcome: Mapping[str, _Outcome], spoken: bool, covered: float) -> dict[str, float]:
    support = sum(each.support for each in outcome.values())
    predicted = sum(each.predicted for each in outcome.values())
    referred = sum(each.referred for each in outcome.values())
    contradicted = sum(each.name == "contradicted" for each in outcome.values())
    return {
        "f1": _ratio(2 * support, predicted + referred),
        "precision": _ratio(support, predicted),
        "recall": _ratio(support, referred),
        "contradiction_rate": _ratio(contradicted, referred),
        "coverage": float(spoken),
        "reference_coverage": covered,
    }


def _dimension(
    name: str,
    outcome: Mapping[str, _Outcome],
    mine: Mapping[str, Stance],
    theirs: Sequence[Mapping[str, Stance]],
) -> DimensionComparison:
    keys = {name, *(f"{name}/{place}" for place in ("image", "subject", "background"))}
    own = {key: each for key, each in outcome.items() if key in keys}
    covered = sum(bool(keys & each.keys()) for each in theirs) / len(theirs)
    return DimensionComparison(**_figures(own, bool(keys & mine.keys()), covered))


def _named(outcome: Mapping[str, _Outcome], name: str) -> tuple[str, ...]:
    return tuple(key for key, each in outcome.items() if each.name == name)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _or_zero(value: float) -> float:
    return 0.0 if value != value else value
