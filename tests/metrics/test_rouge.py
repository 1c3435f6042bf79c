import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from qreasoning.metrics.rouge import (
    Rouge1,
    rouge1,
    rouge1_against,
    rouge1_between,
    rouge1_each,
    rouge1_humans,
    rouge1_mismatched,
    rouge1_table,
    unread,
)

ORACLES = {stem: RougeScorer(["rouge1"], use_stemmer=stem) for stem in (False, True)}

WORDS = st.sampled_from(["the", "a", "blurry", "Images", "image,", "noisy", "noise", "35mm", "né"])
SENTENCES = st.lists(WORDS, max_size=30).map(" ".join)
TEXTS = st.one_of(SENTENCES, st.text(max_size=60))
PAIRS = st.lists(st.tuples(TEXTS, TEXTS), max_size=8)


@settings(deadline=None)
@given(pairs=PAIRS, stem=st.booleans())
def test_rouge1_any_texts_equals_rouge_score_bit_for_bit(
    pairs: list[tuple[str, str]], stem: bool
) -> None:
    ours = rouge1([p for p, _ in pairs], [r for _, r in pairs], stem=stem)
    theirs = [
        ORACLES[stem].score(reference, prediction)["rouge1"] for prediction, reference in pairs
    ]
    assert ours.precision.tolist() == [each.precision for each in theirs]
    assert ours.recall.tolist() == [each.recall for each in theirs]
    assert ours.fmeasure.tolist() == [each.fmeasure for each in theirs]


@settings(deadline=None)
@given(a=TEXTS, b=TEXTS)
def test_rouge1_exchanged_sides_exchanges_precision_and_recall(a: str, b: str) -> None:
    forth, back = rouge1([a], [b]), rouge1([b], [a])
    assert forth.precision.tolist() == back.recall.tolist()
    assert 0 <= forth.fmeasure[0] <= 1
    assert min(forth.precision[0], forth.recall[0]) <= forth.fmeasure[0] + 1e-12


def test_rouge1_repeated_words_counts_each_once_per_occurrence() -> None:
    # Overlap: "the" min(2, 1) + "cat" min(1, 1) = 2; 4 words predicted, 3 in the reference.
    scores = rouge1(["the cat the mat"], ["the cat sat"])
    assert scores.precision[0] == 2 / 4
    assert scores.recall[0] == 2 / 3
    assert scores.fmeasure[0] == pytest.approx(2 * 2 / (4 + 3), abs=1e-15)


def test_rouge1_stem_matches_word_forms() -> None:
    assert rouge1(["blurring edges"], ["blurred edge"]).fmeasure[0] == 0
    assert rouge1(["blurring edges"], ["blurred edge"], stem=True).fmeasure[0] == 1


def test_rouge1_texts_without_token_scores_zero_and_counts_them() -> None:
    scores = rouge1(["清晰的图像", "", "sharp"], ["清晰的图像", "sharp", "sharp"])
    assert scores.fmeasure.tolist() == [0, 0, 1]
    assert scores.empty == 3


def test_rouge1_no_pairs_gives_empty_arrays() -> None:
    scores = rouge1([], [])
    assert scores.fmeasure.shape == (0,) and scores.fmeasure.dtype == np.float64


@pytest.mark.parametrize("wrong", [None, math.nan, 3, b"text"])
def test_rouge1_not_a_text_names_its_position(wrong: object) -> None:
    with pytest.raises(TypeError, match=r"references\[1\]"):
        rouge1(["a", "b"], ["a", wrong])  # type: ignore[list-item]


def test_rouge1_one_text_instead_of_a_list_is_refused() -> None:
    with pytest.raises(TypeError, match="predictions is one str"):
        rouge1("ab", ["a", "b"])


def test_rouge1_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="2 predictions against 1 references"):
        rouge1(["a", "b"], ["a"])


HUMANS = st.lists(st.lists(SENTENCES, max_size=4), min_size=1, max_size=4)


def _oracle(prediction: str, reference: str) -> tuple[float, float, float]:
    return tuple(ORACLES[True].score(reference, prediction)["rouge1"])


def _columns(scores: Rouge1) -> np.ndarray:
    return np.stack([scores.precision, scores.recall, scores.fmeasure], axis=-1)


