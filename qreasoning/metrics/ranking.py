"""Which of several authors people prefer: strengths from choices between two, with replicates.

Where each text was rated alone, a ranking is that of means: see `bootstrap.means`. Both give
`Replicates`, from which `bootstrap.intervals` and `bootstrap.differences` make intervals and say
which authors differ; the image is what is drawn, so judges of one picture do not count as several.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qreasoning.metrics.bootstrap import Difference, Replicates, counts

ROUNDS = 1000
"""Steps of the fit at most (it takes some dozens)."""

PRECISE = 1e-9
"""Largest change of a strength at which a fit has ended."""


def bradley_terry(
    wins: ArrayLike, *, repetitions: int = 10_000, seed: int = 0, prior: float = 0.5
) -> Replicates:
    """Log strengths of the Bradley-Terry model, with mean 0, and their replicates over images.

    `wins` is (images, authors, authors): how often the first was preferred to the second, a tie as
    half a win for each. The chance that i is preferred to j is e^(s_i) / (e^(s_i) + e^(s_j)).
    `prior` wins are added either way to every pair that was compared at all, so that an author who
    always wins has a finite strength. An author that was never compared is nan. Raises ValueError
    for other shapes, negative and undefined wins.

    Source: Bradley and Terry 1952; the fit is Hunter's (2004) minorization-maximization.
    """
    won = np.asarray(wins, dtype=np.float64)
    if won.ndim != 3 or won.shape[1] != won.shape[2]:
        raise ValueError(f"bradley_terry needs wins of (images, authors, authors), not {won.shape}")
    if not np.isfinite(won).all() or (won < 0).any():
        raise ValueError("bradley_terry: wins are counts, 0 or more")
    images, authors = won.shape[:2]
    won = won * ~np.eye(authors, dtype=bool)
    compared = (won + won.transpose(0, 2, 1)).sum(axis=0) > 0
    extra = prior * compared
    flat = won.reshape(images, authors * authors)
    value = _strengths((flat.sum(axis=0).reshape(1, authors, authors)) + extra)[0]
    parts = [
        _strengths((weights.T @ flat).reshape(-1, authors, authors) + extra)
        for weights in counts(images, repetitions, seed)
    ]
    draws = np.concatenate(parts) if parts else np.empty((0, authors))
    seen = (won.sum(axis=2) + won.sum(axis=1)) > 0
    n = seen.sum(axis=0)
    return Replicates(value, draws, n, images - n)


def told_apart(found: Difference) -> bool:
    """Whether two authors differ: significant among all pairs, and an interval on one side of 0.

    The two rarely disagree. Where they do, replicates are few or skewed, and nothing is claimed.
    """
    return found.real and (found.low > 0 or found.high < 0)


def _strengths(wins: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log strengths (fits, authors) of win counts (fits, authors, authors)."""
    games = wins + wins.transpose(0, 2, 1)
    total = wins.sum(axis=2)
    there = games.sum(axis=2) > 0
    strength = np.where(there, 1.0, 0.0)
    for _ in range(ROUNDS):
        pair = strength[:, :, None] + strength[:, None, :]
        with np.errstate(invalid="ignore", divide="ignore"):
            new = np.where(there, total / np.where(pair > 0, games / pair, 0.0).sum(axis=2), 0.0)
            logs = np.log(new)
            centre = np.where(there, logs, 0.0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
        new = np.where(there, np.exp(logs - centre[:, None]), 0.0)
        change = np.abs(new - strength).max(initial=0.0)
        strength = new
        if change < PRECISE:
            break
    with np.errstate(divide="ignore"):
        return np.where(there, np.log(strength), np.nan)
