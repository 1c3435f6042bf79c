"""Credit by field: each reward moves only the tokens of the field that it judges.

Under one shared advantage a wrong reasoning is rewarded when the rating happens to be right. Here
each reward is normalised in its own group, and its advantage reaches the tokens of its own fields
only. Source: MR-IQA-2 (arXiv 2608.18579). Two kinds, both ours:

- `span`: an average over the field, so that its gradient does not depend on its length;
- `balanced`: every token of the field in full, as MR-IQA-2 has it, and a reward that applies to few
  pictures of a step is scaled up until it has the same say in the step as one that applies to all.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch

from qreasoning.chain import ChainFormat, Field, Parsed, Span

RATING: tuple[Field, ...] = ("rating",)
TEXT: tuple[Field, ...] = ("caption", "reasoning")

FIELDS: Mapping[str, tuple[Field, ...]] = MappingProxyType(
    {
        "prediction": RATING,
        "threshold": RATING,
        "rank": RATING,
        "margin": RATING,
        "reasoning": TEXT,
        "self_consistency": ("caption",),
    }
)
"""The fields that a reward judges; one that is not here (the format) judges the whole completion.
Where a format has no caption, its reasoning takes the caption's place, as in stage 2."""

EPSILON = 1e-4
"""Added to a group's standard deviation, as TRL does for a group's total."""


def fields_of(reward: str, chain_format: ChainFormat) -> tuple[Field, ...] | None:
    """The fields whose tokens a reward moves; None for all tokens."""
    fields = FIELDS.get(reward)
    if fields is None or chain_format.has_caption:
        return fields
    return tuple(dict.fromkeys("reasoning" if each == "caption" else each for each in fields))


def normalised(rewards: torch.Tensor, group: int) -> torch.Tensor:
    """Each reward less its group's mean, over its group's standard deviation.

    `rewards` is (completions, rewards) with whole groups of `group` rows one after the other, nan
    where a reward does not apply; what is nan becomes 0. Same shape. Deviations are unbiased.
    """
    grouped = rewards.view(-1, group, rewards.shape[1])
    known = (~grouped.isnan()).sum(1, keepdim=True)
    centred = (grouped - grouped.nanmean(1, keepdim=True)).nan_to_num(0.0)
    spread = (centred.square().sum(1, keepdim=True) / (known - 1).clamp(min=1)).sqrt()
    return (centred / (spread + EPSILON)).view_as(rewards)


def equal_say(rewards: torch.Tensor) -> torch.Tensor:
    """A factor per reward, √(completions / completions that it applies to); 1 where it never does.

    `rewards` is (completions, rewards) of a whole step, nan where a reward does not apply. With it
    the mean square over the step is the same for the advantages of all rewards that apply at all.
    """
    share = (~rewards.isnan()).float().mean(0)
    return torch.where(share > 0, share, 1.0).rsqrt()


def token_weights(
    parsed: Parsed,
    tokens: Sequence[Span],
    rewards: Sequence[str],
    chain_format: ChainFormat,
    *,
    averaged: bool = True,
) -> torch.Tensor:
    """How each reward's advantage is spread over the tokens: (rewards, tokens).

    Rows sum to 1 where `averaged`, else every token that counts has a 1.

    A token counts to a field if it holds one of its characters. A completion that is not cleanly
    one chain has no fields to tell apart: every reward then reaches all of its tokens.
    """
    weights = torch.zeros(len(rewards), len(tokens))
    for row, reward in enumerate(rewards):
        fields = fields_of(reward, chain_format) if parsed.ok else None
        spans = None if fields is None else [parsed.spans[field] for field in fields]
        inside = [
            spans is None or any(start < end_ and end > start_ for start_, end_ in spans)
            for start, end in tokens
        ]
        counted = torch.tensor(inside, dtype=torch.float32)
        weights[row] = counted / max(1, sum(inside)) if averaged else counted
    return weights


def token_spans(tokenizer: Any, ids: Sequence[int]) -> list[Span]:
    """The characters (start, end) of each token in the decoded text; special tokens have none.

    Tokens that share a character (the bytes of an emoji, say) share its span.
    """
    pieces = [_decoded(tokenizer, [each]) for each in ids]
    if "".join(pieces) == _decoded(tokenizer, ids):
        ends = _running_sum([len(piece) for piece in pieces])
        return list(zip([0, *ends][:-1], ends, strict=True))
    return _spans_of_bytes(tokenizer, ids)


def _spans_of_bytes(tokenizer: Any, ids: Sequence[int]) -> list[Span]:
    """As `token_spans`, where a character spreads over tokens: decoded from the start each time."""
    text = _decoded(tokenizer, ids)
    # An unfinished character decodes to U+FFFD; it counts once it is finished.
    whole = [
        len(_decoded(tokenizer, ids[: count + 1]).rstrip("\ufffd")) for count in range(len(ids))
    ]
    starts = [0, *whole][:-1]
    ends, reached = list(whole), len(text)
    for place in range(len(ids) - 1, -1, -1):
        if whole[place] > starts[place]:
            reached = whole[place]
        elif _decoded(tokenizer, [ids[place]]):
            ends[place] = reached
    return list(zip(starts, ends, strict=True))


def _decoded(tokenizer: Any, ids: Sequence[int]) -> str:
    return str(tokenizer.decode(list(ids), skip_special_tokens=True))


def _running_sum(lengths: Sequence[int]) -> list[int]:
    total, sums = 0, []
    for length in lengths:
        total += length
        sums.append(total)
    return sums


def span_advantages(
    advantages: torch.Tensor, weights: Sequence[torch.Tensor], lengths: torch.Tensor, width: int
) -> torch.Tensor:
    """Advantages per token, (completions, width), for a loss that divides by `lengths`.

    `advantages` is (completions, rewards), each reward's own with its weight in the total;
    `weights` has a (rewards, tokens) matrix of `token_weights` per completion; `lengths` is what
    the loss divides each completion's sum by, so that it comes out as a mean over each field.
    """
    result = torch.zeros(len(weights), width)
    for row, (own, spread) in enumerate(zip(advantages.cpu(), weights, strict=True)):
        result[row, : spread.shape[1]] = own @ spread * lengths[row].cpu()
    return result.to(advantages.device)
