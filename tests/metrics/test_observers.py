import contextlib
import io
import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sureal.dataset_reader import RawDatasetReader
from sureal.subjective_model import SubjectMLEModelProjectionSolver, SubjrejMosModel

from qreasoning.metrics.observers import bt500, p910

NAN = math.nan


def _simulated(seed, units=60, raters=10, gaps=0.0, stars=False, noise=None):
    random = np.random.default_rng(seed)
    noise = random.uniform(0.3, 0.9, raters) if noise is None else np.full(raters, noise)
    ratings = random.uniform(1.5, 4.5, (units, 1)) + random.normal(0, 0.4, raters)
    ratings = ratings + random.normal(size=(units, raters)) * noise
    ratings = np.clip(np.round(ratings), 1, 5) if stars else ratings
    ratings[random.random((units, raters)) < gaps] = NAN
    return ratings


def _sureal(model, ratings):
    videos = [
        {
            "content_id": each,
            "asset_id": each,
            "path": str(each),
            "os": {str(rater): float(one) for rater, one in enumerate(row) if not np.isnan(one)},
        }
        for each, row in enumerate(ratings)
    ]
    references = [
        {"content_id": each, "content_name": str(each), "path": str(each)}
        for each in range(len(ratings))
    ]
    dataset = SimpleNamespace(dis_videos=videos, ref_videos=references)
    with contextlib.redirect_stdout(io.StringIO()):
        return model(RawDatasetReader(dataset)).run_modeling()


@pytest.mark.parametrize(("seed", "gaps"), [(0, 0.0), (1, 0.2), (2, 0.4)])
def test_p910_without_guards_equals_sureal(seed, gaps):
    ratings = _simulated(seed, gaps=gaps)
    theirs = _sureal(SubjectMLEModelProjectionSolver, ratings)
    ours = p910(ratings, least_raters=2, floor=0)
    assert ours.model == "subject" and ours.reason == ""
    order = [theirs["observers"].index(str(rater)) for rater in range(ratings.shape[1])]
    assert ours.score == pytest.approx(np.array(theirs["quality_scores"]), abs=1e-6)
    assert ours.error == pytest.approx(np.array(theirs["quality_scores_std"]), abs=1e-6)
    for mine, key in ((ours.bias, "observer_bias"), (ours.inconsistency, "observer_inconsistency")):
        assert mine == pytest.approx(np.array(theirs[key])[order], abs=1e-6)


@pytest.mark.parametrize("gaps", [0.0, 0.2])
def test_p910_of_well_behaved_raters_is_untouched_by_its_guards(gaps):
    ratings = _simulated(3, raters=12, gaps=gaps)
    guarded, free = p910(ratings), p910(ratings, least_raters=2, floor=0)
    assert guarded.model == "subject"
    assert guarded.score == pytest.approx(free.score, abs=1e-6)


def test_p910_recovers_scores_bias_and_inconsistency():
    random = np.random.default_rng(8)
    truth, bias = random.uniform(1, 5, 500), np.linspace(-1, 1, 12)
    noise = np.linspace(0.3, 1.2, 12)
    found = p910(truth[:, None] + bias + random.normal(size=(500, 12)) * noise)
    assert found.bias == pytest.approx(bias, abs=0.15)
    assert found.inconsistency == pytest.approx(noise, abs=0.1)
    # Standardised errors of the recovered scores have a standard deviation of about 1.
    assert ((found.score - truth) / found.error).std() == pytest.approx(1, abs=0.12)


@pytest.mark.parametrize("seed", range(4))
def test_p910_of_three_equal_raters_collapses_in_sureal_and_not_here(seed):
    ratings = _simulated(seed, units=100, raters=3, noise=0.6)
    theirs = _sureal(SubjectMLEModelProjectionSolver, ratings)
    assert min(theirs["observer_inconsistency"]) < 1e-3
    ours = p910(ratings)
    assert ours.model == "bias" and "3 ratings per unit" in ours.reason
    assert ours.score == pytest.approx(ratings.mean(axis=1), abs=1e-9)
    forced = p910(ratings, least_raters=2)
    assert forced.model == "bias" and "collapsed onto rater" in forced.reason


