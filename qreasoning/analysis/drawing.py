"""Dots and whiskers as small inline SVG, drawn in per cent so that they fit any width.

Nothing here holds a text that a person or a model wrote.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from qreasoning.metrics.bootstrap import Estimate

_MARGIN = 3.0
"""Per cent kept free at both ends, so that no dot is cut."""
_NEAR = 15.0
_STEPS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0)
_TICKS = 5
_LEAST = 0.02
"""An axis is at least as long as this: a difference below it should not look like one."""


@dataclass(frozen=True)
class Axis:
    """A horizontal axis from `low` to `high` with ticks at round values."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        """Where a value stands, in per cent of the width; outside values stand at the ends."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(_MARGIN + share * (100 - 2 * _MARGIN), 2)


def axis_over(values: Sequence[float], *, room: float = 0.06) -> Axis:
    """An axis that shows all of `values` that are numbers, with a little room at both ends."""
    known = [value for value in values if not math.isnan(value)] or [0.0, 1.0]
    low, high = min(known), max(known)
    missing = max(_LEAST - (high - low), 0.0) / 2
    low, high = low - missing, high + missing
    low, high = low - room * (high - low), high + room * (high - low)
    step = next((each for each in _STEPS if (high - low) / each <= _TICKS), _STEPS[-1])
    first = math.ceil(low / step)
    count = math.floor(high / step) - first + 1
    return Axis(low, high, tuple(round((first + place) * step, 6) for place in range(count)))


def ruler(axis: Axis, labels: Sequence[str]) -> Markup:
    """The axis itself: a label over each tick."""
    marks = Markup().join(
        Markup('<text x="{}%" y="12" text-anchor="{}">{}</text>').format(
            axis.at(tick), _anchor(axis.at(tick)), label
        )
        for tick, label in zip(axis.ticks, labels, strict=True)
    )
    return Markup('<svg class="ruler" aria-hidden="true" focusable="false">{}</svg>').format(marks)


def _anchor(place: float) -> str:
    """Labels near an end grow away from it, so that none is cut."""
    return "start" if place < _NEAR else "end" if place > 100 - _NEAR else "middle"


@dataclass(frozen=True)
class Dot:
    """A value with its whisker; `kind` is a class of the page's style."""

    estimate: Estimate
    kind: str = "first"


def strip(
    axis: Axis,
    dots: Sequence[Dot],
    *,
    floor: float = math.nan,
    fixed: float = math.nan,
    people: Estimate | None = None,
) -> Markup:
    """One row: the dots over a rail, with the floors as strokes and the people as a band.

    The same numbers stand beside it as text, so it is hidden from screen readers.
    """
    height = 26 if len(dots) < 2 else 34
    parts = [_line("rail", 0, 100, height / 2, height / 2)]
    parts += [_line("tick", axis.at(t), axis.at(t), 0, height) for t in axis.ticks]
    if people is not None and not math.isnan(people.value):
        parts.append(_band(axis, people, height))
    for kind, value in (("floor", floor), ("fixed", fixed)):
        if not math.isnan(value):
            parts.append(_line(kind, axis.at(value), axis.at(value), 4, height - 4))
    for place, dot in enumerate(dots):
        parts += _dot(axis, dot, height * (place + 1) / (len(dots) + 1))
    return Markup(
        '<svg class="strip" height="{}" aria-hidden="true" focusable="false">{}</svg>'
    ).format(height, Markup().join(parts))


def _band(axis: Axis, people: Estimate, height: float) -> Markup:
    low, high = (people.value if math.isnan(x) else x for x in (people.low, people.high))
    left, right = axis.at(low), axis.at(high)
    band = Markup('<rect class="people" x="{}%" width="{}%" y="0" height="{}"/>').format(
        left, round(max(right - left, 0.4), 2), height
    )
    return band + _line("people", axis.at(people.value), axis.at(people.value), 0, height)


def _dot(axis: Axis, dot: Dot, y: float) -> list[Markup]:
    value, low, high = dot.estimate[:3]
    if math.isnan(value):
        return []
    y = round(y, 1)
    found = []
    if not math.isnan(low + high):
        found.append(_line(f"whisker {dot.kind}", axis.at(low), axis.at(high), y, y))
    circle = Markup('<circle class="{}" cx="{}%" cy="{}" r="4.5"/>')
    return [*found, circle.format(f"dot {dot.kind}", axis.at(value), y)]


def _line(kind: str, x1: float, x2: float, y1: float, y2: float) -> Markup:
    return Markup('<line class="{}" x1="{}%" x2="{}%" y1="{}" y2="{}"/>').format(
        kind, x1, x2, round(y1, 1), round(y2, 1)
    )
