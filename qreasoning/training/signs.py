"""Signs that a run goes wrong, read from its metrics while it still helps to know.

Source: H-IQA names three failure signatures (ROUGE-1 up while the correlations go down, the caption
condition collapsing, many zero rewards); completions that are cut off are the usual reason of the
last. Thresholds are ours.
"""

from collections.abc import Mapping, Sequence
from math import isnan
from statistics import fmean
from typing import Any, NamedTuple

WINDOW = 4
"""Metric lines that are averaged before they count; single lines are too noisy."""
RISEN, FALLEN = 0.05, 0.05
"""How far the reasoning reward must be up, and a rating reward down, to pull apart."""
ZERO_FORMAT, CUT = 0.2, 0.1
"""Shares of unreadable and of cut completions that are worth a warning."""
RATING_REWARDS = ("prediction", "threshold", "rank", "margin")


class Sign(NamedTuple):
    """Something that goes wrong: what kind, and a sentence with its numbers."""

    kind: str
    text: str


def signs(history: Sequence[Mapping[str, Any]]) -> list[Sign]:
    """What goes wrong in a run, given its metric lines so far; the newest `WINDOW` count as now.

    The lines are those that TRL logs: `rewards/<name>/mean` in [0, 1], nan or missing where the
    reward did not apply, and `completions/clipped_ratio`. Fewer than `WINDOW` lines show nothing.
    """
    if len(history) < WINDOW:
        return []
    found = [*_pulling_apart(history), *_collapsing(history)]
    return [*found, *_unreadable(history), *_cut(history)]


def _pulling_apart(history: Sequence[Mapping[str, Any]]) -> list[Sign]:
    text = _reward(history, "reasoning")
    if text is None:
        return []
    up = text[-1] - text[0]
    for name in RATING_REWARDS:
        rating = _reward(history, name)
        if rating is not None and up >= RISEN and rating[0] - rating[-1] >= FALLEN:
            return [
                Sign(
                    "pulling apart",
                    f"the reasoning reward rose from {text[0]:.2f} to {text[-1]:.2f} while the "
                    f"rating error grows ({name} reward {rating[0]:.2f} to {rating[-1]:.2f}): the "
                    "model imitates words. Weigh the reasoning reward less, or set credit to "
                    "balanced.",
                )
            ]
    return []


def _collapsing(history: Sequence[Mapping[str, Any]]) -> list[Sign]:
    rewards = _reward(history, "self_consistency")
    if rewards is None or max(rewards) < 0.1 or rewards[-1] > max(rewards) / 2:
        return []
    return [
        Sign(
            "caption condition",
            f"the self-consistency reward fell from {max(rewards):.2f} to {rewards[-1]:.2f}: the "
            "captions say less about quality, and the rating comes from the picture alone. Weigh "
            "self_consistency more, or lower grpo.learning_rate.",
        )
    ]


def _unreadable(history: Sequence[Mapping[str, Any]]) -> list[Sign]:
    rewards = _reward(history, "format")
    if rewards is None or 1 - rewards[-1] <= ZERO_FORMAT:
        return []
    return [
        Sign(
            "format",
            f"{1 - rewards[-1]:.0%} of the completions have a format reward of 0, so nothing in "
            "them is rewarded. See their status in completions/, and warm the model up first.",
        )
    ]


def _cut(history: Sequence[Mapping[str, Any]]) -> list[Sign]:
    cut = _means(history, "completions/clipped_ratio")
    if cut is None or cut[-1] <= CUT:
        return []
    return [
        Sign(
            "cut",
            f"{cut[-1]:.0%} of the completions are cut by the length limit and can earn nothing. "
            "Raise grpo.max_completion_length.",
        )
    ]


def _reward(history: Sequence[Mapping[str, Any]], name: str) -> list[float] | None:
    return _means(history, f"rewards/{name}/mean")


def _means(history: Sequence[Mapping[str, Any]], key: str) -> list[float] | None:
    """Means over each `WINDOW` successive lines that have a value, oldest first; None if too few.

    The first is the start of the run, the last is now.
    """
    values = (line.get(key) for line in history)
    known = [value for value in values if value is not None and not isnan(value)]
    if len(known) < WINDOW:
        return None
    return [fmean(known[end - WINDOW : end]) for end in range(WINDOW, len(known) + 1)]
