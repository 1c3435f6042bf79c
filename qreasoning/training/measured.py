"""What a run is worth on a split: its text against people's, its ratings against the MOS."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from qreasoning.chain import Chain
from qreasoning.errors import DataError
from qreasoning.metrics import bootstrap, claims
from qreasoning.metrics.bootstrap import Replicates
from qreasoning.metrics.rouge import rouge1_against
from qreasoning.studies import LABELS
from qreasoning.training.examples import split_files

Numbers = NDArray[np.float64]
CORRELATIONS = {"srcc": "rating", "plcc": "rating", "srcc_caption": "caption_rating"}
"""Metrics that are correlations with the MOS, and of which ratings."""


@dataclass(frozen=True)
class Judge:
    """What a split's pictures are judged by: their MOS per score set and their human chains."""

    ids: tuple[str, ...]
    sets: tuple[str, ...]
    mos: Numbers
    humans: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Measured:
    """One model's columns over the pictures of a split, nan where a metric does not apply.

    Text that could not be read counts as no text, a rating that could not be read as none.
    """

    judge: Judge
    columns: dict[str, Numbers]

    def values(self) -> dict[str, float]:
        """Every metric of `LABELS`; nan where it is undefined."""
        return {name: float(replicates(name, [self], 0).values[0]) for name in LABELS}


def read_judge(dataset: Path, split: str) -> Judge:
    """Raises DataError where the split is missing, or has neither a MOS nor a human chain."""
    columns = ["image_id", "mos", "mos_set", "chains"]
    rows = [
        row
        for file in split_files(dataset, split)
        for row in pq.read_table(file, columns=columns).to_pylist()
    ]
    mos = np.array([np.nan if row["mos"] is None else row["mos"] for row in rows])
    humans = tuple(
        tuple(
            Chain(chain["caption"], chain["reasoning"], None).text
            for chain in row["chains"] or ()
            if not chain["prelabelled"]
        )
        for row in rows
    )
    if np.isnan(mos).all() and not any(humans):
        raise DataError(
            f"{dataset} has neither a MOS nor a human chain in the split '{split}', so nothing can "
            "be judged by it. Give it some in annotation/dataset.yaml (splits) and build it again."
        )
    return Judge(
        ids=tuple(row["image_id"] for row in rows),
        sets=tuple(row["mos_set"] or "unnamed" for row in rows),
        mos=mos,
        humans=humans,
    )


def measure(judge: Judge, predictions: Path) -> Measured:
    """Read a predictions file of the judged split."""
    rows = {
        (row["condition"], row["image_id"]): row for row in pq.read_table(predictions).to_pylist()
    }
    image = [rows.get(("image", each)) for each in judge.ids]
    caption = [rows.get(("caption", each)) for each in judge.ids]
    read = [row is not None and row["status"] == "ok" for row in image]
    texts = [
        Chain(row["caption"], row["reasoning"], None).text if ok and row else ""
        for row, ok in zip(image, read, strict=True)
    ]
    compared = [
        claims.compare(text, people) if people else None
        for text, people in zip(texts, judge.humans, strict=True)
    ]
    there = [row is not None for row in image]
    return Measured(
        judge,
        {
            "rouge1": np.where(there, rouge1_against(texts, judge.humans).fmeasure, np.nan),
            "claim_f1": _column([each.f1 if each else None for each in compared]),
            "contradiction_rate": _column(
                [each.contradiction_rate if each else None for each in compared]
            ),
            "format_rate": np.where(there, np.array(read, dtype=np.float64), np.nan),
            "rating": _column([row and row["rating"] for row in image]),
            "caption_rating": _column([row and row["rating"] for row in caption]),
        },
    )


def _column(values: Sequence[float | None]) -> Numbers:
    return np.array([np.nan if each is None else each for each in values], dtype=np.float64)


def replicates(metric: str, runs: Sequence[Measured], repetitions: int) -> Replicates:
    """A metric of several runs over the same pictures, a column each, with bootstrap replicates.

    A correlation over several score sets is the mean of the sets'. Called again, it draws the same
    pictures, so that other runs' differences from these are paired.
    """
    judge = runs[0].judge
    if metric not in CORRELATIONS:
        table = np.array([each.columns[metric] for each in runs]).T
        return bootstrap.means(table, repetitions=repetitions)
    correlate = bootstrap.plcc if metric == "plcc" else bootstrap.srcc
    table = np.array([each.columns[CORRELATIONS[metric]] for each in runs]).T
    known = [name for name, mos in zip(judge.sets, judge.mos, strict=True) if mos == mos]
    parts = []
    for seed, name in enumerate(sorted(set(known))):
        own = np.array([each == name for each in judge.sets]) & ~np.isnan(judge.mos)
        parts.append(correlate(table[own], judge.mos[own], repetitions=repetitions, seed=seed))
    if not parts:
        nothing = np.full(len(runs), np.nan)
        zeros = np.zeros(len(runs), dtype=np.int64)
        return Replicates(nothing, np.full((repetitions, len(runs)), np.nan), zeros, zeros)
    return Replicates(
        np.mean([each.values for each in parts], axis=0),
        np.mean([each.draws for each in parts], axis=0),
        np.sum([each.n for each in parts], axis=0),
        np.sum([each.n_left_out for each in parts], axis=0),
    )