def test_p910_with_gaps_removes_the_bias_that_a_plain_mean_keeps():
    truth = np.linspace(1, 5, 40)
    ratings = truth[:, None] + [-1.0, 0.0, 1.0]
    ratings[:20, 2] = NAN
    found = p910(ratings)
    assert found.model == "bias"
    assert found.score == pytest.approx(truth, abs=1e-6)
    assert found.bias == pytest.approx([-1, 0, 1], abs=1e-6)


def test_p910_leaves_out_units_and_raters_without_ratings():
    found = p910([[1.0, 2.0, NAN], [NAN, NAN, NAN], [3.0, 3.0, NAN]])
    assert (found.n, found.n_left_out) == (2, 1)
    assert math.isnan(found.score[1]) and math.isnan(found.bias[2])
    assert math.isnan(found.inconsistency[2]) and np.isfinite(found.score[[0, 2]]).all()
    assert p910(np.full((2, 2), NAN)).n == 0


@pytest.mark.parametrize("seed", range(3))
def test_bt500_with_ddof_0_equals_sureal(seed):
    ratings = _simulated(seed, units=80, raters=18, stars=True)
    random = np.random.default_rng(seed)
    ratings[:, 4] = random.integers(1, 6, 80)
    # sureal counts a unit that all rate alike against everybody; there is none here.
    assert (ratings.std(axis=1) > 0).all()
    theirs = _sureal(SubjrejMosModel, ratings)
    order = [theirs["observers"].index(str(rater)) for rater in range(18)]
    ours = bt500(ratings, ddof=0)
    assert ours.rejected.tolist() == np.array(theirs["observer_rejected"])[order].tolist()
    expected = np.array(theirs["observer_rejected_1st_stats"])[order]
    assert ours.outside == pytest.approx(expected)
    assert ours.rejected[4]
    expected = np.array(theirs["observer_rejected_2nd_stats"])[order]
    assert ours.asymmetry == pytest.approx(expected, nan_ok=True)


def _by_the_book(ratings):
    """BT.500-14 A1-2.3.1 in loops: the counts above and below per rater."""
    above, below = np.zeros(ratings.shape[1], int), np.zeros(ratings.shape[1], int)
    for row in ratings:
        there = np.flatnonzero(~np.isnan(row))
        scores = row[there]
        if len(scores) < 2 or len(set(scores)) == 1:
            continue
        mean, spread = scores.mean(), scores.std(ddof=1)
        kurtosis = ((scores - mean) ** 4).mean() / ((scores - mean) ** 2).mean() ** 2
        reach = 2 if 2 <= kurtosis <= 4 else math.sqrt(20)
        for rater in there:
            above[rater] += row[rater] >= mean + reach * spread
            below[rater] += row[rater] <= mean - reach * spread
    return above, below


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_bt500_with_gaps_follows_the_recommendation(seed):
    ratings = _simulated(seed, units=15, raters=9, gaps=0.2, stars=True)
    above, below = _by_the_book(ratings)
    found = bt500(ratings)
    assert found.above.tolist() == above.tolist() and found.below.tolist() == below.tolist()
    assert found.n.tolist() == (~np.isnan(ratings)).sum(axis=0).tolist()


def test_bt500_rejects_the_erratic_and_not_the_shifted():
    ratings = np.random.default_rng(0).normal(3, 0.5, (200, 16))
    ratings[:, 2] += 1.2
    ratings[:, 9] = 3 + np.resize([-1.3, 1.3], 200)
    found = bt500(ratings)
    assert np.flatnonzero(found.rejected).tolist() == [9]
    assert found.outside[2] > 0.05 and found.asymmetry[2] == 1
    assert (found.possible == 200).all()


def test_bt500_of_unanimous_or_few_raters_accuses_nobody():
    assert not bt500(np.full((10, 16), 0.1)).rejected.any()
    few = bt500(_simulated(0, raters=5))
    assert few.possible.tolist() == [0] * 5 and few.above.sum() + few.below.sum() == 0
    assert np.isnan(few.asymmetry).all()
    assert np.isnan(bt500(np.full((3, 2), NAN)).outside).all()
