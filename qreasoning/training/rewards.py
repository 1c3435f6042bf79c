"""The rewards that need nothing but text and scores: pure scores and thin callables for TRL.

A reward takes the completions of one batch, conversational or plain, and the dataset's columns as
lists of the same length. It returns one value per completion: None where it does not apply (no
MOS, no human chain), 0 where the completion could not be read. All can be pickled and know no
trainer, so they also work in a plain `trl.GRPOTrainer`.

`RankReward` and `MarginReward` compare pictures; with several processes they gather the whole
batch, so that no group is cut.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from qreasoning.chain import Chain, ChainFormat, Parsed
from qreasoning.metrics.rouge import rouge1
from qreasoning.training.cohorts import Rated, score_margin, score_rank

Completion = str | Sequence[dict[str, Any]]


def text_of(completion: Completion) -> str:
    """The text of a completion: itself, or the content of its (last) message."""
    return completion if isinstance(completion, str) else str(completion[-1]["content"])


def read(chain_format: ChainFormat, completions: Sequence[Completion]) -> list[Parsed]:
    """Parse every completion of a batch."""
    return [chain_format.parse(text_of(completion)) for completion in completions]


def ratings_of(chain_format: ChainFormat, completions: Sequence[Completion]) -> list[float | None]:
    """The rating of each completion; None where it is not cleanly one chain of the format."""
    parsed = read(chain_format, completions)
    return [each.chain.rating if each.ok else None for each in parsed]


def cosine(error: float, threshold: float) -> float:
    """½(1 + cos(π·min(|error|, t)/t)): 1 at no error, ½ at t/2, 0 from t on. Source: H-IQA."""
    return 0.5 * (1 + math.cos(math.pi * min(abs(error), threshold) / threshold))


def score_format(parsed: Sequence[Parsed]) -> list[float]:
    """1 where the text is exactly one chain, else 0."""
    return [float(each.ok) for each in parsed]


def score_ratings(
    ratings: Sequence[float | None], mos: Sequence[float | None], threshold: float
) -> list[float | None]:
    """`cosine` of rating − MOS; 0 where there is no rating, None where there is no MOS."""
    return [
        None if target is None else 0.0 if rating is None else cosine(rating - target, threshold)
        for rating, target in zip(ratings, mos, strict=True)
    ]


def score_threshold(
    ratings: Sequence[float | None], mos: Sequence[float | None], threshold: float
) -> list[float | None]:
    """1 where |rating − MOS| < threshold, else 0; None where there is no MOS. Source: Q-Insight.

    The error is rounded to nine decimals first: in binary 4.35 − 4.00 is below 0.35 and
    3.35 − 3.00 is above.
    """
    return [
        None
        if target is None
        else float(rating is not None and round(abs(rating - target), 9) < threshold)
        for rating, target in zip(ratings, mos, strict=True)
    ]


def score_reasoning(
    chains: Sequence[Chain | None], references: Sequence[Sequence[str]]
) -> list[float | None]:
    """ROUGE-1 F of a chain's text with each human text of its image, mean over the people.

    0 where there is no chain (it could not be read), None where no human wrote about the image.
    """
    pairs = [
        (row, chain.text, text)
        for row, (chain, texts) in enumerate(zip(chains, references, strict=True))
        if chain is not None
        for text in texts
    ]
    measured = rouge1([pair[1] for pair in pairs], [pair[2] for pair in pairs]).fmeasure
    totals = [0.0] * len(chains)
    for (row, _, _), value in zip(pairs, measured, strict=True):
        totals[row] += float(value)
    return [
        total / len(texts) if texts else None
        for total, texts in zip(totals, references, strict=True)
    ]


def score_claims(
    chains: Sequence[Chain | None], references: Sequence[Sequence[str]], penalty: float
) -> list[float | None]:
    """Claim F1 less `penalty` times the share of contradicted claims, against the human texts.

    In [0, 1]. 0 where there is no chain (it could not be read), None where no human wrote about the
    image or what they wrote claims nothing. Source: ours, see `qreasoning.metrics.claims`.
    """
    return [
        None if not texts else 0.0 if chain is None else _claims(chain.text, texts, penalty)
        for chain, texts in zip(chains, references, strict=True)
    ]


def _claims(text: str, references: Sequence[str], penalty: float) -> float | None:
    from qreasoning.metrics.claims import compare

    found = compare(text, references)
    if math.isnan(found.contradiction_rate):
        return None
    return max(0.0, found.f1 - penalty * found.contradiction_rate)


@dataclass(frozen=True)
class FormatReward:
    """1 where the completion is exactly one chain of the format, else 0; always applies."""

    __name__ = "format"
    chain_format: ChainFormat

    def __call__(self, completions: Sequence[Completion], **_: Any) -> list[float | None]:
        """One value per completion."""
        return list(score_format(read(self.chain_format, completions)))


@dataclass(frozen=True)
class PredictionReward:
    """`cosine` of the rating's error; the threshold is in MOS units on [1, 5]."""

    __name__ = "prediction"
    chain_format: ChainFormat
    threshold: float

    def __call__(
        self, completions: Sequence[Completion], *, mos: Sequence[float | None], **_: Any
    ) -> list[float | None]:
        """One value per completion; None without a MOS."""
        return score_ratings(ratings_of(self.chain_format, completions), mos, self.threshold)


