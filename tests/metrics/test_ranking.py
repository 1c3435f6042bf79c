import numpy as np
import pytest

from qreasoning.metrics.bootstrap import Difference, differences, intervals, means
from qreasoning.metrics.ranking import bradley_terry, told_apart


def study(strengths, images, judges, seed):
    """Wins of every two authors, each pair of each image judged by `judges`."""
    draw = np.random.default_rng(seed)
    authors = len(strengths)
    wins = np.zeros((images, authors, authors))
    for one in range(authors):
        for two in range(one + 1, authors):
            chance = 1 / (1 + np.exp(strengths[two] - strengths[one]))
            won = draw.binomial(judges, chance, images)
            wins[:, one, two], wins[:, two, one] = won, judges - won
    return wins


def test_two_authors_have_the_log_odds_of_their_wins():
    wins = np.zeros((10, 2, 2))
    wins[:, 0, 1], wins[:, 1, 0] = 3, 1
    found = bradley_terry(wins, prior=0.0, repetitions=20)
    # 30 of 40 wins: odds of 3, and log strengths with mean 0.
    assert found.values == pytest.approx([np.log(3) / 2, -np.log(3) / 2])
    assert found.draws.shape == (20, 2)
    assert list(found.n) == [10, 10]


def test_strengths_are_those_of_a_direct_maximization():
    from scipy.optimize import minimize

    wins = study([0.9, 0.2, -0.4, -0.7], images=30, judges=2, seed=3)
    total = wins.sum(axis=0)

    def loss(strengths):
        chances = -np.logaddexp(0, strengths[None, :] - strengths[:, None])
        return -(total * chances).sum() + strengths.mean() ** 2

    direct = minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-9}).x
    found = bradley_terry(wins, prior=0.0, repetitions=1).values
    assert found == pytest.approx(direct - direct.mean(), abs=1e-5)


def test_order_of_authors_does_not_matter_and_ties_count_half():
    wins = study([0.5, 0.0, -0.5], images=20, judges=3, seed=1)
    order = [2, 0, 1]
    turned = wins[:, order][:, :, order]
    found, again = (bradley_terry(each, repetitions=5).values for each in (wins, turned))
    assert again == pytest.approx(found[order])
    ties = np.full((5, 2, 2), 0.5)
    assert bradley_terry(ties, repetitions=5).values == pytest.approx([0, 0])


def test_an_author_who_always_wins_is_finite_and_one_never_compared_is_undefined():
    wins = np.zeros((6, 3, 3))
    wins[:, 0, 1] = 1
    found = bradley_terry(wins, repetitions=10)
    assert found.values[0] > 0 > found.values[1]
    assert np.isnan(found.values[2])
    assert np.isfinite(found.draws[:, :2]).all()
    assert list(found.n_left_out) == [0, 0, 6]


@pytest.mark.parametrize("bad", [np.zeros((3, 2)), -np.ones((1, 2, 2)), np.full((1, 2, 2), np.nan)])
def test_other_than_counts_are_refused(bad):
    with pytest.raises(ValueError, match="bradley_terry"):
        bradley_terry(bad)


def test_a_better_author_is_found_and_an_equal_pair_is_seldom_called_different():
    better, equal = 0, 0
    for seed in range(12):
        wins = study([0.8, 0.0, 0.0], images=80, judges=2, seed=seed)
        found = bradley_terry(wins, repetitions=400)
        first, second, third = differences(found)
        better += told_apart(first) and told_apart(second) and first.value > 0
        equal += told_apart(third)
        assert intervals(found)[0].low < found.values[0] < intervals(found)[0].high
    assert better >= 11
    # At 5 % for each, more than 3 of 12 has a chance of 0.2 %.
    assert equal <= 3


def test_told_apart_needs_both_p_and_interval():
    found = Difference(0, 1, 0.4, 0.1, 0.7, 0.01, 0.02, True)
    assert told_apart(found) and told_apart(found._replace(value=-0.4, low=-0.7, high=-0.1))
    assert not told_apart(found._replace(low=-0.01))
    assert not told_apart(found._replace(real=False))


def test_judges_of_one_image_do_not_count_as_several():
    draw = np.random.default_rng(0)
    image_effect = draw.random((40, 1)) < 0.5  # all ten judges of an image agree
    wins = np.zeros((40, 2, 2))
    wins[:, 0, 1], wins[:, 1, 0] = 10 * image_effect[:, 0], 10 * ~image_effect[:, 0]
    (found,) = differences(bradley_terry(wins, repetitions=1000))
    assert not found.real
    assert found.high - found.low > 1.0
    # The same as means of per-image preferences: judged alike.
    (plain,) = differences(means(np.column_stack([image_effect, ~image_effect]).astype(float)))
    assert not plain.real
