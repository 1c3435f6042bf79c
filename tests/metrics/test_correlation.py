import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from qreasoning.metrics.correlation import krcc, logistic4, outlier_ratio, plcc, rmse, srcc

RATINGS = st.integers(100, 500).map(lambda hundredths: hundredths / 100)
SAMPLES = st.lists(st.tuples(RATINGS, RATINGS), min_size=3, max_size=40)


def _vary(sample: list[tuple[float, float]]) -> bool:
    return len({x for x, _ in sample}) > 1 and len({y for _, y in sample}) > 1


@settings(deadline=None)
@given(SAMPLES.filter(_vary))
def test_correlations_of_ratings_equal_scipy(sample: list[tuple[float, float]]) -> None:
    x, y = map(list, zip(*sample, strict=True))
    assert plcc(x, y).value == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-9)
    assert srcc(x, y).value == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-9)


@settings(deadline=None)
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
    assert krcc(x, y) == (pytest.approx(1 / 3), 3, 2)
    assert rmse(x, y) == (pytest.approx(math.sqrt((0 + 1 + 4) / 3)), 3, 2)


def test_measures_of_numbers_in_narrow_types_are_those_of_the_numbers() -> None:
    # Bytes would wrap round at 1 - 2 = 255; half precision would end at the third digit.
    x, y = np.array([1, 2, 9, 4], np.uint8), np.array([2, 1, 8, 7], np.uint8)
    assert rmse(x, y).value == pytest.approx(math.sqrt((1 + 1 + 1 + 9) / 4))
    assert outlier_ratio(x, y, np.array([1, 1, 1, 1], np.uint8)) == (0.25, 4, 0)
    for left, right in ((x, y), (y, x)):
        narrow = np.sqrt(left).astype(np.float16)
        wide = narrow.astype(np.float64)
        assert plcc(narrow, right).value == plcc(wide, right).value
        assert plcc(right, narrow).value == plcc(right, wide).value


def test_plcc_of_exact_lines_is_one_at_any_size() -> None:
    x = np.array([0.0, 0.2, 0.6])
    for y in (x / 7 + 0.6, x * 1e-200, x * 1e200):
        assert plcc(x, y).value == 1 and plcc(y, -x).value == -1


