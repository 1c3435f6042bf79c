import math

import numpy as np
import pytest
from scipy import stats

from qreasoning.metrics.bootstrap import intervals
from qreasoning.metrics.ceiling import rating_ceiling, text_ceiling

NAN = math.nan


def test_rating_ceiling_is_the_mean_over_raters_left_out():
    random = np.random.default_rng(0)
    ratings = random.normal(3, 1, (50, 1)) + random.normal(0, 0.5, (50, 3))
    model = ratings.mean(axis=1) + random.normal(0, 0.5, 50)
    found = rating_ceiling(ratings, model, repetitions=200)
    pairs = [(ratings[:, r], np.delete(ratings, r, axis=1).mean(axis=1)) for r in range(3)]
    human = [stats.spearmanr(own, others).statistic for own, others in pairs]
    machine = [stats.spearmanr(model, others).statistic for _, others in pairs]
    assert found.human.values == pytest.approx([np.mean(human)])
    assert found.models.values == pytest.approx([np.mean(machine)])
    assert found.gap.values == pytest.approx([np.mean(machine) - np.mean(human)])
    (estimate,) = intervals(found.human)
    assert estimate.low < estimate.value < estimate.high and estimate.n == 50


def test_rating_ceiling_with_gaps_weighs_raters_by_their_units():
    random = np.random.default_rng(1)
    ratings = random.normal(3, 1, (40, 1)) + random.normal(0, 0.5, (40, 3))
    ratings[:30, 2] = NAN
    ratings[39] = [1, NAN, NAN]
    found = rating_ceiling(ratings, statistic="plcc", repetitions=50)
    expected = []
    for rater in range(3):
        rated = ~np.isnan(ratings[:, rater]) & ((~np.isnan(ratings)).sum(axis=1) > 1)
        others = np.nanmean(np.delete(ratings, rater, axis=1)[rated], axis=1)
        expected.append(stats.pearsonr(ratings[rated, rater], others).statistic)
    weights = [39, 39, 9]
    assert found.human.values == pytest.approx([np.average(expected, weights=weights)])
    assert (found.human.n.tolist(), found.human.n_left_out.tolist()) == ([39], [1])
    assert found.models is None and found.gap is None


def test_a_model_with_exactly_human_noise_is_at_the_ceiling_over_100_seeds():
    exact, naive = [], []
    for seed in range(100):
        random = np.random.default_rng(seed)
        truth = random.normal(3, 0.8, (1000, 1))
        ratings = truth + random.normal(0, 0.8, (1000, 3))
        model = truth[:, 0] + random.normal(0, 0.8, 1000)
        found = rating_ceiling(ratings, model, repetitions=1)
        exact.append(found.gap.values[0])
        whole = stats.spearmanr(model, ratings.mean(axis=1)).statistic
        naive.append(whole - found.human.values[0])
    assert abs(np.mean(exact)) < 0.003
    # A mean of m raters follows the truth with √(m/(m + 1)), one rater with √(1/2), so for means
    # of 3 instead of 2 PLCC rises by √(1/2)·(√(3/4) - √(2/3)) = 0.035, and SRCC about as much.
    assert np.mean(naive) == pytest.approx(0.034, abs=0.003)


def test_rating_ceiling_of_a_straight_liner_alone_leaves_that_rater_out():
    truth = np.arange(20.0)
    found = rating_ceiling(np.c_[truth, truth, np.full(20, 3.0)], truth, repetitions=20)
    assert found.human.values == pytest.approx([1]) and found.gap.values == pytest.approx([0])


def test_rating_ceiling_without_overlap_is_nan():
    found = rating_ceiling([[1.0, NAN], [NAN, 2.0]], [1.0, 2.0], repetitions=5)
    assert np.isnan(found.human.values).all() and np.isnan(found.gap.values).all()
    assert found.human.n.tolist() == [0]


def test_text_ceiling_leaves_each_person_out_in_turn():
    # Three people: similarity of 0 to 1 is 0.5, to 2 is 0.8, of 1 to 2 is 0.2 (both directions).
    between = np.array([[[9, 0.5, 0.8], [0.5, 9, 0.2], [0.8, 0.2, 9]]])
    model = np.array([[0.9, 0.3, 0.6]])
    mean = text_ceiling(between, model, "mean", repetitions=2)
    # (0.65 + 0.35 + 0.5)/3; the model's mean over each two of its three is that of all three.
    assert mean.human.values == pytest.approx([0.5])
    assert mean.models.values == pytest.approx([0.6])
    highest = text_ceiling(between, model, "max", repetitions=2)
    # (0.8 + 0.5 + 0.8)/3; the model without person 0: 0.6, without 1: 0.9, without 2: 0.9.
    assert highest.human.values == pytest.approx([0.7])
    assert highest.models.values == pytest.approx([0.8])
    assert highest.gap.values == pytest.approx([0.1])


def test_text_ceiling_leaves_out_pictures_with_one_text_and_counts_them():
    between = np.full((3, 2, 2), NAN)
    between[0, 0, 1], between[0, 1, 0] = 0.4, 0.6
    between[2, 0, 1], between[2, 1, 0] = 0.8, 0.8
    models = np.array([[[0.5, NAN], [0.7, NAN]], [[0.9, 0.1], [NAN, NAN]], [[1, 0.5], [0.6, 0.5]]])
    found = text_ceiling(between, models, repetitions=10)
    assert found.human.values == pytest.approx([0.65])
    assert found.human.n.tolist() == [2] and found.human.n_left_out.tolist() == [1]
    assert found.models.values == pytest.approx([0.7, 0.5])
    assert found.models.n.tolist() == [2, 1]


def test_ceilings_of_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="raters, raters"):
        text_ceiling(np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"\(3, 2, models\)"):
        text_ceiling(np.zeros((3, 2, 2)), np.zeros((3, 4)))
    with pytest.raises(ValueError, match="each of 2 units"):
        rating_ceiling(np.arange(6.0).reshape(2, 3), np.zeros(3), least=1)
