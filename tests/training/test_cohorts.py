"""Rewards that compare pictures: hand-computed cases, a transcription of the formula, laws."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from qreasoning.training.cohorts import Rated, score_margin, score_rank


def rows(image_id, mos, ratings, mos_set="s", deviation=None):
    return [Rated(image_id, mos_set, mos, rating, deviation) for rating in ratings]


def transcribed_rank(groups):
    """VisualQuality-R1's formula over {image: (mos, ratings)}, word for word, in numpy."""
    eps = 1e-6
    values = {}
    for i, (s_i, q_i) in groups.items():
        for k, q_ik in enumerate(q_i):
            terms = []
            for j, (s_j, q_j) in groups.items():
                if j == i:
                    continue
                spread = np.sqrt(np.var(q_i, ddof=1) + np.var(q_j, ddof=1) + eps)
                p = norm.cdf((q_ik - np.mean(q_j)) / spread)
                star = 1.0 if s_i > s_j else 0.5 if s_i == s_j else 0.0
                terms.append(np.sqrt(p * star + eps) + np.sqrt((1 - p) * (1 - star) + eps))
            values[i, k] = np.mean(terms)
    return values


@pytest.mark.parametrize("seed", range(20))
def test_score_rank_is_the_formula_on_random_groups(seed):
    draw = random.Random(seed)
    groups = {
        f"i{number}": (
            draw.choice([2.0, 3.0, draw.uniform(1, 5)]),
            [round(draw.uniform(1, 5), 2) for _ in range(draw.choice([2, 4, 8]))],
        )
        for number in range(draw.choice([2, 3, 8]))
    }
    rated = [row for name, (mos, ratings) in groups.items() for row in rows(name, mos, ratings)]
    wanted = transcribed_rank(groups)
    keys = [(name, k) for name, (_, ratings) in groups.items() for k in range(len(ratings))]
    assert score_rank(rated) == pytest.approx([wanted[key] for key in keys], abs=1e-9)


@pytest.mark.parametrize(
    ("gap", "value"),
    [
        # No spread on either side: a step of height 1 at zero, and ½·2·√½ on it.
        (+0.05, 1.0),
        (-0.05, 0.0),
        (0.0, math.sqrt(0.5)),
    ],
)
def test_score_rank_without_variance_is_a_step(gap, value):
    rated = [*rows("a", 4.0, [3 + gap, 3 + gap]), *rows("b", 2.0, [3.0, 3.0])]
    # √ε is 0.001, so the reward lies that far off.
    assert score_rank(rated)[0] == pytest.approx(value, abs=2.1e-3)


def test_score_rank_slightly_exceeds_one_where_it_is_right():
    rated = [*rows("a", 4.0, [5.0, 5.0]), *rows("b", 2.0, [1.0, 1.0])]
    assert 1 < score_rank(rated)[0] < 1.0021


def test_score_rank_of_equal_mos_still_earns_root_one_half_for_five_against_one():
    rated = [*rows("a", 3.0, [5.0, 5.0]), *rows("b", 3.0, [1.0, 1.0])]
    # p = 1, p* = ½: √½ + √ε.
    assert score_rank(rated)[0] == pytest.approx(math.sqrt(0.5), abs=2e-3)


def test_scores_of_one_picture_alone_do_not_apply():
    rated = rows("a", 3.0, [1.0, 2.0, None])
    assert score_rank(rated) == score_margin(rated) == [None, None, 0.0]


def test_scores_unreadable_ratings_earn_nothing_and_are_left_out_of_means():
    whole = [*rows("a", 4.0, [3.0, 4.0]), *rows("b", 2.0, [2.0, 3.0])]
    holed = [*rows("a", 4.0, [3.0, None, 4.0]), *rows("b", 2.0, [2.0, 3.0, None])]
    for score in (score_rank, score_margin):
        a, b, c, d = score(whole)
        assert score(holed) == [a, 0.0, b, c, d, 0.0]


def test_scores_picture_with_one_readable_rating_is_compared_with_nobody():
    rated = [
        *rows("a", 4.0, [3.0, 4.0]),
        *rows("b", 2.0, [2.0, 3.0]),
        *rows("c", 3.0, [3.0, None]),
    ]
    for score in (score_rank, score_margin):
        assert score(rated) == [*score(rated[:4]), None, 0.0]


def test_scores_no_mos_is_none_also_for_an_unreadable_rating():
    rated = [*rows("a", None, [3.0, None]), *rows("b", 2.0, [2.0, 3.0])]
    assert score_rank(rated) == score_margin(rated) == [None, None, None, None]


def test_scores_compare_within_a_set_only():
    one = [*rows("a", 4.0, [3.0, 4.0], "x"), *rows("b", 2.0, [2.0, 3.0], "x")]
    two = [*rows("c", 1.5, [1.0, 4.0], "y"), *rows("d", 5.0, [5.0, 4.0], "y")]
    for score in (score_rank, score_margin):
        assert score([*one, *two]) == [*score(one), *score(two)]
        assert score([*one, *two[:2]]) == [*score(one), None, None]


def test_score_margin_hand_computed():
    rated = [*rows("a", 4.0, [4.0, 3.0]), *rows("b", 2.0, [2.0, 2.0])]
    # a: (4 − 2) − 2 = 0 and (3 − 2) − 2 = −1; b: (2 − 3.5) + 2 = 0.5, twice.
    assert score_margin(rated, 1.0) == pytest.approx(
        [1.0, math.exp(-0.5), math.exp(-0.125), math.exp(-0.125)]
    )
    assert score_margin(rated, 2.0)[1] == pytest.approx(math.exp(-0.125))


def test_score_margin_by_the_deviations_of_the_human_scores():
    rated = [*rows("a", 4.0, [4.0, 3.0], "s", 0.6), *rows("b", 2.0, [2.0, 2.0], "s", 0.8)]
    # √(0.36 + 0.64) = 1.
    assert score_margin(rated, None) == pytest.approx(score_margin(rated, 1.0))
    unknown = [*rated[:2], *rows("b", 2.0, [2.0, 2.0])]
    assert score_margin(unknown, None) == [None, None, None, None]


ratings = st.lists(st.floats(1, 5), min_size=2, max_size=4)


@given(st.lists(st.tuples(st.floats(1, 5), ratings), min_size=2, max_size=4), st.randoms())
def test_scores_are_bounded_and_do_not_depend_on_the_order(groups, shuffle):
    rated = [
        row
        for number, (mos, given_ratings) in enumerate(groups)
        for row in rows(f"i{number}", mos, given_ratings)
    ]
    order = list(range(len(rated)))
    shuffle.shuffle(order)
    for score, top in ((score_rank, 1 + 2.1e-3), (score_margin, 1.0)):
        values = score(rated)
        assert all(0 <= value <= top for value in values)
        mixed = score([rated[place] for place in order])
        assert mixed == pytest.approx([values[place] for place in order], abs=1e-9)


@given(st.lists(st.tuples(st.floats(1, 5), ratings), min_size=2, max_size=4))
def test_score_rank_knows_only_the_order_of_the_mos(groups):
    def scored(change):
        return score_rank(
            [
                row
                for number, (mos, given_ratings) in enumerate(groups)
                for row in rows(f"i{number}", change(mos), given_ratings)
            ]
        )

    # Doubling and halving are exact, so ties stay ties.
    assert scored(lambda mos: mos) == scored(lambda mos: 2 * mos)
