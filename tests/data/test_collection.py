import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qreasoning.data.collection import NOTHING, agreement, collected
from qreasoning.metrics.agreement import alpha
from qreasoning.records import annotations_schema

DIMENSIONS = ("sharpness", "noise")


def answers(ratings):
    """Answers from (picture, annotator, rating) with that rating in every dimension."""
    rows = [
        {
            "image_id": picture,
            "annotator": annotator,
            "project": "p",
            "seconds": float(number),
            "form_version": "f",
            "guidelines_version": "1",
            "overall": rating,
            **dict.fromkeys(DIMENSIONS, rating),
        }
        for number, (picture, annotator, rating) in enumerate(ratings)
    ]
    return pa.Table.from_pylist(rows, schema=annotations_schema(DIMENSIONS))


rated = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 3), st.one_of(st.none(), st.integers(1, 5))),
    min_size=1,
    max_size=40,
    unique_by=lambda row: row[:2],
)


@settings(max_examples=60, deadline=None)
@given(rated)
def test_agreement_is_alpha_of_the_ratings_themselves(rows):
    table = np.full((10, 4), np.nan)
    for picture, annotator, rating in rows:
        table[picture, annotator] = np.nan if rating is None else rating
    expected = alpha(table, repetitions=0)
    found = agreement(
        collected(answers((str(p), str(a), r) for p, a, r in rows), DIMENSIONS).patterns["noise"]
    )
    assert found["n_units"] == expected.n
    if np.isnan(expected.value):
        assert found["alpha"] is None
    else:
        assert found["alpha"] == pytest.approx(expected.value, abs=1e-6)


def test_agreement_has_about_the_interval_of_the_bootstrap_over_pictures():
    rng = np.random.default_rng(0)
    truth = rng.integers(1, 6, 200)
    table = np.clip(truth[:, None] + rng.integers(-1, 2, (200, 3)), 1, 5).astype(float)
    rows = [(str(p), str(a), int(table[p, a])) for p in range(200) for a in range(3)]
    found = agreement(collected(answers(rows), DIMENSIONS).patterns["overall"])
    expected = alpha(table, repetitions=1000)
    assert found["alpha"] == pytest.approx(expected.value, abs=1e-6)
    # Two bootstraps of 1,000 draws: their ends differ by sampling alone.
    assert found["low"] == pytest.approx(expected.low, abs=0.01)
    assert found["high"] == pytest.approx(expected.high, abs=0.01)


def test_collected_of_shards_add_up_to_that_of_the_whole():
    rows = [("a", "x", 1), ("a", "y", 2), ("b", "x", 4), ("c", "y", 5), ("c", "x", 5)]
    whole = collected(answers(rows), DIMENSIONS)
    first = answers(rows).slice(0, 2)
    second = answers(rows).slice(2)
    assert NOTHING + collected(first, DIMENSIONS) + collected(second, DIMENSIONS) == whole
    facts = whole.facts()
    assert facts["collection"] == {
        "annotators": 2,
        "seconds_median": 2.0,  # of 0, 1, 2, 3, 4
        "projects": {"p": {"guidelines": ["1"], "forms": ["f"]}},
    }
    assert [each["dimension"] for each in facts["agreement"]] == [*DIMENSIONS, "overall"]
    assert (facts["agreement"][0]["n_units"], facts["agreement"][0]["n_left_out"]) == (2, 1)


def test_collected_of_nothing_says_nothing():
    assert NOTHING.facts() == {}
    assert (NOTHING + collected(answers([]), DIMENSIONS)).facts() == {}


def test_agreement_without_two_ratings_of_a_picture_or_with_one_value_is_undefined():
    assert agreement({(1, 0, 0, 0, 0): 3})["alpha"] is None
    assert agreement({})["n_units"] == 0
    alike = agreement({(0, 0, 2, 0, 0): 7})
    assert (alike["alpha"], alike["n_units"]) == (None, 7)
