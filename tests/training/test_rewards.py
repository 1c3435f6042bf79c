"""Rewards: hand-computed cases, bounds, and the contract with the trainer."""

import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qreasoning.chain import FORMATS, Q_INSIGHT, Q_REASONING, Chain
from qreasoning.training.cohorts import Rated, score_margin, score_rank
from qreasoning.training.recipe import Rewards
from qreasoning.training.rewards import (
    ClaimsReward,
    FormatReward,
    MarginReward,
    PredictionReward,
    RankReward,
    ReasoningReward,
    ThresholdReward,
    cosine,
    score_ratings,
    score_reasoning,
    score_threshold,
    text_of,
)

GOOD = Q_REASONING.render(Chain("A noisy cat.", "Grain everywhere, so it is poor.", 2.5))
CUT_OFF = GOOD[:-10]
REWARDS = (
    FormatReward(Q_REASONING),
    PredictionReward(Q_REASONING, 1.0),
    ReasoningReward(Q_REASONING),
    ThresholdReward(Q_REASONING),
    RankReward(Q_REASONING),
    MarginReward(Q_REASONING),
    MarginReward(Q_REASONING, None),
    ClaimsReward(Q_REASONING),
)
COLUMNS = {
    "mos": [2.0, None],
    "mos_set": ["s", "s"],
    "image_id": ["a", "b"],
    "references": [["A noisy cat."], []],
    "prompts": [None, None],
    "trainer_state": None,
}


@pytest.mark.parametrize(
    ("error", "threshold", "value"),
    [
        (0.0, 1.0, 1.0),
        (0.5, 1.0, 0.5),  # ½(1 + cos(π/2))
        (-0.5, 1.0, 0.5),
        (0.25, 1.0, (1 + math.sqrt(0.5)) / 2),  # cos(π/4) = √½
        (1.0, 1.0, 0.0),
        (3.0, 1.0, 0.0),
        (0.5, 1.5, 0.75),  # cos(π/3) = ½
    ],
)
def test_cosine_hand_computed(error, threshold, value):
    assert cosine(error, threshold) == pytest.approx(value, abs=1e-12)


@given(st.floats(0, 4), st.floats(0, 4), st.floats(0.1, 4))
def test_cosine_is_bounded_and_falls_with_the_error(a, b, threshold):
    low, high = sorted((a, b))
    assert 0 <= cosine(high, threshold) <= cosine(low, threshold) <= 1


def test_format_reward_is_one_for_exactly_one_chain():
    completions = [GOOD, CUT_OFF, GOOD + "!", GOOD + GOOD, "", f" {GOOD}\n"]
    assert FormatReward(Q_REASONING)(completions) == [1, 0, 0, 0, 0, 1]


def test_format_reward_goes_by_its_own_format():
    assert FormatReward(Q_INSIGHT)([GOOD, Q_INSIGHT.render(Q_INSIGHT.example)]) == [0, 1]


def test_prediction_reward_of_right_half_wrong_unreadable_and_unscored():
    reward = PredictionReward(Q_REASONING, 1.0)
    completions = [GOOD, GOOD, GOOD, CUT_OFF, GOOD, CUT_OFF]
    mos = [2.5, 3.0, 4.5, 2.5, None, None]
    assert reward(completions, mos=mos) == pytest.approx([1.0, 0.5, 0.0, 0.0, None, None])


def test_prediction_reward_reads_no_rating_out_of_a_broken_chain():
    # The rating 2.50 is readable, but text stands outside the tags.
    assert PredictionReward(Q_REASONING, 1.0)([GOOD + "!"], mos=[2.5]) == [0.0]


def test_score_ratings_lists_of_different_length_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        score_ratings([1.0, 2.0], [1.0], 1.0)


def test_reasoning_reward_is_the_mean_over_people():
    # The model's words: a noisy cat grain everywhere so it is poor (9).
    # Against "A noisy cat." (3 words): 3 shared, F = 2·3 / (9 + 3) = 0.5.
    # Against "Everywhere grain grain." (3 words): grain counts once, 2 shared, F = 4 / 12.
    # Against itself 1.0.
    references = [
        ["A noisy cat."],
        ["A noisy cat.", "Everywhere grain grain."],
        ["A noisy cat. Grain everywhere, so it is poor."],
    ]
    values = ReasoningReward(Q_REASONING)([GOOD] * 3, references=references)
    assert values == pytest.approx([0.5, (0.5 + 1 / 3) / 2, 1.0])


def test_reasoning_reward_unreadable_is_zero_and_no_human_chain_is_none():
    values = ReasoningReward(Q_REASONING)(
        [CUT_OFF, CUT_OFF, GOOD], references=[["A noisy cat."], [], []]
    )
    assert values == [0.0, None, None]