@settings(max_examples=40, deadline=None)
@given(left=st.lists(TEXTS, max_size=5), right=st.lists(TEXTS, max_size=5))
def test_rouge1_table_holds_every_pair(left: list[str], right: list[str]) -> None:
    found = rouge1_table(left, right, stem=True)
    assert _columns(found).shape == (len(left), len(right), 3)
    for row, prediction in zip(_columns(found), left, strict=True):
        assert [tuple(each) for each in row] == [_oracle(prediction, each) for each in right]


def test_rouge1_table_of_many_texts_equals_matched_pairs() -> None:
    # Enough texts and frequent words that both the dense and the sparse columns are used, and more
    # rows than two blocks have.
    random = np.random.default_rng(0)
    words = [f"word{each}" for each in range(400)]
    chances = 1 / np.arange(1, 401)
    texts = [" ".join(random.choice(words, 40, p=chances / chances.sum())) for _ in range(520)]
    table = rouge1_table(texts, texts[:60])
    pairs = rouge1([one for one in texts for _ in range(60)], texts[:60] * 520)
    assert (_columns(table).reshape(-1, 3) == _columns(pairs)).all()
    floor = rouge1_mismatched([texts], [[each] for each in texts[:60]] + [[]] * 460)
    sums = table.fmeasure.sum(axis=1)
    own = np.r_[np.diag(table.fmeasure), np.zeros(460)]
    expected = (sums - own) / np.r_[np.full(60, 59), np.full(460, 60)]
    assert floor.fmeasure[0] == pytest.approx(expected, abs=1e-12)


def test_rouge1_of_pictures_does_not_stem_unless_asked_and_counts_what_has_no_word() -> None:
    # "blurred" and "blurring" share a stem and no word.
    mine, theirs = ["blurred", ""], [["blurring", "!"], ["blurred", "", "?"]]
    table = rouge1_table(mine, ["blurring", "!"])
    assert table.fmeasure.tolist() == [[0, 0], [0, 0]] and table.empty == 2
    assert rouge1_each(mine, theirs).fmeasure[0].tolist()[:2] == [0, 0]
    assert rouge1_each(mine, theirs).empty == 1 + 3
    assert np.nanmax(rouge1_between([["blurred", "blurring"]]).fmeasure) == 0
    assert rouge1_between(theirs).empty == 3
    for how in ("mean", "max", "leave_one_out"):
        found = rouge1_against(mine, theirs, aggregate=how)
        assert found.fmeasure[0] == 0 and found.empty == rouge1_each(mine, theirs).empty
    assert rouge1_humans([["blurred", "blurring"]]).fmeasure[0] == 0
    floor = rouge1_mismatched([mine], theirs)
    assert floor.empty == 1 + 3 and floor.fmeasure[0].tolist() == [pytest.approx(1 / 3), 0]
    assert rouge1_each([], []).fmeasure.shape == rouge1_each(["a"], [[]]).fmeasure.shape[1:] * 2
    assert rouge1_between([[]]).fmeasure.shape == (1, 0, 0)


