import math

import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from qreasoning.metrics import agreement
from qreasoning.metrics.agreement import against_others, alpha, pairwise_srcc
from qreasoning.metrics.bootstrap import counts

NAN = math.nan
STARS = st.one_of(st.integers(1, 5).map(float), st.just(NAN))
TABLES = arrays(float, st.tuples(st.integers(2, 8), st.integers(2, 4)), elements=STARS)
LEVELS = st.sampled_from(["ordinal", "interval"])

# The example of Krippendorff 2011 (nominal, interval and ordinal data), as in krippendorff 0.9.0.
PUBLISHED = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
).T


def _oracle(ratings, level):
    values = ratings[(~np.isnan(ratings)).sum(axis=1) >= 2]
    values = values[~np.isnan(values)]
    if len(set(values)) < 2:
        return NAN
    return krippendorff.alpha(reliability_data=ratings.T, level_of_measurement=level)


@pytest.mark.parametrize(("level", "expected"), [("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_of_the_published_example(level, expected):
    found = alpha(PUBLISHED, level, repetitions=200)
    assert found.value == pytest.approx(expected, abs=5e-4)
    assert (found.n, found.n_left_out) == (11, 1)
    assert found.low < found.value < found.high <= 1


@settings(max_examples=60, deadline=None)
@given(TABLES, LEVELS)
def test_alpha_of_any_table_with_gaps_equals_krippendorff(ratings, level):
    found = alpha(ratings, level, repetitions=3)
    assert found.value == pytest.approx(_oracle(ratings, level), abs=1e-9, nan_ok=True)
    assert found.n + found.n_left_out == len(ratings)


@pytest.mark.parametrize("level", ["ordinal", "interval"])
def test_alpha_of_continuous_ratings_equals_krippendorff(level):
    ratings = np.random.default_rng(0).normal(3, 1, (40, 1)) + np.random.default_rng(1).normal(
        size=(40, 3)
    )
    ratings[np.random.default_rng(2).random(ratings.shape) < 0.3] = NAN
    assert alpha(ratings, level, repetitions=1).value == pytest.approx(
        _oracle(ratings, level), abs=1e-9
    )


@settings(max_examples=20, deadline=None)
@given(TABLES, LEVELS)
def test_alpha_under_renaming_stays(ratings, level):
    value = alpha(ratings, level, repetitions=1).value
    assert alpha(ratings[::-1, ::-1], level, repetitions=1).value == pytest.approx(
        value, abs=1e-9, nan_ok=True
    )
    mapped = np.exp(ratings) if level == "ordinal" else 3 - 2 * ratings
    assert alpha(mapped, level, repetitions=1).value == pytest.approx(value, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("level", ["ordinal", "interval"])
def test_alpha_interval_is_made_of_alphas_of_the_units_drawn(level, monkeypatch):
    ratings = PUBLISHED[:11]
    drawn = np.hstack(list(counts(11, 40, seed=9)))
    again = [np.repeat(ratings, each.astype(int), axis=0) for each in drawn.T]
    expected = np.array([_oracle(each, level) for each in again])
    seen = []
    monkeypatch.setattr(
        agreement.bootstrap, "limits", lambda value, draws, n, share: seen.append(draws) or (0, 1)
    )
    alpha(ratings, level, repetitions=40, seed=9)
    assert seen[0] == pytest.approx(expected, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("ratings", [np.full((4, 3), 2.2), np.empty((0, 3)), np.full((4, 2), NAN)])
def test_alpha_without_variation_or_ratings_is_nan(ratings):
    for level in ("ordinal", "interval"):
        found = alpha(ratings, level, repetitions=5)
        assert math.isnan(found.value) and math.isnan(found.low)


def test_alpha_of_another_level_or_shape_is_refused():
    with pytest.raises(ValueError, match="nominal"):
        alpha(PUBLISHED, "nominal")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"\(units, raters\)"):
        alpha([1.0, 2.0])
    with pytest.raises(ValueError, match="infinite"):
        alpha([[1.0, math.inf]])


def test_pairwise_srcc_is_the_mean_over_pairs_of_what_both_rated():
    found = pairwise_srcc(PUBLISHED, repetitions=100)
    expected = []
    for first in range(4):
        for second in range(first + 1, 4):
            both = PUBLISHED[:, [first, second]]
            both = both[~np.isnan(both).any(axis=1)]
            assert found.overlap[first, second] == len(both)
            expected.append(stats.spearmanr(both[:, 0], both[:, 1]).statistic)
            assert found.matrix[second, first] == pytest.approx(expected[-1])
    assert found.value == pytest.approx(np.mean(expected))
    assert (found.n, found.n_left_out) == (6, 0)
    assert found.low < found.value < found.high


def test_pairwise_srcc_leaves_out_pairs_that_share_too_few_units():
    ratings = np.array([[1.0, 1, NAN], [2, 3, NAN], [3, 2, 4], [4, 4, 5], [NAN, NAN, 1]])
    found = pairwise_srcc(ratings, repetitions=20)
    # Raters 1 and 2 share four units: ranks (1,2,3,4), (1,3,2,4): 1 - 6·2/(4·15) = 0.8.
    assert found.value == pytest.approx(0.8)
    assert (found.n, found.n_left_out) == (1, 2)
    assert math.isnan(pairwise_srcc(ratings[:2], repetitions=2).value)


def test_against_others_finds_the_shifted_and_the_flat_rater():
    truth = np.linspace(1.5, 4.5, 30)
    found = against_others(np.c_[truth, truth + 0.9, np.full(30, 3.0)])
    # The third's 3.0 against the mean of truth and truth + 0.9: mean 3.0 - 3.45.
    assert found.bias == pytest.approx([-0.45, 0.9, -0.45])
    assert math.isnan(found.srcc[2]) and found.srcc[:2] == pytest.approx([1, 1])
    # Own spread against the mean of one truth and one constant: twice as wide.
    assert found.spread == pytest.approx([2, 2, 0])
    assert found.n.tolist() == [30, 30, 30]


def test_against_others_without_others_is_nan():
    found = against_others([[1.0, NAN], [2.0, NAN], [3.0, NAN]])
    assert found.n.tolist() == [0, 0] and np.isnan(found.srcc).all() and np.isnan(found.bias).all()


def test_against_others_ranks_and_line_are_scipys():
    first, second = [1.0, 2.0, 3.0, 4.0, 9.0], [1.0, 3.0, 2.0, 4.0, 5.0]
    found = against_others(np.array([first, second]).T)
    # 5 pairs, d² = 0, 1, 1, 0, 0: 1 - 6·2 / (5·24) = 0.9.
    assert found.srcc.tolist() == pytest.approx([0.9, 0.9])
    line = float(stats.pearsonr(first, second).statistic)
    assert line != pytest.approx(0.9, abs=0.01)
    assert found.plcc.tolist() == pytest.approx([line, line])
    assert found.n.tolist() == [5, 5]


def test_against_others_who_never_vary_has_no_spread():
    found = against_others(np.array([[1.0, 3.0], [2.0, 3.0], [4.0, 3.0]]))
    # The first against threes only; the second, who never varies, against 1, 2 and 4.
    assert np.isnan(found.spread[0]) and found.spread[1] == 0


def test_pairwise_srcc_needs_three_shared_units_by_default():
    ratings = np.full((5, 3), np.nan)
    ratings[:3, 0], ratings[:3, 1] = [1, 2, 3], [1, 3, 2]  # three shared: counts
    ratings[1:3, 2] = [5, 4]  # two shared with either: does not
    found = pairwise_srcc(ratings)
    assert (found.n, found.n_left_out) == (1, 2)
    # d² = 0, 1, 1: 1 - 6·2 / (3·8) = 0.5.
    assert found.value == pytest.approx(0.5)
    assert found.matrix[0, 1] == found.matrix[1, 0] == found.value


def test_known_means_are_over_what_is_known_and_nan_where_nothing_is():
    draws = np.array([[1.0, np.nan, np.nan], [4.0, 5.0, np.nan]])
    np.testing.assert_array_equal(agreement._known_means(draws), [2.5, 5.0, np.nan])
