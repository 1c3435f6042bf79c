from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qreasoning.analysis.pictures import answers_of, pictures_of
from qreasoning.analysis.ratings import (
    MEAN_OF_SETS,
    correlation_records,
    correlations,
    further_records,
    people_ratings,
)
from qreasoning.metrics.correlation import srcc

Row = dict[str, Any]
Make = Callable[..., Any]


def _value(found: list[Row], metric: str, split: str = "test", condition: str = "image") -> Any:
    [row] = [
        each
        for each in found
        if (each["metric"], each["split"], each["condition"]) == (metric, split, condition)
    ]
    return row["value"], row["n"], row["n_left_out"]


def test_correlations_are_per_score_set_and_never_pooled(picture: Make, prediction: Make) -> None:
    # In each set the ratings follow the MOS exactly backwards; pooled, SRCC would be positive.
    given = [("low", 1.0, 1.3), ("low", 1.2, 1.2), ("low", 1.4, 1.1)]
    given += [("high", 4.0, 4.9), ("high", 4.2, 4.5), ("high", 4.4, 4.1)]
    rows = [picture(n, mos, mos_set=name) for n, (name, mos, _) in enumerate(given)]
    pictures = pictures_of("test", rows)
    answers = answers_of(
        "m", pictures, [prediction(r, g[2]) for r, g in zip(rows, given, strict=True)]
    )
    assert srcc([g[2] for g in given], [g[1] for g in given]).value > 0.4
    sets = correlations(answers, pictures, 200)
    assert list(sets) == [MEAN_OF_SETS, "high", "low"]
    found = correlation_records(sets, "test")
    assert [_value(found, "srcc", each)[0] for each in ("test", "test/high", "test/low")] == [
        -1
    ] * 3
    assert _value(found, "srcc")[1] == 6
    assert {row["aggregation"] for row in found if row["split"] == "test"} == {MEAN_OF_SETS}


def test_correlations_of_one_set_need_no_mean(picture: Make, prediction: Make) -> None:
    rows = [picture(n, 1.0 + n) for n in range(4)]
    pictures = pictures_of("test", rows)
    said = [prediction(row, 1.0 + place) for place, row in enumerate(rows)]
    said += [prediction(row, 4.0 - place, condition="caption") for place, row in enumerate(rows)]
    sets = correlations(answers_of("m", pictures, said), pictures, 200)
    found = correlation_records(sets, "test")
    assert _value(found, "plcc")[0] == pytest.approx(1.0)
    assert _value(found, "plcc", condition="caption")[0] == pytest.approx(-1.0)
    assert _value(found, "srcc_gap", condition="image - caption")[0] == pytest.approx(2.0)


def test_further_records_are_on_raw_ratings(picture: Make, prediction: Make) -> None:
    rows = [picture(n, 1.0 + n) for n in range(4)]
    pictures = pictures_of("test", rows)
    said = [prediction(row, 1.5 + place) for place, row in enumerate(rows[:3])]
    found = further_records(answers_of("m", pictures, said), pictures)
    assert _value(found, "krcc") == (pytest.approx(1.0), 3, 1)
    # Half a point off everywhere.
    assert _value(found, "rmse")[0] == pytest.approx(0.5)
    assert found[0]["low"] is None


def test_people_ratings_put_a_model_with_a_persons_ratings_beside_people(
    picture: Make, prediction: Make
) -> None:
    numbers = np.random.default_rng(1)
    quality = numbers.uniform(1, 5, 80)
    rows = []
    for n in range(80):
        row = picture(n, 3.0, *((f"w{who}", "x") for who in range(3)))
        for chain in row["chains"]:
            chain["rating"] = float(np.clip(quality[n] + numbers.normal(0, 0.5), 1, 5))
        rows.append(row)
    said = [
        prediction(row, float(np.clip(quality[n] + numbers.normal(0, 0.5), 1, 5)))
        for n, row in enumerate(rows)
    ]
    pictures = pictures_of("test", rows)
    found = people_ratings(answers_of("m", pictures, said), pictures)
    assert found is not None
    assert 0.8 < found.human.value < 1
    assert found.gap["m"].low < 0 < found.gap["m"].high


def test_people_ratings_need_pictures_that_two_people_rated(
    picture: Make, prediction: Make
) -> None:
    rows = [picture(n, 3.0, ("a", "b")) for n in range(9)]
    pictures = pictures_of("test", rows)
    answers = answers_of("m", pictures, [prediction(row, 3.0) for row in rows])
    assert people_ratings(answers, pictures) is None


RATED = st.lists(
    st.tuples(st.integers(100, 500), st.one_of(st.none(), st.integers(100, 500))),
    min_size=1,
    max_size=12,
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rated=RATED, data=st.data())
def test_correlations_ignore_order_and_never_fill_a_rating_in(
    picture: Make, prediction: Make, rated: list[tuple[int, int | None]], data: st.DataObject
) -> None:
    rows = [picture(place, mos / 100) for place, (mos, _) in enumerate(rated)]
    pictures = pictures_of("test", rows)
    said = [
        prediction(row, None if rating is None else rating / 100)
        for row, (_, rating) in zip(rows, rated, strict=True)
    ]

    def records(given: list[Row]) -> list[Row]:
        answers = answers_of("m", pictures, given)
        return correlation_records(correlations(answers, pictures, 200), "test")

    found = records(said)
    assert repr(records(data.draw(st.permutations(said)))) == repr(found)
    read = [(mos, rating) for mos, rating in rated if rating is not None]
    value, n, left_out = _value(found, "srcc")
    assert (n, left_out) == (len(read), len(rated) - len(read))
    expected = srcc([rating for _, rating in read], [mos for mos, _ in read]).value
    assert value == pytest.approx(expected, nan_ok=True)
