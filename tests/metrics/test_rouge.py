import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from qreasoning.metrics.rouge import rouge1

ORACLES = {stem: RougeScorer(["rouge1"], use_stemmer=stem) for stem in (False, True)}

WORDS = st.sampled_from(["the", "a", "blurry", "Images", "image,", "noisy", "noise", "35mm", "né"])
SENTENCES = st.lists(WORDS, max_size=30).map(" ".join)
TEXTS = st.one_of(SENTENCES, st.text(max_size=60))
PAIRS = st.lists(st.tuples(TEXTS, TEXTS), max_size=8)


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
