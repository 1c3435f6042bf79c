import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from qreasoning.metrics.bootstrap import (
    Replicates,
    counts,
    differences,
    holm,
    intervals,
    limits,
    means,
    plcc,
    srcc,
)

RATINGS = st.one_of(st.integers(10, 50).map(lambda tenths: tenths / 10), st.just(math.nan))
SIDES = st.integers(4, 12).flatmap(
    lambda n: st.tuples(arrays(float, (n, 2), elements=RATINGS), arrays(float, n, elements=RATINGS))
)


def _drawn_again(values, drawn):
    return np.repeat(values, drawn.astype(int), axis=0)


def _by_scipy(measure, x, y):
    kept = ~(np.isnan(x) | np.isnan(y))
    x, y = x[kept], y[kept]
    if len(x) < 3 or len(set(x)) == 1 or len(set(y)) == 1:
        return math.nan
    return measure(x, y).statistic


@settings(max_examples=40, deadline=None)
@given(SIDES)
def test_replicates_of_correlations_equal_scipy_on_the_pictures_drawn(sides):
    x, y = sides
    ours = {stats.pearsonr: plcc(x, y, repetitions=6), stats.spearmanr: srcc(x, y, repetitions=6)}
    drawn = np.hstack(list(counts(len(y), 6)))
    for measure, replicates in ours.items():
        for model in range(2):
            expected = _by_scipy(measure, x[:, model], y)
            assert replicates.values[model] == pytest.approx(expected, abs=1e-9, nan_ok=True)
            for each in range(6):
                again = _drawn_again(np.c_[x[:, model], y], drawn[:, each])
                expected = _by_scipy(measure, again[:, 0], again[:, 1])
                found = replicates.draws[each, model]
                assert found == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_replicates_of_means_leave_gaps_out_and_count_them():
    values = np.array([[1.0, 5.0], [2.0, math.nan], [6.0, 1.0]])
    found = means(values, repetitions=20, seed=3)
    drawn = np.hstack(list(counts(3, 20, seed=3)))
    assert found.values.tolist() == [3.0, 3.0]
    assert found.n.tolist() == [3, 2] and found.n_left_out.tolist() == [0, 1]
    for each in range(20):
        again = _drawn_again(values, drawn[:, each])
        with np.errstate(invalid="ignore"):
            expected = np.array(
                [np.nanmean(c) if (~np.isnan(c)).any() else np.nan for c in again.T]
            )
        assert found.draws[each] == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_counts_in_chunks_of_any_size_are_the_same():
    whole = np.hstack(list(counts(7, 10, seed=5)))
    assert (np.hstack(list(counts(7, 10, seed=5, chunk=3))) == whole).all()
    assert (whole.sum(axis=0) == 7).all() and whole.shape == (7, 10)
    assert (whole != np.hstack(list(counts(7, 10, seed=6)))).any()


def test_models_alone_or_together_have_the_same_replicates():
    random = np.random.default_rng(0)
    y = random.normal(size=30)
    x = y[:, None] + random.normal(size=(30, 3))
    together = srcc(x, y, repetitions=50)
    assert (srcc(x[:, 1], y, repetitions=50).draws[:, 0] == together.draws[:, 1]).all()


def test_a_constant_model_has_no_correlation_and_no_interval():
    y = np.arange(20.0)
    for measure in (plcc, srcc):
        (found,) = intervals(measure(np.full(20, 0.1), y, repetitions=30))
        assert math.isnan(found.value) and math.isnan(found.low) and math.isnan(found.high)


def test_no_units_give_nan():
    (found,) = intervals(means(np.empty(0), repetitions=5))
    assert math.isnan(found.value) and found.n == 0


def test_interval_for_few_units_is_wider_than_the_percentiles():
    # Replicates at the quantiles of the normal distribution: median 0, no bias.
    draws = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    low, high = limits(0.0, draws, 8)
    # t of 7 degrees of freedom, 2.365, times √(8/7); the plain percentile would be 1.960.
    assert (low, high) == (pytest.approx(-2.528, abs=0.01), pytest.approx(2.528, abs=0.01))


def test_interval_of_biased_replicates_moves_against_the_bias():
    # The replicates' median is half a standard deviation below the value: z0 = Φ⁻¹(Φ(0.5)) = 0.5,
    # so the limits are those at ±1.96 + 2·0.5, less the shift: 0.5 ± 1.96.
    draws = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000) - 0.5
    low, high = limits(0.0, draws, 10**9)
    assert (low, high) == (pytest.approx(0.5 - 1.96, abs=0.01), pytest.approx(0.5 + 1.96, abs=0.02))


def test_interval_of_one_unit_is_undefined():
    (found,) = intervals(means([3.0], repetitions=10))
    assert found.value == 3.0 and math.isnan(found.low) and math.isnan(found.high)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_never_below_p_and_keeps_its_order(p):
    adjusted = holm(p)
    assert (adjusted >= np.array(p)).all() and (adjusted <= 1).all()
    assert adjusted.min() == pytest.approx(min(1.0, len(p) * min(p)))
    order = np.argsort(p, kind="stable")
    assert (np.diff(adjusted[order]) >= 0).all()


def test_holm_of_a_worked_example():
    # Sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1: 0.04, 0.06, 0.06, 0.04; never falling: 0.06.
    expected = [0.06, 0.04, 0.06, math.nan, 0.06]
    assert holm([0.03, 0.01, 0.04, math.nan, 0.02]) == pytest.approx(expected, nan_ok=True)


def test_differences_find_the_better_model_and_no_other():
    random = np.random.default_rng(4)
    y = random.normal(size=400)
    noise = random.normal(size=(400, 3))
    x = y[:, None] + noise * [0.3, 1.0, 1.0]
    found = {(each.first, each.second): each for each in differences(srcc(x, y, repetitions=1000))}
    assert found[0, 1].real and found[0, 2].real and not found[1, 2].real
    assert found[0, 1].low > 0 and found[0, 1].low < found[0, 1].value < found[0, 1].high
    assert found[0, 1].p == pytest.approx(2 / 1001)
    assert found[0, 1].p_holm == pytest.approx(3 * 2 / 1001)


def test_a_model_against_itself_is_no_difference():
    y = np.random.default_rng(2).normal(size=50)
    x = np.c_[y**3, y**3]
    (found,) = differences(plcc(x, y, repetitions=100))
    assert (found.value, found.low, found.high, found.p, found.real) == (0, 0, 0, 1, False)


def test_differences_with_a_model_without_values_are_nan():
    replicates = means(np.c_[np.arange(5.0), np.full(5, np.nan)], repetitions=50)
    (found,) = differences(replicates)
    assert math.isnan(found.p) and math.isnan(found.p_holm) and not found.real


def test_replicates_are_frozen():
    replicates = means([1.0, 2.0], repetitions=2)
    assert isinstance(replicates, Replicates)
    with pytest.raises(AttributeError):
        replicates.values = np.zeros(1)


@pytest.mark.parametrize("measure", [plcc, srcc])
def test_correlations_of_wrong_shapes_and_infinities_are_refused(measure):
    with pytest.raises(ValueError, match="one value for each of 3 units"):
        measure(np.zeros((3, 2)), np.zeros(2))
    with pytest.raises(ValueError, match="infinite"):
        measure([1.0, math.inf, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="shape"):
        means(np.zeros((2, 2, 2)))
