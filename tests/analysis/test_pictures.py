import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from qreasoning.analysis.pictures import NOT_PREDICTED, answers_of, pictures_of
from qreasoning.analysis.readings import reading_records
from qreasoning.errors import DataError

Row = dict[str, Any]
Make = Callable[..., Any]


def _value(found: list[Row], metric: str, condition: str = "image") -> tuple[float, int, int]:
    [row] = [each for each in found if (each["metric"], each["condition"]) == (metric, condition)]
    return row["value"], row["n"], row["n_left_out"]


def test_answers_unreadable_has_an_empty_text_and_no_rating(
    picture: Make, prediction: Make
) -> None:
    pictures = pictures_of("test", [picture(0, 3.0, ("a", "b"))])
    said = prediction(pictures.rows[0], 3.0, ("a sharp cat", "good"), status="text outside")
    [one] = answers_of("m", pictures, [said])
    assert one.texts == ("",) and math.isnan(one.ratings[0])
    assert one.statuses == ("text outside",) and one.predicted.tolist() == [True]


def test_answers_not_predicted_is_no_text_and_counted(picture: Make, prediction: Make) -> None:
    pictures = pictures_of("test", [picture(n, 1.0 + n) for n in range(4)])
    said = [prediction(row, 2.0, ("words", "here")) for row in pictures.rows[:3]]
    [one] = answers_of("m", pictures, said)
    assert one.texts == ("words here",) * 3 + (None,)
    assert one.statuses == ("ok",) * 3 + (NOT_PREDICTED,)
    found = reading_records([one], pictures)
    assert _value(found, "format_rate") == (1.0, 3, 1)
    assert not [each for each in found if NOT_PREDICTED in each["metric"]]


def test_answers_conditions_are_apart_image_first(picture: Make, prediction: Make) -> None:
    pictures = pictures_of("test", [picture(0, 3.0)])
    rows = [
        prediction(pictures.rows[0], r, condition=c) for r, c in ((2.0, "caption"), (4.0, "image"))
    ]
    image, caption = answers_of("m", pictures, rows)
    assert (image.condition, image.ratings[0]) == ("image", 4.0)
    assert (caption.condition, caption.ratings[0]) == ("caption", 2.0)


def test_answers_of_ratings_only_explain_nothing(picture: Make, prediction: Make) -> None:
    pictures = pictures_of("test", [picture(n, 3.0) for n in range(2)])
    [silent] = answers_of("m", pictures, [prediction(row, 3.0) for row in pictures.rows])
    [spoken] = answers_of("m", pictures, [prediction(pictures.rows[0], 3.0, ("a", ""))])
    [failed] = answers_of("m", pictures, [prediction(row, None) for row in pictures.rows])
    assert (silent.explains, spoken.explains, failed.explains) == (False, True, True)


def test_answers_of_a_foreign_picture_is_an_error(picture: Make, prediction: Make) -> None:
    pictures = pictures_of("test", [picture(0, 3.0)])
    with pytest.raises(
        DataError, match=r"m has a prediction for p1\.png, which is not in the test"
    ):
        answers_of("m", pictures, [prediction(picture(1, 3.0), 3.0)])


def test_pictures_leave_prelabelled_chains_out_and_count_them(picture: Make) -> None:
    row = picture(0, 3.0, ("by eye", "alone"), ("upon a", "model's"))
    row["chains"][1]["prelabelled"] = True
    kept = pictures_of("test", [row])
    assert kept.humans == (("by eye alone",),) and kept.prelabelled == 1
    let_in = pictures_of("test", [row], prelabelled=True)
    assert len(let_in.humans[0]) == 2 and let_in.prelabelled == 0


def test_pictures_score_sets_are_apart_and_leave_unscored_out(picture: Make) -> None:
    rows = [
        picture(n, mos, mos_set=name)
        for n, (mos, name) in enumerate(
            [(1.0, "spaq"), (2.0, "koniq"), (None, "koniq"), (4.0, "spaq")]
        )
    ]
    sets = pictures_of("test", rows).score_sets
    assert {name: places.tolist() for name, places in sets.items()} == {
        "koniq": [1],
        "spaq": [0, 3],
    }


def test_pictures_human_ratings_have_a_column_per_person(picture: Make) -> None:
    rows = [picture(0, 3.0, ("a", "b"), ("c", "d")), picture(1, 3.0, ("e", "f"))]
    rows[0]["chains"][1]["rating"] = None
    found = pictures_of("test", rows).human_ratings
    assert np.array_equal(found, [[3.0, np.nan], [3.0, np.nan]], equal_nan=True)


def test_readings_count_statuses_and_texts_that_rouge_cannot_read(
    picture: Make, prediction: Make
) -> None:
    rows = [picture(n, 3.0, ("清晰的图像", "很好")) for n in range(5)]
    pictures = pictures_of("test", rows)
    statuses = ["ok", "ok", "bad rating", "missing rating", "bad rating"]
    said = [
        prediction(row, 3.0, ("plain words", "here"), status=each)
        for row, each in zip(rows, statuses, strict=True)
    ]
    found = reading_records(answers_of("m", pictures, said), pictures)
    assert _value(found, "format_rate") == (2 / 5, 5, 0)
    assert _value(found, "status: bad rating") == (2.0, 5, 0)
    assert _value(found, "status: missing rating")[0] == 1.0
    # Five human texts in another script, and the two that were read are in Latin letters.
    assert _value(found, "wordless_texts") == (5.0, 7, 0)
    assert _value(found, "foreign_texts") == (5.0, 7, 0)