def test_claims_reward_pays_for_agreement_and_not_for_contradiction():
    human = "The picture is sharp and clean, without any noise."
    said = [
        ("A sharp photo.", "It is free of noise."),
        ("A blurry photo.", "It is full of noise."),
        ("A photo of a dog.", "It sits on a lawn."),
    ]
    texts = [Q_REASONING.render(Chain(*each, 3.0)) for each in said]
    references = [[human]] * 3 + [[human], [], ["A dog on a lawn."]]
    values = ClaimsReward(Q_REASONING)([*texts, CUT_OFF, GOOD, texts[0]], references=references)
    assert values[0] == 1.0
    assert values[1:4] == [0.0, 0.0, 0.0]
    assert values[4:] == [None, None]
    # The right claims in a completion that ends too early earn nothing.
    assert ClaimsReward(Q_REASONING)([texts[0][:-1]], references=[[human]]) == [0.0]
    # One claim of two right, the other contradicted: F1 ½, a share of ½ off for each penalty.
    half = Q_REASONING.render(Chain("A sharp photo.", "It is full of noise.", 3.0))
    free, halved, paid = (
        ClaimsReward(Q_REASONING, penalty)([half], references=[[human]])[0]
        for penalty in (0.0, 0.5, 1.0)
    )
    assert (free, halved, paid) == (0.5, 0.25, 0.0)


def test_score_reasoning_of_nothing_is_nothing():
    assert score_reasoning([], []) == []


@pytest.mark.parametrize("reward", REWARDS, ids=lambda reward: reward.__name__)
def test_reward_keeps_the_contract(reward):
    """A name, picklable, extra columns ignored, and chat completions read like plain ones."""
    chat = [[{"role": "assistant", "content": text}] for text in (GOOD, CUT_OFF)]
    values = reward([GOOD, CUT_OFF], **COLUMNS)
    assert reward(chat, **COLUMNS) == values
    assert pickle.loads(pickle.dumps(reward))([GOOD, CUT_OFF], **COLUMNS) == values
    assert all(value is None or 0 <= value <= 1 for value in values)


def test_reward_names_are_those_of_the_recipe():
    names = {reward.__name__ for reward in REWARDS}
    assert names | {"self_consistency"} == set(Rewards.model_fields)


@pytest.mark.parametrize("form", FORMATS.values(), ids=lambda form: form.name)
def test_format_reward_of_the_prompts_own_example_is_one(form):
    example = form.render(form.example)
    assert example in form.prompt
    assert FormatReward(form)([example]) == [1.0]


@pytest.mark.parametrize(
    ("rating", "mos", "value"),
    [
        # Plain floating point calls the first of these near and the second far: both are 0.35 off.
        (4.35, 4.00, 0.0),
        (3.35, 3.00, 0.0),
        (4.34, 4.00, 1.0),
        (3.34, 3.00, 1.0),
        (3.00, 3.35, 0.0),
        (3.01, 3.35, 1.0),
    ],
)
def test_score_threshold_is_decimal_not_binary(rating, mos, value):
    assert score_threshold([rating], [mos], 0.35) == [value]


def test_score_threshold_unreadable_and_without_mos():
    assert score_threshold([None, None, 3.0], [3.0, None, None], 0.35) == [0.0, None, None]


def test_rank_and_margin_rewards_are_the_scores_of_what_was_read():
    columns = {
        "mos": [2.0, 2.0, 4.0, 4.0, 3.0, 3.0],
        "mos_set": ["s", "s", "s", "s", "t", "t"],
        "image_id": ["a", "a", "b", "b", "c", "c"],
    }
    ratings = [1.5, 2.5, 3.5, 4.25, 3.0, None]
    texts = [
        CUT_OFF if rating is None else Q_REASONING.render(Chain("A cat.", "So it is.", rating))
        for rating in ratings
    ]
    rated = [
        Rated(image, name, mos, rating)
        for image, name, mos, rating in zip(
            columns["image_id"], columns["mos_set"], columns["mos"], ratings, strict=True
        )
    ]
    values = RankReward(Q_REASONING)(texts, **columns)
    assert values == score_rank(rated)
    assert [value is None for value in values] == [False] * 4 + [True, False]
    assert MarginReward(Q_REASONING, 2.0)(texts, **columns) == score_margin(rated, 2.0)
    wide = MarginReward(Q_REASONING, None)(texts, mos_std=[0.6, 0.6, 0.8, 0.8, 1.0, 1.0], **columns)
    assert wide == pytest.approx(score_margin(rated, 1.0))


def test_text_of_a_conversation_is_its_last_message():
    turns = [{"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert text_of(turns) == "b"
