import re
from dataclasses import replace

import pytest

from qreasoning.annotation.gold import gold_hits, read_gold
from qreasoning.errors import SettingsError
from qreasoning.records import Annotation

FIELDS = ("sharpness", "noise", "overall")


def write(tmp_path, *lines):
    path = tmp_path / "gold.csv"
    path.write_text("\n".join(["name,field,low,high", *lines]) + "\n", encoding="utf-8")
    return path


def test_read_gold_gives_ranges_by_picture_and_field(tmp_path):
    path = write(tmp_path, "a b.png,sharpness,1,2", "a b.png,overall,1,3", "ü.png,noise,5,5")
    assert read_gold(path, FIELDS) == {
        "a b.png": {"sharpness": (1, 2), "overall": (1, 3)},
        "ü.png": {"noise": (5, 5)},
    }


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (["a.png,blur,1,2"], "line 2: the field 'blur' is none of sharpness, noise, overall"),
        (["a.png,noise,1,2", "a.png,noise,1,3"], "line 3: a.png has 'noise' twice"),
        (["a.png,noise,3,2"], "line 2: the range is 3 to 2; give low and high from 1 to 5"),
        (["a.png,noise,1"], "line 2: the range is 1 to None; give low and high from 1 to 5"),
        (["a.png,noise,0,6"], "line 2: the range is 0 to 6; give low and high from 1 to 5"),
    ],
)
def test_read_gold_names_the_line_that_is_wrong(tmp_path, lines, problem):
    with pytest.raises(SettingsError, match=re.escape(problem)):
        read_gold(write(tmp_path, *lines), FIELDS)


def test_read_gold_without_its_columns_or_its_file_is_said(tmp_path):
    path = tmp_path / "gold.csv"
    with pytest.raises(SettingsError, match=r"gold\.csv is missing\. Create it"):
        read_gold(path, FIELDS)
    path.write_text("name,field,min,max\n")
    with pytest.raises(
        SettingsError, match=r"has no column 'low' .*It needs: name, field, low, high"
    ):
        read_gold(path, FIELDS)


def test_gold_hits_count_ranges_kept_and_checked_by_annotator():
    answer = Annotation(
        *("sha256:1", "a.png", "x@y", "p", {"sharpness": 2, "noise": 4}, {}, "", "", 3),
        *(None, "", "", ""),
    )
    gold = {"a.png": {"sharpness": (1, 2), "noise": (1, 3), "overall": (3, 3)}, "b.png": {}}
    other = replace(answer, annotator="z@y", overall=None)
    unseen = replace(answer, annotator="w@y", name="c.png")
    # x keeps sharpness and overall of three; z gave no overall; w saw no gold picture.
    assert gold_hits([answer, other, unseen], gold) == {"x@y": (2, 3), "z@y": (1, 3)}