@settings(max_examples=40, deadline=None)
@given(humans=HUMANS, data=st.data())
def test_rouge1_against_several_humans_equals_rouge_score(
    humans: list[list[str]], data: st.DataObject
) -> None:
    size = len(humans)
    predictions = data.draw(st.lists(SENTENCES, min_size=size, max_size=size))
    by = {
        how: _columns(rouge1_against(predictions, humans, aggregate=how, stem=True))
        for how in ("mean", "max", "leave_one_out")
    }
    for place, (prediction, texts) in enumerate(zip(predictions, humans, strict=True)):
        if not texts:
            assert all(np.isnan(scores[place]).all() for scores in by.values())
            continue
        each = [_oracle(prediction, text) for text in texts]
        assert by["mean"][place] == pytest.approx(np.mean(each, axis=0), abs=1e-12)
        best = ORACLES[True].score_multi(texts, prediction)["rouge1"]
        assert tuple(by["max"][place]) == tuple(best)
        if len(texts) == 1:
            assert np.isnan(by["leave_one_out"][place]).all()
            continue
        rest = [texts[:out] + texts[out + 1 :] for out in range(len(texts))]
        left = [tuple(ORACLES[True].score_multi(r, prediction)["rouge1"]) for r in rest]
        assert by["leave_one_out"][place] == pytest.approx(np.mean(left, axis=0), abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(humans=HUMANS)
def test_rouge1_humans_leaves_each_person_out_in_turn(humans: list[list[str]]) -> None:
    mean = _columns(rouge1_humans(humans, stem=True))
    highest = _columns(rouge1_humans(humans, aggregate="max", stem=True))
    for place, texts in enumerate(humans):
        if len(texts) < 2:
            assert np.isnan(mean[place]).all() and np.isnan(highest[place]).all()
            continue
        turns = [(text, texts[:out] + texts[out + 1 :]) for out, text in enumerate(texts)]
        means = [np.mean([_oracle(text, o) for o in others], axis=0) for text, others in turns]
        assert mean[place] == pytest.approx(np.mean(means, axis=0), abs=1e-12)
        bests = [tuple(ORACLES[True].score_multi(o, text)["rouge1"]) for text, o in turns]
        assert highest[place] == pytest.approx(np.mean(bests, axis=0), abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(humans=HUMANS, data=st.data())
def test_rouge1_mismatched_is_the_mean_over_all_other_pictures(
    humans: list[list[str]], data: st.DataObject
) -> None:
    size = len(humans)
    lists = st.lists(SENTENCES, min_size=size, max_size=size)
    models = data.draw(st.lists(lists, max_size=2))
    found = rouge1_mismatched(models, humans, stem=True)
    assert found.fmeasure.shape == (len(models), size)
    for row, predictions in zip(_columns(found), models, strict=True):
        for place, prediction in enumerate(predictions):
            others = [t for other in range(size) if other != place for t in humans[other]]
            expected = [_oracle(prediction, text) for text in others]
            if not others:
                assert np.isnan(row[place]).all()
            else:
                assert row[place] == pytest.approx(np.mean(expected, axis=0), abs=1e-12)


def test_rouge1_between_holds_both_directions_and_no_diagonal() -> None:
    found = rouge1_between([["a b c d", "a b"], ["x"], []])
    assert found.precision.shape == (3, 2, 2)
    # "a b c d" as prediction of "a b": 2 of its 4 words are there; the other way all of 2 are.
    assert found.precision[0, 0, 1] == 0.5 and found.precision[0, 1, 0] == 1
    assert np.isnan(found.fmeasure[0, 0, 0]) and np.isnan(found.fmeasure[1:]).all()


def test_rouge1_aggregates_of_a_worked_example() -> None:
    # F against the three: 1, 2·(1/2)/(3/2) = 2/3, 0.
    against = {
        how: rouge1_against(["a b"], [["a b", "a", "c"]], aggregate=how).fmeasure[0]
        for how in ("mean", "max", "leave_one_out")
    }
    assert against["mean"] == pytest.approx((1 + 2 / 3) / 3)
    assert against["max"] == 1
    # Without the best the second best is left: (2/3 + 1 + 1)/3.
    assert against["leave_one_out"] == pytest.approx((2 / 3 + 2) / 3)


def test_unread_counts_texts_without_a_word_and_in_other_scripts() -> None:
    texts = ["sharp", "", "!?", "清晰", "café naïve", "the picture is soft, très flou", "42"]
    # "café naïve": 2 of 9 letters are beyond a-z, 22 %; the last but one: 1 of 23.
    assert unread(texts) == (3, 2)
    assert unread([]) == (0, 0)


def test_rouge1_of_pictures_refuses_lists_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="1 predictions for 2 pictures"):
        rouge1_against(["a"], [["a"], ["b"]])
    with pytest.raises(ValueError, match="1 predictions for 2 pictures"):
        rouge1_mismatched([["a"]], [["a"], ["b"]])
    with pytest.raises(TypeError, match="human texts of a picture is one str"):
        rouge1_humans(["ab", "cd"])
    one = r"^rouge1: predictions is one str; give a list of texts$"
    for refused in (lambda: rouge1_table("a", ["a"]), lambda: rouge1_each("a", [["a"]])):
        with pytest.raises(TypeError, match=one):
            refused()
    with pytest.raises(TypeError, match=one):
        rouge1_mismatched(["a"], [["a"]])
    with pytest.raises(TypeError, match=r"^rouge1: references is one str"):
        rouge1_table(["a"], "a")
    with pytest.raises(TypeError, match=r"^rouge1: texts is one str"):
        unread("a")
    left_out = (
        "not a text; leave such pairs out and count them, or pass '' where nothing was written$"
    )
    with pytest.raises(TypeError, match=left_out):
        unread([None])  # type: ignore[list-item]
    with pytest.raises(TypeError, match=r"picture\[1\] is None"):
        rouge1_each(["a"], [["a", None]])  # type: ignore[list-item]
