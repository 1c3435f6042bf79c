import math

import numpy as np
import pandas as pd
import pingouin
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qreasoning.metrics.icc import icc

KINDS = ("1,1", "A,1", "C,1", "1,k", "A,k", "C,k")
NAN = math.nan


def _simulated(seed, units=40, raters=4, gaps=0.0, bias=0.5, noise=0.7):
    random = np.random.default_rng(seed)
    ratings = random.normal(3, 1, (units, 1)) + random.normal(0, bias, raters)
    ratings = ratings + random.normal(0, noise, (units, raters))
    ratings[random.random((units, raters)) < gaps] = NAN
    return ratings


def _pingouin(ratings):
    long = pd.DataFrame(ratings).reset_index().melt("index")
    table = pingouin.intraclass_corr(long, "index", "variable", "value")
    return {row.Type[4:-1]: (row.ICC, row.CI95) for row in table.itertuples()}


def test_icc_of_the_published_wines_equals_the_published_table():
    # Table of pingouin's documentation (Shrout and Fleiss' design on its wine data).
    data = pingouin.read_dataset("icc")
    wines = data.pivot_table(index="Wine", columns="Judge", values="Scores").to_numpy()
    expected = (0.728, 0.728, 0.729, 0.914, 0.914, 0.915)
    assert [icc(wines, kind).value for kind in KINDS] == pytest.approx(expected, abs=5e-4)
    found = icc(wines, "A,1")
    assert (found.low, found.high) == (pytest.approx(0.43, abs=5e-3), pytest.approx(0.93, abs=5e-3))


@pytest.mark.parametrize("seed", range(3))
def test_icc_without_gaps_equals_pingouin_with_its_interval(seed):
    ratings = _simulated(seed, units=12, raters=3 + seed)
    expected = _pingouin(ratings)
    for kind in KINDS:
        found = icc(ratings, kind)
        assert found.value == pytest.approx(expected[kind][0], abs=1e-9)
        assert (found.low, found.high) == pytest.approx(tuple(expected[kind][1]), abs=0.006)
        assert found.complete and found.interval == "F" and found.k == ratings.shape[1]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(KINDS))
def test_icc_with_gaps_equals_the_fit_by_least_squares(seed, kind):
    ratings = _simulated(seed, units=9, raters=3, gaps=0.25)
    found = icc(ratings, kind, repetitions=2)
    used = ratings[(~np.isnan(ratings)).sum(axis=1) >= 2]
    used = used[:, ~np.isnan(used).all(axis=0)]
    assert found.value == pytest.approx(_by_fitting_constants(used, kind), abs=1e-8, nan_ok=True)
    assert found.n == len(used) and found.n_left_out == 9 - len(used)


def _by_fitting_constants(used, kind):
    """Henderson's method 3 with explicit projections: expected sums of squares are traces."""
    unit, rater = np.nonzero(~np.isnan(used))
    y = used[unit, rater]
    pictures, raters = np.eye(len(used))[unit], np.eye(used.shape[1])[rater]

    def rest(*designs):
        design = np.hstack(designs)
        return np.eye(len(y)) - design @ np.linalg.pinv(design)

    whole, no_rater, no_picture = rest(pictures, raters), rest(pictures), rest(raters)
    if kind.startswith("1"):
        nothing = rest(np.ones((len(y), 1)))
        error = y @ no_rater @ y / np.trace(no_rater)
        adjusted = nothing - no_rater
    else:
        if round(np.trace(whole)) == 0:
            return NAN
        error = y @ whole @ y / np.trace(whole)
        adjusted = no_picture - whole
    picture = (y @ adjusted @ y - error * np.trace(adjusted)) / np.trace(
        pictures.T @ adjusted @ pictures
    )
    by_rater = no_rater - whole
    bias = (y @ by_rater @ y - error * np.trace(by_rater)) / np.trace(raters.T @ by_rater @ raters)
    noise = error if kind[0] in "1C" else error + bias
    k = len(used) / (1 / pictures.sum(axis=0)).sum() if kind.endswith("k") else 1
    return picture / (picture + noise / k)


def test_icc_of_ratings_with_gaps_is_near_that_of_the_whole_table():
    whole = _simulated(5, units=400, raters=5)
    holes = whole.copy()
    holes[np.random.default_rng(1).random(whole.shape) < 0.3] = NAN
    for kind in ("1,1", "A,1", "C,1"):
        expected, found = icc(whole, kind), icc(holes, kind)
        assert found.value == pytest.approx(expected.value, abs=0.04)
        assert found.low < expected.value < found.high
        assert not found.complete and found.interval == "bootstrap" and 2 < found.k < 5


def test_icc_of_consistency_ignores_bias_and_of_agreement_does_not():
    ratings = _simulated(2, bias=0, noise=0.3)
    shifted = ratings + np.arange(4.0)
    assert icc(shifted, "C,1").value == pytest.approx(icc(ratings, "C,1").value)
    assert icc(shifted, "A,1").value < icc(ratings, "A,1").value - 0.2


@pytest.mark.parametrize(
    "ratings",
    [np.full((5, 3), 0.1), np.empty((0, 3)), np.full((3, 3), NAN), [[1.0, 2.0]], [[1.0], [2.0]]],
)
def test_icc_where_undefined_is_nan(ratings):
    for kind in KINDS:
        found = icc(ratings, kind, repetitions=3)
        assert math.isnan(found.value) and math.isnan(found.low) and math.isnan(found.high)


def test_icc_of_perfect_agreement_is_one():
    ratings = np.repeat(np.arange(6.0)[:, None], 3, axis=1)
    for kind in KINDS:
        found = icc(ratings, kind)
        assert found.value == pytest.approx(1) and found.low == pytest.approx(1)


def test_icc_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="2,1"):
        icc(np.zeros((3, 3)), "2,1")  # type: ignore[arg-type]
