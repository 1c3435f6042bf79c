import dataclasses

import pyarrow as pa
import pytest

from qreasoning.records import Annotation, Rules, annotation_row, annotations_schema, check

IDS = ("brightness", "noise")
GOOD = Annotation(
    image_id="sha256:00",
    name="a.png",
    annotator="someone",
    project="p",
    ratings={"brightness": 3, "noise": 5},
    notes={"brightness": None, "noise": "clean"},
    caption="a cat on a sofa",
    reasoning="it is sharp and bright enough",
    overall=4,
    seconds=12.5,
    created="2026-01-01T00:00:00Z",
    updated="2026-01-01T00:00:00Z",
    form_version="1",
)


@pytest.mark.parametrize(
    ("change", "findings"),
    [
        ({}, []),
        ({"ratings": {"brightness": 3}}, ["missing noise"]),
        (
            {"ratings": {"brightness": 99, "noise": 0}},
            ["brightness out of range (99)", "noise out of range (0)"],
        ),
        ({"overall": None}, ["missing overall"]),
        ({"caption": " \n\t"}, ["empty caption"]),
        ({"caption": "\u200b \u3164\ufeff\x00"}, ["empty caption"]),
        ({"caption": "a cat"}, ["caption too short (2 of 3 words)"]),
        ({"reasoning": "good"}, ["reasoning too short (1 of 5 words)"]),
    ],
)
def test_check_names_each_broken_rule(change, findings):
    assert check(dataclasses.replace(GOOD, **change), Rules(), IDS) == findings


@pytest.mark.parametrize(
    ("change", "findings"),
    [
        ({}, []),
        ({"caption": "猫坐在沙发上"}, ["caption is not in Latin script"]),
        ({"caption": "кот на диване"}, ["caption is not in Latin script"]),
        ({"caption": "1 2 3"}, ["caption is not in Latin script"]),
        ({"caption": "a cat, 猫, on it"}, []),
        ({"seconds": 9.96}, ["too fast (10.0 of 12.5 s)"]),
        ({"seconds": None}, []),
    ],
)
def test_check_of_script_and_seconds_where_rules_ask(change, findings):
    rules = Rules(script="Latin", min_seconds=12.5)
    assert check(dataclasses.replace(GOOD, **change), rules, IDS) == findings


def test_check_asks_for_neither_script_nor_seconds_by_itself():
    assert check(dataclasses.replace(GOOD, caption="猫坐在沙发上", seconds=0.1), Rules(), IDS) == []


def test_annotation_row_fits_the_schema():
    table = pa.Table.from_pylist([annotation_row(GOOD, ["x"])], schema=annotations_schema(IDS))
    row = table.to_pylist()[0]
    assert (row["noise"], row["noise_note"], row["brightness_note"]) == (5, "clean", None)
    assert (row["caption"], row["overall"], row["findings"]) == ("a cat on a sofa", 4, ["x"])
