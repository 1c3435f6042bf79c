import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qreasoning.analysis.alignment import NOT_PREDICTED, compare, records
from qreasoning.errors import DataError
from qreasoning.metrics.correlation import srcc

Row = dict[str, Any]
Make = Callable[..., Row]


def _value(found: list[Row], metric: str, condition: str = "image") -> tuple[float, int, int]:
    [row] = [each for each in found if (each["metric"], each["condition"]) == (metric, condition)]
    return row["value"], row["n"], row["n_left_out"]


def test_compare_several_annotators_takes_the_mean(picture: Make, prediction: Make) -> None:
    row = picture(0, 3.0, ("a sharp cat", "good"), ("a dog", "bad blur here"))
    [one] = compare("m", "test", [prediction(row, 3.0, ("a sharp dog", "good"))], [row])
    # Said: a sharp dog good. First: a sharp cat good, overlap 3 of 4 and 4.
    # Second: a dog bad blur here, overlap 2 of 4 and 5.
    assert one.precision == pytest.approx((3 / 4 + 2 / 4) / 2)
    assert one.recall == pytest.approx((3 / 4 + 2 / 5) / 2)
    assert one.fmeasure == pytest.approx((3 / 4 + 2 * 2 / (4 + 5)) / 2)
    assert one.annotators == 2


def test_compare_unreadable_completion_scores_zero_and_has_no_rating(
    picture: Make, prediction: Make
) -> None:
    row = picture(0, 3.0, ("a sharp cat", "good"))
    said = prediction(row, 3.0, ("a sharp cat", "good"), status="text outside")
    [one] = compare("m", "test", [said], [row])
    assert (one.precision, one.recall, one.fmeasure) == (0, 0, 0)
    assert math.isnan(one.rating) and one.status == "text outside"


def test_compare_texts_in_another_script_are_counted_as_wordless(
    picture: Make, prediction: Make
) -> None:
    row = picture(0, 3.0, ("清晰的图像", "很好"), ("a sharp cat", "good"))
    comparisons = compare("m", "test", [prediction(row, 3.0, ("清晰的图像", "很好"))], [row])
    assert comparisons[0].fmeasure == 0
    assert _value(records(comparisons), "wordless_texts")[0] == 2


def test_compare_picture_without_human_chain_has_no_rouge(picture: Make, prediction: Make) -> None:
    row = picture(0, 3.0)
    [one] = compare("m", "test", [prediction(row, 3.0, ("a", "b"))], [row])
    assert one.fmeasure is None
    found = records([one])
    assert _value(found, "rouge1")[1:] == (0, 0)
    assert math.isnan(_value(found, "rouge1")[0])


def test_compare_picture_not_predicted_is_left_out_and_counted(
    picture: Make, prediction: Make
) -> None:
    rows = [picture(number, 1.0 + number, ("same words", "here")) for number in range(4)]
    said = [prediction(row, 1.5 + place, ("same words", "here")) for place, row in enumerate(rows)]
    comparisons = compare("m", "test", said[:3], rows)
    assert [each.status for each in comparisons] == ["ok", "ok", "ok", NOT_PREDICTED]
    found = records(comparisons)
    assert _value(found, "rouge1") == (1.0, 3, 1)
    assert _value(found, "srcc") == (pytest.approx(1.0), 3, 1)
    assert _value(found, "format_rate") == (1.0, 3, 1)


def test_records_conditions_are_measured_apart(picture: Make, prediction: Make) -> None:
    rows = [picture(number, 1.0 + number, ("dark", "bad")) for number in range(4)]
    said = [prediction(row, 1.0 + place, ("dark", "bad")) for place, row in enumerate(rows)]
    said += [prediction(row, 4.0 - place, condition="caption") for place, row in enumerate(rows)]
    found = records(compare("m", "test", said, rows))
    assert _value(found, "plcc")[0] == pytest.approx(1.0)
    assert _value(found, "plcc", "caption")[0] == pytest.approx(-1.0)
    assert not [
        each for each in found if each["condition"] == "caption" and "rouge" in each["metric"]
    ]
    assert {each["split"] for each in found} == {"test"}
    keys = "model condition split dimension metric aggregation value low high n n_left_out"
    assert all(" ".join(each) == keys for each in found)


def test_records_statuses_are_counted(picture: Make, prediction: Make) -> None:
    rows = [picture(number, 3.0) for number in range(5)]
    statuses = ["ok", "ok", "bad rating", "missing rating", "bad rating"]
    said = [prediction(row, 3.0, status=each) for row, each in zip(rows, statuses, strict=True)]
    found = records(compare("m", "test", said, rows))
    assert _value(found, "format_rate") == (2 / 5, 5, 0)
    assert _value(found, "status: bad rating") == (2.0, 5, 0)
    assert _value(found, "status: missing rating")[0] == 1.0


def test_compare_prediction_of_a_foreign_picture_is_an_error(
    picture: Make, prediction: Make
) -> None:
    with pytest.raises(
        DataError, match=r"m has a prediction for p1\.png, which is not in the test"
    ):
        compare("m", "test", [prediction(picture(1, 3.0), 3.0)], [picture(0, 3.0)])


RATED = st.lists(
    st.tuples(st.integers(100, 500), st.one_of(st.none(), st.integers(100, 500))),
    min_size=1,
    max_size=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rated=RATED, data=st.data())
def test_records_ignore_order_and_never_fill_a_rating_in(
    picture: Make, prediction: Make, rated: list[tuple[int, int | None]], data: st.DataObject
) -> None:
    rows = [picture(place, mos / 100) for place, (mos, _) in enumerate(rated)]
    said = [
        prediction(row, None if rating is None else rating / 100)
        for row, (_, rating) in zip(rows, rated, strict=True)
    ]
    found = records(compare("m", "test", said, rows))
    shuffled = data.draw(st.permutations(said))
    assert repr(records(compare("m", "test", shuffled, rows))) == repr(found)
    read = [(mos, rating) for mos, rating in rated if rating is not None]
    value, n, left_out = _value(found, "srcc")
    assert (n, left_out) == (len(read), len(rated) - len(read))
    expected = srcc([rating for _, rating in read], [mos for mos, _ in read]).value
    assert value == pytest.approx(expected, nan_ok=True)
