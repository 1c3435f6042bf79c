"""Rewards: hand-computed cases, bounds, and the contract with the trainer."""

import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qreasoning.chain import Q_INSIGHT, Q_REASONING, Chain
from qreasoning.training.rewards import (
    FormatReward,
    PredictionReward,
    ReasoningReward,
    cosine,
    score_ratings,
    score_reasoning,
    text_of,
)

GOOD = Q_REASONING.render(Chain("A noisy cat.", "Grain everywhere, so it is poor.", 2.5))
CUT_OFF = GOOD[:-10]
REWARDS = (
    FormatReward(Q_REASONING),
    PredictionReward(Q_REASONING, 1.0),
    ReasoningReward(Q_REASONING),
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
    assert [reward.__name__ for reward in REWARDS] == ["format", "prediction", "reasoning"]


def test_text_of_a_conversation_is_its_last_message():
    turns = [{"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert text_of(turns) == "b"