@dataclass(frozen=True)
class ThresholdReward:
    """1 where the rating is within `threshold` of the MOS (Q-Insight: 0.35), else 0."""

    __name__ = "threshold"
    chain_format: ChainFormat
    threshold: float = 0.35

    def __call__(
        self, completions: Sequence[Completion], *, mos: Sequence[float | None], **_: Any
    ) -> list[float | None]:
        """One value per completion; None without a MOS."""
        return score_threshold(ratings_of(self.chain_format, completions), mos, self.threshold)


@dataclass(frozen=True)
class RankReward:
    """`score_rank` over the whole batch: is each picture rated above those it is better than?"""

    __name__ = "rank"
    chain_format: ChainFormat

    def __call__(
        self,
        completions: Sequence[Completion],
        *,
        mos: Sequence[float | None],
        mos_set: Sequence[str | None],
        image_id: Sequence[str],
        **_: Any,
    ) -> list[float | None]:
        """One value per completion; None without a MOS or another picture of the set."""
        ratings = ratings_of(self.chain_format, completions)
        own = [Rated(*each) for each in zip(image_id, mos_set, mos, ratings, strict=True)]
        return _over_all_processes(score_rank, own)


@dataclass(frozen=True)
class MarginReward:
    """`score_margin` over the whole batch; `tau` None takes the deviations of the human scores."""

    __name__ = "margin"
    chain_format: ChainFormat
    tau: float | None = 1.0

    def __call__(
        self,
        completions: Sequence[Completion],
        *,
        mos: Sequence[float | None],
        mos_set: Sequence[str | None],
        image_id: Sequence[str],
        mos_std: Sequence[float | None] | None = None,
        **_: Any,
    ) -> list[float | None]:
        """One value per completion; None without a MOS or another picture of the set."""
        ratings = ratings_of(self.chain_format, completions)
        deviations = [None] * len(ratings) if mos_std is None else mos_std
        columns = zip(image_id, mos_set, mos, ratings, deviations, strict=True)
        own = [Rated(*each) for each in columns]
        return _over_all_processes(partial(score_margin, tau=self.tau), own)


def _over_all_processes(
    score: Callable[[Sequence[Rated]], list[float | None]], own: list[Rated]
) -> list[float | None]:
    """The part for `own` of the scores over the completions of every process."""
    from torch import distributed

    if not (distributed.is_available() and distributed.is_initialized()):
        return score(own)
    parts: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(parts, own)
    before = sum(len(part) for part in parts[: distributed.get_rank()])
    return score([each for part in parts for each in part])[before : before + len(own)]


@dataclass(frozen=True)
class ReasoningReward:
    """ROUGE-1 F of caption and reasoning with the human chains of the image."""

    __name__ = "reasoning"
    chain_format: ChainFormat

    def __call__(
        self, completions: Sequence[Completion], *, references: Sequence[Sequence[str]], **_: Any
    ) -> list[float | None]:
        """One value per completion; None without a human chain."""
        parsed = read(self.chain_format, completions)
        return score_reasoning([each.chain if each.ok else None for each in parsed], references)


@dataclass(frozen=True)
class ClaimsReward:
    """Claim F1 with the human chains of the image, less a penalty for contradictions."""

    __name__ = "reasoning"
    chain_format: ChainFormat
    penalty: float = 1.0

    def __call__(
        self, completions: Sequence[Completion], *, references: Sequence[Sequence[str]], **_: Any
    ) -> list[float | None]:
        """One value per completion; None without a human claim."""
        parsed = read(self.chain_format, completions)
        chains = [each.chain if each.ok else None for each in parsed]
        return score_claims(chains, references, self.penalty)
