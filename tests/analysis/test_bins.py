from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from qreasoning.analysis.bins import ALL, agreements, bin_names, cell_records, cells, in_bins
from qreasoning.analysis.measure import texts_of
from qreasoning.analysis.statements import claim_measures
from qreasoning.metrics import claims

Make = Callable[..., Any]
SHARP, BLURRY = "The picture is very sharp.", "The picture is very blurry."


def test_bins_a_bound_belongs_to_the_lower_one_and_no_score_to_none() -> None:
    found = in_bins(np.array([1.0, 2.5, 2.51, 3.5, 5.0, np.nan]), (2.5, 3.5))
    assert {name: np.flatnonzero(inside).tolist() for name, inside in found.items()} == {
        ALL: [0, 1, 2, 3, 4, 5],
        "up to 2.5": [0, 1],
        "2.5 to 3.5": [2, 3],
        "above 3.5": [4],
    }
    assert bin_names((3.0,)) == ["up to 3", "above 3"]


def test_cells_tell_dimension_and_bin_apart(answer: Make) -> None:
    pictures, answers = answer(
        (1.0, [BLURRY], SHARP, 1.0), (2.0, [BLURRY], BLURRY, 1.0), (4.0, [SHARP], SHARP, 1.0)
    )
    statements = claim_measures(texts_of(answers, pictures, None), claims.compare)
    found = cells(statements, ["m"], pictures, (2.5,))
    at = {(e.dimension, e.bin, e.metric): e.estimate for e in found}
    assert at["sharpness", "up to 2.5", "contradiction_rate"].value == pytest.approx(0.5)
    assert at["sharpness", "above 2.5", "contradiction_rate"].value == 0
    assert at["sharpness", ALL, "contradiction_rate"].value == pytest.approx(1 / 3)
    assert at["noise", ALL, "claim_f1"].n == 0
    rows = cell_records(found, {}, "test")
    # The mean over all dimensions and pictures is in the standings' records already.
    assert not [r for r in rows if r["dimension"] is None and r["aggregation"] == "mean"]
    [row] = [
        r
        for r in rows
        if (r["dimension"], r["metric"], r["aggregation"])
        == ("sharpness", "contradiction_rate", "mean, MOS up to 2.5")
    ]
    assert (row["value"], row["n"]) == (pytest.approx(0.5), 2)


def test_agreements_are_alpha_per_dimension() -> None:
    same = np.array([[1.0, 1.0], [3.0, 3.0], [5.0, 5.0]])
    alone = np.array([[1.0, np.nan], [np.nan, 3.0], [5.0, np.nan]])
    found = agreements({"sharpness": same, "noise": alone})
    assert found["sharpness"].value == pytest.approx(1.0)
    assert np.isnan(found["noise"].value)
