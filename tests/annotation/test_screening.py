from dataclasses import replace

import numpy as np
import pytest

from qreasoning.annotation.panel import empty, panel_of
from qreasoning.annotation.screening import Beside, screen
from qreasoning.annotation.signs import (
    Interval,
    agreement,
    correlation_interval,
    others_mean,
    straight,
    twins,
    wilson,
)
from qreasoning.metrics import bootstrap
from qreasoning.records import Annotation
from qreasoning.simulation.raters import FIELDS, PLANTED, Study, rate

OWN = {
    "random": "agrees",
    "straight": "straight-lining",
    "copier": "copies: ratings of honest-1",
    "shifted": "shifted scale",
    "fast": "too fast",
}


def panel(study, seed):
    return panel_of(
        [
            (
                each.image,
                Annotation(
                    *(each.image, each.image, each.annotator, "p"),
                    *(each.ratings, {}, "", "", each.ratings["overall"], each.seconds),
                    *(f"2026-01-{1 + int(each.minute) // 1440:02}T00:00:00+00:00", "", ""),
                ),
            )
            for each in rate(study, seed)
        ],
        FIELDS,
    )


@pytest.mark.parametrize("seed", [1000, 1001, 1002])
def test_planted_annotators_are_flagged_for_their_own_reason_and_honest_ones_are_not(seed):
    found = screen(panel(Study(), seed))
    for kind in PLANTED:
        assert [each for each in found[kind].reasons if OWN[kind] in each], kind
    honest = {name: each for name, each in found.items() if name.startswith("honest")}
    assert len(honest) == 8
    assert sum(each.verdict != "ok" for each in honest.values()) <= 1
    assert found["random"].verdict == found["straight"].verdict == "exclude?"
    # What can be mended by subtracting it is no ground to exclude anybody.
    assert found["shifted"].verdict == "watch"


def test_nobody_is_flagged_below_the_least_number_of_answers():
    found = screen(panel(Study(images=19), 0))
    assert {each.verdict for each in found.values()} == {"ok"}
    assert {each.answers for each in found.values()} == {19}


def test_screening_does_not_depend_on_the_order_of_annotators_and_pictures():
    whole = panel(Study(images=30), 5)
    people, units = whole.annotators[::-1], np.arange(30)[::-1]
    turned = whole.only(people)
    turned = replace(
        turned,
        units=tuple(whole.units[each] for each in units),
        **{
            name: getattr(turned, name)[units]
            for name in ("ratings", "seconds", "created", "given")
        },
    )
    before, after = screen(whole), screen(turned)
    for name, each in before.items():
        assert (after[name].verdict, after[name].reasons) == (each.verdict, each.reasons)
        assert after[name].bias == pytest.approx(each.bias)


def test_two_who_share_everything_in_no_order_of_time_are_both_watched():
    whole = panel(Study(images=40), 3)
    whole.created[:] = np.nan
    found = screen(whole)
    for name, twin in (("copier", "honest-1"), ("honest-1", "copier")):
        assert found[name].twin == twin
        assert any(f"shares ratings with {twin}" in each for each in found[name].reasons)


def test_other_signs_speak_too():
    whole = panel(Study(images=40), 4)
    beside = {
        "honest-1": Beside(retest=Interval(0.9, 0.8, 0.95, 20)),
        "honest-2": Beside(retest=Interval(0.9, 0.8, 0.95, 20), gold=(19, 20)),
        "honest-3": Beside(retest=Interval(0.0, -0.4, 0.4, 20)),
        "honest-4": Beside(gold=(2, 20)),
        "honest-5": Beside(gold=(11, 20)),
        "honest-6": Beside(copied=9),
        "honest-7": Beside(gold=(0, 4)),
    }
    found = screen(whole, beside)
    assert "answers the same picture differently (0.00)" in found["honest-3"].reasons
    assert (found["honest-4"].verdict, found["honest-4"].reasons) == (
        "exclude?",
        ("misses gold (2 of 20 hit)",),
    )
    assert found["honest-5"].verdict == "watch"
    assert found["honest-6"].reasons == ("copies: texts like somebody else's (22%)",)
    assert found["honest-2"].verdict == found["honest-7"].verdict == "ok"


def test_panel_without_answers_or_with_one_annotator_gives_no_verdict():
    assert screen(empty([], [], FIELDS)) == {}
    alone = panel(Study(images=30), 0).only(["honest-1"])
    (found,) = screen(alone).values()
    assert (found.verdict, found.twin) == ("ok", None)
    assert np.isnan(found.agreement.value)


def test_others_mean_leaves_the_annotator_out():
    ratings = np.array([[1.0, 2.0, 6.0], [3.0, np.nan, 5.0], [2.0, np.nan, np.nan]])
    assert others_mean(ratings[:, :, None])[:, :, 0] == pytest.approx(
        np.array([[4, 3.5, 1.5], [5, np.nan, 3], [np.nan, np.nan, np.nan]]), nan_ok=True
    )


def test_straight_counts_only_pictures_in_which_others_see_differences():
    given = np.array(
        [
            [[3.0] * 5, [1, 2, 3, 4, 5.0]],  # the other sees differences: counts
            [[3, 3, 3, 3, 4.0], [1, 2, 3, 4, 5]],  # all but one: counts as straight
            [[1, 2, 3, 4, 5.0], [1, 2, 3, 4, 5]],  # not straight
            [[5.0] * 5, [5.0] * 5],  # nobody sees any: does not count
        ]
    )
    assert straight(given, others_mean(given))[0] == pytest.approx(2 / 3)


def test_twins_are_measured_beyond_what_is_usual_in_the_other_pairs():
    # 20 units, one field: a and b share all, c shares half with each.
    a = np.tile([1.0, 2.0], 10)
    c = np.tile([1.0, 3.0], 10)
    whole = empty(map(str, range(20)), "abc", ["overall"])
    whole.ratings[:, :, 0] = np.column_stack([a, a, c])
    found = twins(whole)
    assert (found["a"], found["b"]) == (("b", 1.0), ("a", 1.0))
    # In the other two pairs 20 + 10 of 40 ratings are equal: (1/2 - 3/4)/(1 - 3/4).
    assert found["c"] == ("a", -1.0)


def test_agreement_has_the_interval_of_a_bootstrap_over_the_pictures():
    whole = panel(Study(images=150), 7)
    at = whole.annotators.index("honest-3")
    others = others_mean(whole.ratings)
    found = agreement(whole, others, at)
    draws = np.mean(
        [
            bootstrap.srcc(
                whole.ratings[:, at, field], others[:, at, field], repetitions=2000
            ).draws
            for field in range(len(FIELDS))
        ],
        axis=0,
    )
    assert found.n == 150
    assert found.low < found.value < found.high
    low, high = np.quantile(draws, [0.025, 0.975])
    assert found.high - found.low == pytest.approx(high - low, rel=0.15)


def test_intervals_in_closed_form():
    # z = atanh(0.5) = 0.5493, half = 1.96·√((1 + 0.125)/100) = 0.2079
    found = correlation_interval(0.5, 103)
    assert (found.low, found.high) == pytest.approx((0.3287, 0.6394), abs=1e-4)
    assert np.isnan(correlation_interval(float("nan"), 50).high)
    # Wilson's published example: 15 of 50 gives 0.191 to 0.438.
    assert wilson(15, 50) == pytest.approx((0.191, 0.438), abs=5e-4)
