"""Rows that share a prompt, and a group of them as one row under a mask."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Groups:
    """Which rows of a batch share a prompt: `first` row of each group, and its `members`."""

    first: list[int]
    members: list[list[int]]

    @classmethod
    def of(cls, keys: Sequence[Any]) -> "Groups":
        """Rows with equal keys form a group, in the order of their first rows."""
        rows: dict[Any, list[int]] = {}
        for row, key in enumerate(keys):
            rows.setdefault(key, []).append(row)
        return cls([group[0] for group in rows.values()], list(rows.values()))

    @property
    def of_row(self) -> list[int]:
        """The group of each row."""
        found = {row: number for number, group in enumerate(self.members) for row in group}
        return [found[row] for row in range(len(found))]


@dataclass(frozen=True)
class Packed:
    """Groups as rows: (groups, length) each, positions (3, groups, length)."""

    input_ids: torch.Tensor
    attention: torch.Tensor
    positions: torch.Tensor
    shift_labels: torch.Tensor
    prompt: int
    """Columns before the first completion's block."""

    def unpacked(self, values: torch.Tensor, groups: Groups, width: int) -> torch.Tensor:
        """(groups, length) values at the blocks' places as (rows, width)."""
        rows = torch.empty(sum(map(len, groups.members)), width, dtype=values.dtype).to(values)
        for number, members in enumerate(groups.members):
            blocks = values[number, self.prompt :].view(-1, width)
            rows[members] = blocks[: len(members)]
        return rows


def pack(
    input_ids: torch.Tensor,
    attention_mask: torch.Tensor,
    positions: torch.Tensor,
    width: int,
    groups: Groups,
) -> Packed:
    """Pack rows of prompt and completion, (rows, prompt + width), by group.

    A completion's block begins with the prompt's last token, which predicts its first token, and
    leaves out its last, which predicts nothing. `positions` is (3, rows, prompt + width).
    """
    prompt = input_ids.shape[1] - width - 1
    blocks = max(map(len, groups.members))
    rows = torch.tensor([(group + group[:1] * blocks)[:blocks] for group in groups.members])
    rows = rows.to(input_ids.device)
    real = torch.tensor([[k < len(group) for k in range(blocks)] for group in groups.members])
    first = rows[:, 0]

    def blocked(values: torch.Tensor, start: int) -> torch.Tensor:
        return values[..., rows, start : start + width].flatten(-2)

    labels = input_ids.masked_fill(attention_mask == 0, -100)
    wanted = blocked(labels, prompt + 1).masked_fill(
        ~real.to(rows.device).repeat_interleave(width, 1), -100
    )
    before = torch.full((len(first), prompt), -100, dtype=wanted.dtype, device=wanted.device)
    return Packed(
        input_ids=torch.cat([input_ids[first, :prompt], blocked(input_ids, prompt)], 1),
        attention=visible(attention_mask[first, :prompt], blocks, width),
        positions=torch.cat([positions[:, first, :prompt], blocked(positions, prompt)], 2),
        shift_labels=torch.cat([before, wanted], 1),
        prompt=prompt,
    )


def visible(prompt_mask: torch.Tensor, blocks: int, width: int) -> torch.Tensor:
    """Where the tokens of a prompt and of `blocks` of `width` tokens after it may look.

    `prompt_mask` is (rows, prompt), 1 where it is no padding. (rows, 1, length, length) True: back
    in the prompt and in the own block.
    """
    prompt = prompt_mask.shape[1]
    device = prompt_mask.device
    part = torch.cat(
        [
            torch.zeros(prompt, dtype=torch.long, device=device),
            torch.arange(1, blocks + 1, device=device).repeat_interleave(width),
        ]
    )
    place = torch.arange(len(part), device=device)
    backwards = place[:, None] >= place[None]
    near = (part[:, None] == part[None]) | (part[None] == 0)
    seen = torch.cat(
        [prompt_mask.bool(), prompt_mask.new_ones(len(prompt_mask), blocks * width).bool()], 1
    )
    # Padding sees itself, so that no row of the softmax is empty.
    seen_by = (backwards & near)[None] & seen[:, None, :] | (place[:, None] == place[None])[None]
    return seen_by[:, None]