@pytest.mark.parametrize("measure", [plcc, srcc])
@pytest.mark.parametrize(
    ("x", "y", "n"),
    [
        # The mean of seven times 0.1 is another number than 0.1.
        ([0.1] * 7, [0, 1, 2, 3, 4, 5, 9], 7),
        ([0, 1, 2, 3, 4, 5, 9], [0.1] * 7, 7),
        ([0.1] * 7, [0.1] * 7, 7),
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
    with pytest.raises(ValueError, match=r"^correlation is not defined for infinite values$"):
        srcc([1, 2, math.inf], [1, 2, 3])


@settings(deadline=None)
@given(SAMPLES.filter(_vary))
def test_krcc_rmse_of_ratings_equal_scipy_and_numpy(sample: list[tuple[float, float]]) -> None:
    x, y = map(np.array, zip(*sample, strict=True))
    assert krcc(x, y).value == pytest.approx(stats.kendalltau(x, y).statistic, abs=1e-9)
    assert krcc(np.exp(x), -y).value == pytest.approx(-krcc(x, y).value, abs=1e-9)
    assert rmse(x, y).value == pytest.approx(np.linalg.norm(x - y) / math.sqrt(len(x)))
    assert rmse(x, x).value == 0


def test_every_measure_says_what_it_left_out_and_why() -> None:
    x, y = [1.0, math.nan, 2.0, 3.0], [1.0, 2.0, 2.0, 2.0]
    assert srcc(x, y).why == "1 without a number on every side"
    assert srcc(x, [2.0] * 4).why == "1 without a number on every side; one side is constant"
    assert krcc([1, 2], [2, 1]).why == "fewer than 3 pairs"
    assert plcc([1, 2, 3], [1, 2, 4]).why == ""
    assert rmse([], []).why == "no pairs"
    assert logistic4(x, y).why == "1 without a number on every side; fewer than 5 pairs"


def test_outlier_ratio_of_a_worked_example() -> None:
    predicted, mos = [3.0, 3.0, 3.0, 3.0, 3.0], [3.5, 3.9, 4.2, 1.0, 3.0]
    spread = [0.4, 0.4, 0.5, 0.5, math.nan]
    # Twice the spread allows 0.8, 0.8, 1.0, 1.0: errors 0.5 (in), 0.9, 1.2 and 2.0 (out).
    assert outlier_ratio(predicted, mos, spread) == (0.75, 4, 1)
    # 95 % intervals of four raters: t(3) 3.182/√4 = 1.591 of the spread, 0.64, 0.64, 0.80, 0.80;
    # the fourth picture has one rater, so no interval.
    raters = [4, 4, 4, 1, 4]
    assert outlier_ratio(predicted, mos, spread, raters) == (pytest.approx(2 / 3), 3, 2)
    assert math.isnan(outlier_ratio([], [], []).value)
    # As far as is allowed is not farther.
    assert outlier_ratio([3.0], [3.5], [0.25]).value == 0
    # Two raters: t(1) 12.706/√2 = 8.985 spreads; three: t(2) 4.303/√3 = 2.484 spreads.
    for count, inside, outside in ((2, 8.98, 8.99), (3, 2.48, 2.49)):
        predicted = [3 + inside / 10, 3 + outside / 10]
        assert outlier_ratio(predicted, [3, 3], [0.1, 0.1], [count, count]) == (0.5, 2, 0)


def test_logistic_recovers_the_curve_it_was_made_with() -> None:
    x = np.linspace(-3, 3, 60)
    y = 1.2 + 3.5 / (1 + np.exp(-(x - 0.4) / 0.7))
    found = logistic4(x, y)
    assert found.parameters == pytest.approx((1.2, 4.7, 0.4, 0.7), abs=1e-4)
    assert found.plcc == pytest.approx(1) and found.rmse == pytest.approx(0, abs=1e-6)
    assert found.monotone and found.same_sign and found.why == ""
    assert found.plcc > plcc(x, y).value


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_logistic_never_fits_worse_than_flat_nor_turns_the_sign(seed: int) -> None:
    random = np.random.default_rng(seed)
    x = random.normal(size=30)
    y = random.choice([-1, 1]) * x + random.normal(size=30)
    found = logistic4(x, y)
    if found.why:
        assert math.isnan(found.plcc) and math.isnan(found.rmse)
    else:
        assert plcc(x, y).value > 0 and found.plcc > 0 and found.rmse <= y.std() + 1e-9


def test_logistic_of_a_reversed_model_has_no_value() -> None:
    random = np.random.default_rng(0)
    mos = random.uniform(1, 5, 200)
    reversed_model = -mos + random.normal(0, 1, 200)
    found = logistic4(reversed_model, mos)
    assert plcc(reversed_model, mos).value < -0.6
    assert math.isnan(found.plcc) and not found.monotone and not found.same_sign
    assert "does not rise" in found.why


def test_logistic_that_rises_where_the_raw_values_fall_has_no_value() -> None:
    # One prediction far off turns the raw correlation; the curve leaves it out and rises.
    x = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 100]
    found = logistic4(x, [1, 1, 1.5, 2, 3, 4, 4.5, 5, 5, 5, 0])
    assert found.monotone and not found.same_sign and math.isnan(found.plcc)
    assert found.why == "the raw correlation is not positive"


def test_logistic_that_is_a_step_has_no_value() -> None:
    x = np.linspace(-3, 3, 200)
    # A needle's width of the predictions, and predictions that are two values only.
    for step in (logistic4(x, np.where(x < 0, 1, 5)), logistic4([1, 1, 1, 2, 2], [1, 2, 3, 4, 5])):
        assert not step.monotone and step.same_sign and math.isnan(step.rmse)
        assert step.why == "the fitted curve does not rise over the predictions"
    assert logistic4([1, 1, 2, 2, 3, 3], [1, 2, 3, 3, 4, 5]).monotone


def test_logistic_of_constants_or_four_pairs_has_no_value() -> None:
    nothing = (pytest.approx(math.nan, nan_ok=True),) * 2
    levels = pytest.approx((math.nan,) * 4, nan_ok=True)
    why = "1 without a number on every side; one side is constant"
    x = [2.0] * 5 + [math.nan]
    assert logistic4(x, np.arange(6.0)) == (*nothing, levels, 5, 1, False, False, why)
    assert logistic4(x, np.arange(6.0))[-3:-1] == (False, False)
    assert logistic4([1, 2, 3, 4], [1, 2, 3, 5]).why == "fewer than 5 pairs"


def test_logistic_of_five_pairs_has_a_value_and_counts_the_sixth() -> None:
    found = logistic4([1, 2, 3, 4, 5, 6], [1, 1.5, 3, 4.5, 5, math.nan])
    assert (found.n, found.n_left_out) == (5, 1) and 0.99 < found.plcc <= 1
    assert found.why == "1 without a number on every side"
