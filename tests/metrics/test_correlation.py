import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from qreasoning.metrics.correlation import plcc, srcc

RATINGS = st.integers(100, 500).map(lambda hundredths: hundredths / 100)
SAMPLES = st.lists(st.tuples(RATINGS, RATINGS), min_size=3, max_size=40)


def _vary(sample: list[tuple[float, float]]) -> bool:
    return len({x for x, _ in sample}) > 1 and len({y for _, y in sample}) > 1


@given(SAMPLES.filter(_vary))
def test_correlations_of_ratings_equal_scipy(sample: list[tuple[float, float]]) -> None:
    x, y = map(list, zip(*sample, strict=True))
    assert plcc(x, y).value == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-9)
    assert srcc(x, y).value == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-9)


@given(SAMPLES.filter(_vary), st.permutations(range(3)))
def test_correlations_under_permutation_and_monotone_maps_stay(
    sample: list[tuple[float, float]], order: list[int]
) -> None:
    x, y = (np.array(side) for side in zip(*sample, strict=True))
    index = np.r_[order, np.arange(3, len(x))]
    assert plcc(x[index], y[index]).value == pytest.approx(plcc(x, y).value, abs=1e-9)
    assert plcc(3 * x + 7, y).value == pytest.approx(plcc(x, y).value, abs=1e-9)
    assert srcc(np.exp(x), y).value == srcc(x, y).value
    assert srcc(-x, y).value == pytest.approx(-srcc(x, y).value, abs=1e-9)


def test_correlations_with_nan_leave_the_pair_out_and_count_it() -> None:
    x = [1.0, 2.0, math.nan, 3.0, 4.0]
    y = [1.0, 3.0, 2.0, math.nan, 2.0]
    # Kept: (1, 1), (2, 3), (4, 2). Ranks (1, 2, 3) against (1, 3, 2): 1 - 6·2/(3·8) = 0.5.
    assert srcc(x, y) == (pytest.approx(0.5), 3, 2)
    assert plcc(x, y) == (pytest.approx(stats.pearsonr([1, 2, 4], [1, 3, 2]).statistic), 3, 2)


@pytest.mark.parametrize("measure", [plcc, srcc])
@pytest.mark.parametrize(
    ("x", "y", "n"),
    [
        ([0.1] * 10, list(range(10)), 10),
        (list(range(10)), [0.1] * 10, 10),
        ([1, 2], [1, 2], 2),
        ([], [], 0),
    ],
)
def test_correlations_where_undefined_give_nan(measure, x, y, n) -> None:  # type: ignore[no-untyped-def]
    assert math.isnan(measure(x, y).value)
    assert measure(x, y).n == n


def test_correlations_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="equally long"):
        plcc([1, 2, 3], [1, 2])


def test_correlations_of_infinite_values_are_refused() -> None:
    with pytest.raises(ValueError, match="infinite"):
        srcc([1, 2, math.inf], [1, 2, 3])
