"""Span credit: per-token weights by hand, spans of tokens, and what reaches the loss."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import Qwen2Tokenizer

from qreasoning.chain import Q_INSIGHT, Q_REASONING, Chain
from qreasoning.training.credit import (
    equal_say,
    fields_of,
    normalised,
    span_advantages,
    token_spans,
    token_weights,
)
from qreasoning.training.model import load_processor

REWARDS = ("format", "prediction", "self_consistency", "reasoning")


class Characters:
    """A tokenizer of single characters; 0 is a special token."""

    def decode(self, ids, skip_special_tokens):
        assert skip_special_tokens
        return "".join(chr(each) for each in ids if each)


@pytest.fixture(scope="module")
def tokenizer(base):
    return load_processor(str(base)).tokenizer


def test_normalised_each_reward_in_its_own_group():
    rewards = torch.tensor(
        [[1.0, 0.0], [3.0, 0.0], [torch.nan, 2.0], [torch.nan, 4.0], [5.0, 1.0], [5.0, torch.nan]]
    )
    # Group of two: ±1/√2 of the difference over its deviation √2·½·2 = √2, less TRL's 1e-4.
    high = 1 / (2**0.5 + 1e-4)
    wanted = [[-high, 0], [high, 0], [0, -high], [0, high], [0, 0], [0, 0]]
    assert torch.allclose(normalised(rewards, 2), torch.tensor(wanted), atol=1e-6)


def test_normalised_by_the_unbiased_deviation_of_what_applies():
    rewards = torch.tensor([[1.0], [3.0], [torch.nan], [8.0], [2.0], [2.0], [2.0], [6.0]])
    # Group one: mean 4 of 1, 3, 8, deviation √((9 + 1 + 16) / 2); group two: mean 3, √(12 / 3) = 2.
    one, two = 13**0.5 + 1e-4, 2 + 1e-4
    wanted = [-3 / one, -1 / one, 0, 4 / one, -1 / two, -1 / two, -1 / two, 3 / two]
    assert normalised(rewards, 4).squeeze().tolist() == pytest.approx(wanted)


def test_token_weights_hand_computed():
    text = "<caption>ab</caption><reasoning>cde</reasoning><rating>2.50</rating>"
    parsed = Q_REASONING.parse(text)
    assert parsed.ok
    tokens = token_spans(Characters(), [*map(ord, text), 0])
    weights = token_weights(parsed, tokens, REWARDS, Q_REASONING)
    everywhere, rating, caption, both = weights.tolist()
    # The special token at the end has no characters, but the format is about it as well.
    assert everywhere == pytest.approx([1 / (len(text) + 1)] * (len(text) + 1))
    found = {place: value for place, value in enumerate(rating) if value}
    assert found == dict.fromkeys(range(text.index("2.50"), text.index("2.50") + 4), 0.25)
    found = {place: value for place, value in enumerate(caption) if value}
    assert found == dict.fromkeys((9, 10), 0.5)
    places = [9, 10, *range(text.index("cde"), text.index("cde") + 3)]
    assert {place for place, value in enumerate(both) if value} == set(places)
    assert both[9] == pytest.approx(0.2)


def test_token_weights_not_averaged_hand_computed():
    text = "<caption>ab</caption><reasoning>cde</reasoning><rating>2.50</rating>"
    tokens = token_spans(Characters(), list(map(ord, text)))
    parsed = Q_REASONING.parse(text)
    weights = token_weights(parsed, tokens, REWARDS, Q_REASONING, averaged=False)
    # Format everywhere, rating on "2.50", caption on "ab", both texts on "ab" and "cde".
    assert weights.sum(1).tolist() == [len(text), 4, 2, 5]
    advantages = torch.tensor([[0.5, 2.0, -1.0, 3.0]])
    spread = span_advantages(advantages, [weights], torch.ones(1), len(text))[0].tolist()
    assert spread[text.index("ab")] == pytest.approx(0.5 - 1.0 + 3.0)
    assert spread[text.index("cde")] == pytest.approx(0.5 + 3.0)
    assert spread[text.index("2.50")] == pytest.approx(0.5 + 2.0)
    assert spread[0] == pytest.approx(0.5)


def test_equal_say_of_a_rare_reward_is_that_of_the_others():
    nan = torch.nan
    # Four groups of two; the second reward applies to one group, the third to none.
    rewards = torch.tensor(
        [[1.0, 0.2, nan], [0.0, 0.4, nan]] + [[1.0, nan, nan], [0.0, nan, nan]] * 3
    )
    assert equal_say(rewards).tolist() == [1.0, 2.0, 1.0]
    squares = (normalised(rewards, 2) * equal_say(rewards)).square().mean(0)
    assert float(squares[0]) == pytest.approx(float(squares[1]), rel=1e-2)
    assert float(squares[2]) == 0


@pytest.mark.parametrize("text", ["<caption>ab", "nothing at all", "<rating>2.50</rating>"])
def test_token_weights_of_a_malformed_completion_reach_all_tokens(text):
    parsed = Q_REASONING.parse(text)
    tokens = token_spans(Characters(), list(map(ord, text)))
    weights = token_weights(parsed, tokens, REWARDS, Q_REASONING)
    assert torch.allclose(weights, torch.full_like(weights, 1 / len(text)))


def test_token_weights_of_an_empty_completion_are_empty():
    assert token_weights(Q_REASONING.parse(""), [], REWARDS, Q_REASONING).shape == (4, 0)


def test_fields_of_a_format_without_caption_give_stage_2_the_reasoning():
    assert fields_of("self_consistency", Q_REASONING) == ("caption",)
    assert fields_of("self_consistency", Q_INSIGHT) == ("reasoning",)
    assert fields_of("reasoning", Q_INSIGHT) == ("reasoning",)
    assert fields_of("prediction", Q_INSIGHT) == ("rating",)
    assert fields_of("format", Q_INSIGHT) is None


def test_token_weights_of_one_token_are_whole():
    text = Q_REASONING.render(Chain("a", "b", 2.5))
    parsed = Q_REASONING.parse(text)
    tokens = token_spans(Characters(), list(map(ord, text)))
    weights = token_weights(parsed, tokens, ["self_consistency"], Q_REASONING)
    assert weights[0, parsed.spans["caption"][0]] == weights.sum() == 1


def test_span_advantages_do_not_depend_on_the_length_of_a_field():
    sums = []
    for caption in ("ab", "abcdefgh"):
        text = Q_REASONING.render(Chain(caption, "cde", 2.5))
        tokens = token_spans(Characters(), list(map(ord, text)))
        weights = token_weights(Q_REASONING.parse(text), tokens, REWARDS, Q_REASONING)
        advantages = torch.tensor([[0.0, 0.0, 1.5, 0.0]])
        lengths = torch.tensor([float(len(text))])
        spread = span_advantages(advantages, [weights], lengths, len(text) + 3)
        assert spread.shape == (1, len(text) + 3)
        # What the loss of GRPO makes of it: the sum over the tokens, by their number.
        sums.append(float(spread.sum() / len(text)))
    assert sums == pytest.approx([1.5, 1.5])


def test_span_advantages_of_the_format_alone_are_those_of_the_sequence():
    weights = [torch.full((1, 4), 0.25), torch.full((1, 6), 1 / 6)]
    spread = span_advantages(torch.tensor([[2.0], [-1.0]]), weights, torch.tensor([4.0, 6.0]), 6)
    assert torch.allclose(spread[0], torch.tensor([2.0] * 4 + [0.0] * 2))
    assert torch.allclose(spread[1], torch.full((6,), -1.0))


@given(st.text(max_size=40))
def test_token_spans_cover_the_text_in_order(tokenizer, text):
    ids = tokenizer(text).input_ids
    decoded = tokenizer.decode(ids, skip_special_tokens=True)
    spans = token_spans(tokenizer, ids)
    assert len(spans) == len(ids)
    covered = {place for start, end in spans for place in range(start, end)}
    assert covered == set(range(len(decoded)))
    assert all(start <= end for start, end in spans)
    assert [start for start, _ in spans] == sorted(start for start, _ in spans)


def test_token_spans_bytes_of_one_character_share_it(tokenizer: Qwen2Tokenizer):
    ids = tokenizer("a🙂b").input_ids
    spans = token_spans(tokenizer, ids)
    # The corpus has no emoji: its four bytes are tokens of their own.
    assert spans == [(0, 1), (1, 2), (1, 2), (1, 2), (1, 2), (2, 3)]


def test_token_spans_cut_inside_a_character_count_its_replacement(tokenizer):
    ids = tokenizer("a🙂").input_ids[:3]
    decoded = tokenizer.decode(ids, skip_special_tokens=True)
    spans = token_spans(tokenizer, ids)
    assert spans[0] == (0, 1)
    assert max(end for _, end in spans) == len(decoded)


def test_token_spans_special_tokens_have_no_characters(tokenizer):
    ids = [*tokenizer("ab").input_ids, tokenizer.eos_token_id]
    start, end = token_spans(tokenizer, ids)[-1]
    assert start == end == 2
