from math import sqrt

import numpy as np
import pytest

from qreasoning.annotation.needs import needs

nan = np.nan


def test_needs_come_by_how_much_the_mean_would_narrow():
    scores = np.array([[1.0, 5, nan], [3, 3, nan], [3, 3, 3], [4, nan, nan], [nan] * 3])
    found = needs(("apart", "alike", "three", "single", "none"), scores, {})
    # Squares: 8, 0, 0 with 1 + 1 + 2 degrees of freedom, so the pooled variance is 2.
    assert [each.unit for each in found] == ["single", "apart", "alike", "three"]
    single, apart, alike, three = found
    assert single.narrower == pytest.approx(sqrt(2) * (1 - 1 / sqrt(2)))
    assert apart.narrower == pytest.approx(sqrt((8 + 8) / 5) * (1 / sqrt(2) - 1 / sqrt(3)))
    assert alike.narrower == pytest.approx(sqrt(8 / 5) * (1 / sqrt(2) - 1 / sqrt(3)))
    assert three.error == pytest.approx(sqrt(8 / 6) / sqrt(3))
    assert (apart.answers, apart.mean) == (2, 3.0)


def test_units_still_short_of_their_planned_answers_are_not_needy_yet():
    scores = np.array([[1.0, 5, nan], [4, nan, nan]])
    assert [each.unit for each in needs(("a", "b"), scores, {"a": 2, "b": 2})] == ["a"]
    assert needs((), np.empty((0, 3)), {}) == []


def test_more_answers_at_the_same_spread_are_less_needy():
    scores = np.array([[2.0, 4, nan, nan], [2, 4, 2, 4]])
    assert [each.unit for each in needs(("a", "b"), scores, {})] == ["a", "b"]
