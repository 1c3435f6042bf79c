"""The order in which pictures are drawn: each picture once per epoch, K completions of each.

Where pictures are compared within their score set, they are drawn in twos of one set, so that no
batch leaves a picture without a partner.
"""

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Sampler


class PictureSampler(Sampler[int]):
    """Dataset rows in batches of `pictures`, each `completions` times, the batch `repeats` times.

    The order is that of the seed and the epoch alone, so a run that is resumed in its third epoch
    draws what it would have drawn; in the first epoch it is that of TRL's own sampler. A rest that
    fills no batch waits for the next epoch; where `compared`, so does one picture of a set of odd
    size.
    """

    def __init__(
        self,
        *,
        sets: Sequence[str | None],
        compared: bool,
        pictures: int,
        completions: int,
        repeats: int,
        seed: int,
    ) -> None:
        self.sets = sets
        self.compared = compared
        self.pictures = pictures
        self.completions = completions
        self.repeats = repeats
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """The epoch that the next iteration belongs to."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        order = self._order()
        for start in range(0, len(order) - self.pictures + 1, self.pictures):
            batch = order[start : start + self.pictures]
            for _ in range(self.repeats):
                for row in batch:
                    yield from [row] * self.completions

    def __len__(self) -> int:
        batches = len(self._order()) // self.pictures
        return batches * self.pictures * self.completions * self.repeats

    def _order(self) -> list[int]:
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        shuffled: list[int] = torch.randperm(len(self.sets), generator=generator).tolist()
        if not self.compared:
            return shuffled
        by_set: dict[str | None, list[int]] = {}
        for row in shuffled:
            by_set.setdefault(self.sets[row], []).append(row)
        twos = [two for rows in by_set.values() for two in zip(rows[::2], rows[1::2], strict=False)]
        places = torch.randperm(len(twos), generator=generator).tolist()
        return [row for place in places for row in twos[place]]
