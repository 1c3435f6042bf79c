import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qreasoning.analysis.drawing import Axis, Dot, axis_over, ruler, strip
from qreasoning.analysis.formats import interval, number, percent, percents, signed
from qreasoning.metrics.bootstrap import Estimate

NAN = float("nan")


def test_axis_shows_all_values_and_has_round_ticks() -> None:
    axis = axis_over([0.31, 0.62, NAN])
    assert axis.low < 0.31 and axis.high > 0.62
    assert axis.ticks == (0.3, 0.4, 0.5, 0.6)
    assert axis_over([]).ticks


@given(st.lists(st.floats(-1, 2), min_size=1, max_size=6))
def test_axis_places_every_value_inside_in_order(values: list[float]) -> None:
    axis = axis_over(values)
    places = [axis.at(value) for value in sorted(values)]
    assert places == sorted(places) and places[0] >= 0 and places[-1] <= 100
    assert 1 <= len(axis.ticks) <= 8


def test_strip_draws_dot_whisker_floors_and_people() -> None:
    axis = Axis(0.0, 1.0, (0.0, 0.5, 1.0))
    people = Estimate(0.8, 0.75, 0.85, 9, 0)
    drawn = str(
        strip(axis, [Dot(Estimate(0.5, 0.4, 0.6, 9, 0))], floor=0.2, fixed=0.3, people=people)
    )
    assert '<circle class="dot first" cx="50.0%"' in drawn
    assert '<line class="whisker first" x1="40.6%" x2="59.4%"' in drawn
    assert drawn.count('class="floor"') == drawn.count('class="fixed"') == 1
    assert drawn.count('class="people"') == 2


def test_strip_without_a_number_draws_none() -> None:
    drawn = str(strip(Axis(0.0, 1.0, ()), [Dot(Estimate(NAN, NAN, NAN, 0, 9))]))
    assert not re.findall("circle|whisker|floor|people", drawn)


def test_ruler_escapes_its_labels() -> None:
    assert "<b>" not in str(ruler(Axis(0.0, 1.0, (0.5,)), ["<b>"]))


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.5, "0.500"), (-0.25, "−0.250"), (-0.0001, "0.000"), (NAN, "–"), (None, "–")],
)
def test_number_is_written_with_a_minus_sign_and_a_dash_for_none(
    value: float | None, expected: str
) -> None:
    assert number(value) == expected


def test_signed_percent_and_intervals() -> None:
    assert [signed(0.25), signed(-0.25), signed(0.0), signed(NAN)] == [
        "+0.250",
        "−0.250",
        "0.000",
        "–",
    ]
    assert percent(0.714) == "71\N{NO-BREAK SPACE}%"
    assert interval(Estimate(0, -0.1, 0.2, 9, 0)) == "[−0.100,\N{NO-BREAK SPACE}0.200]"
    assert interval(Estimate(0, NAN, NAN, 1, 0)) == ""
    assert percents(Estimate(0.7, 0.66, 0.76, 9, 0)) == "66 to 76\N{NO-BREAK SPACE}%"
