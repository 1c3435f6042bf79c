from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from qreasoning.analysis.measure import texts_of
from qreasoning.analysis.words import most_typical, rouge_measures

Make = Callable[..., Any]


def _measures(pictures: Any, answers: Any) -> dict[str, Any]:
    texts = texts_of(answers, pictures, most_typical(pictures.humans))
    return {each.name: each for each in rouge_measures(texts)}


def test_rouge_of_several_people_is_the_mean_and_the_closest(answer: Make) -> None:
    pictures, answers = answer(
        (3.0, ["a sharp cat good", "a dog bad blur here"], "a sharp dog good", 3.0)
    )
    found = _measures(pictures, answers)
    # Said: a sharp dog good. First: overlap 3 of 4 and 4. Second: overlap 2 of 4 and 5.
    assert found["rouge1_p"].values[0, 0] == pytest.approx((3 / 4 + 2 / 4) / 2)
    assert found["rouge1_r"].values[0, 0] == pytest.approx((3 / 4 + 2 / 5) / 2)
    assert found["rouge1"].values[0, 0] == pytest.approx((3 / 4 + 2 * 2 / (4 + 5)) / 2)
    assert found["rouge1"].best[0, 0] == pytest.approx(3 / 4)
    assert found["rouge1_r"].best[0, 0] == pytest.approx(3 / 4)
    # Without the first person the second is left, and the other way round.
    assert found["rouge1"].dropped[0, 0] == pytest.approx([2 * 2 / (4 + 5), 3 / 4])
    assert found["rouge1"].comparable[0, 0] == pytest.approx(found["rouge1"].values[0, 0])


def test_rouge_floor_is_the_mean_over_all_people_of_other_pictures(answer: Make) -> None:
    pictures, answers = answer(
        (1.0, ["one two"], "one two", 3.0),
        (2.0, ["one six", "one two three four"], "five", 3.0),
        (3.0, ["seven"], "seven", 3.0),
    )
    found = _measures(pictures, answers)["rouge1"]
    place = pictures.humans.index(("one two",))
    # F with "one six" is 1/2, with "one two three four" 2·2/6, with "seven" 0.
    assert found.floor[place, 0] == pytest.approx((1 / 2 + 2 / 3 + 0) / 3)
    assert np.isnan(found.comparable[place, 0]) and np.isnan(found.ceiling[place])


def test_rouge_unreadable_scores_zero_and_not_predicted_nothing(answer: Make) -> None:
    pictures, answers = answer(
        (1.0, ["one two"], "one two", None), (2.0, ["one two"], None, None), (3.0, [], "x", 2.0)
    )
    found = _measures(pictures, answers)["rouge1"].values[:, 0]
    by_id = dict(zip([row["name"] for row in pictures.rows], found, strict=True))
    assert by_id["p0.png"] == 0 and np.isnan(by_id["p1.png"]) and np.isnan(by_id["p2.png"])


def test_fixed_text_is_the_one_most_like_the_others_and_not_used_on_its_own_picture(
    answer: Make,
) -> None:
    humans = ["a red cat", "a red dog", "nothing alike"]
    pictures, answers = answer(*((n + 1.0, [text], "words", 3.0) for n, text in enumerate(humans)))
    place, person = most_typical(pictures.humans) or (-1, -1)
    assert pictures.humans[place][person] in humans[:2]
    found = _measures(pictures, answers)["rouge1"]
    assert np.isnan(found.fixed[place])
    other = pictures.humans.index((({*humans[:2]} - {pictures.humans[place][0]}).pop(),))
    assert found.fixed[other] == pytest.approx(2 / 3)


def test_fixed_text_needs_two_explained_pictures() -> None:
    assert most_typical([("one",), ()]) is None


TEXT = st.lists(st.sampled_from(["cat", "dog", "sharp", "blurry", "the", "a"]), max_size=5).map(
    " ".join
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(st.lists(TEXT, max_size=3), TEXT), min_size=1, max_size=4))
def test_rouge_equals_rouge_score_whatever_the_number_of_people(
    answer: Make, rows: list[tuple[list[str], str]]
) -> None:
    pictures, answers = answer(*((3.0, humans, said or "x", 3.0) for humans, said in rows))
    found = _measures(pictures, answers)["rouge1"].values[:, 0]
    said = dict(zip([r["name"] for r in pictures.rows], answers[0].texts, strict=True))
    scorer = RougeScorer(["rouge1"])
    for place, row in enumerate(pictures.rows):
        people = pictures.humans[place]
        if not people:
            assert np.isnan(found[place])
            continue
        expected = [scorer.score(text, said[row["name"]])["rouge1"].fmeasure for text in people]
        assert found[place] == pytest.approx(np.mean(expected))
