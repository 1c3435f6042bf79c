"""Score lists in every layout that the public sets come in, and every fault that a row can have."""

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from qreasoning.errors import DataError
from qreasoning.score_tables import read_scores, score_batches
from qreasoning.scores import ScoreSet


def score_set(**changes):
    return ScoreSet.model_validate({"name": "s", "file": "s.csv", "range": [0, 9], **changes})


# As mos_with_names.txt of TID2013: no header, score first, several blanks.
TID = "5.51429 I01_01_1.bmp\n5.56757   i02_01_2.bmp\n"
BY_NUMBER = {"header": False, "columns": {"mos": 1, "image": 2}}


def test_txt_by_white_space_and_column_number_with_references_in_the_names(tmp_path):
    (tmp_path / "mos.txt").write_text(TID)
    listed = score_set(file="mos.txt", reference_pattern=r"(?i)^(i\d+)", **BY_NUMBER)
    first, second = read_scores(listed, tmp_path)
    assert (first.name, first.mos_raw, first.reference) == ("I01_01_1.bmp", 5.51429, "I01")
    assert (second.name, second.reference) == ("i02_01_2.bmp", "i02")
    assert first.mos == pytest.approx(1 + 4 * 5.51429 / 9)


def test_txt_with_a_delimiter_and_several_files_read_as_one(tmp_path):
    for name, text in (("A1.txt", "A1_0.bmp,1\n"), ("A2.txt", "A2_0.bmp,2\nA2_1.bmp,3\n")):
        (tmp_path / name).write_text(text)
    listed = score_set(file="A*.txt", delimiter=",", header=False, columns={"image": 1, "mos": 2})
    assert [each.mos_raw for each in read_scores(listed, tmp_path)] == [1, 2, 3]
    rows = [row for table in score_batches(listed, tmp_path) for row in table.to_pylist()]
    assert [row["row"] for row in rows] == [1, 1, 2]
    with pytest.raises(DataError, match=r"No score list is like .*B\*\.txt"):
        read_scores(score_set(file="B*.txt"), tmp_path)


def test_names_that_look_like_numbers_stay_as_they_are_written(tmp_path):
    (tmp_path / "s.csv").write_text("image,mos\n00001,1\n1e3,2\n")
    assert [each.name for each in read_scores(score_set(), tmp_path)] == ["00001", "1e3"]


def test_whole_scores_followed_by_fractions_in_a_long_file_are_read(tmp_path):
    count = 200_000  # several blocks of a megabyte
    lines = [f"{number:06}.jpg,{1 if number < count - 1 else 1.5}" for number in range(count)]
    (tmp_path / "s.csv").write_text("image,mos\n" + "\n".join(lines))
    tables = list(score_batches(score_set(), tmp_path))
    assert len(tables) > 1
    assert sum(table.num_rows for table in tables) == count
    last = tables[-1].slice(tables[-1].num_rows - 1).to_pylist()[0]
    assert (last["name"], last["mos_raw"], last["row"]) == (f"{count - 1:06}.jpg", 1.5, count)


def test_deviations_are_scaled_and_variances_become_deviations(tmp_path):
    (tmp_path / "s.csv").write_text("image,mos,spread\na,1,0.81\nb,2,\n")
    std = read_scores(score_set(columns={"mos_std": "spread"}), tmp_path)
    # 4 units of [1, 5] for 9 of the list
    assert (std[0].mos_raw_std, std[0].mos_std) == (0.81, pytest.approx(0.36))
    assert (std[1].mos_raw_std, std[1].mos_std) == (None, None)
    var = read_scores(score_set(columns={"mos_var": "spread"}), tmp_path)
    assert var[0].mos_raw_std == pytest.approx(0.9)
    assert read_scores(score_set(), tmp_path)[0].mos_std is None


def test_split_names_are_translated_and_others_refused(tmp_path):
    (tmp_path / "s.csv").write_text("image,mos,set\na,1,training\nb,2,test\nc,3,\n")
    columns = {"split": "set"}
    listed = score_set(columns=columns, split_names={"training": "train"})
    assert [each.split for each in read_scores(listed, tmp_path)] == ["train", "test", None]
    with pytest.raises(DataError, match=r"row 1: the split is 'training'"):
        read_scores(score_set(columns=columns), tmp_path)


FAULTS = {
    "nan": ("a,nan", "row 2: the score nan is no finite number"),
    "inf": ("a,inf", "row 2: the score inf is no finite number"),
    "minus inf": ("a,-inf", "row 2: the score -inf is no finite number"),
    "empty": ("a,", "row 2: the score nan is no finite number"),
    "a word": ("a,good", "cannot be read as a table .*good"),
    "outside": ("a,9.01", "row 2: the score 9.01 is outside"),
    "below": ("a,-0.1", "row 2: the score -0.1 is outside"),
    "no name": (",1", "row 2: the image has no name"),
    "twice": ("b,1", "row 2: b is listed twice"),
    "torn": ('"a', "cannot be read as a table|no name|no finite"),
    "too many": ("a,1,2", "cannot be read as a table"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_row_with_a_fault_is_one_error_that_names_file_and_row(fault, tmp_path):
    row, said = FAULTS[fault]
    (tmp_path / "s.csv").write_text(f"image,mos\nb,1\n{row}")
    with pytest.raises(DataError, match=said) as caught:
        read_scores(score_set(), tmp_path)
    assert str(tmp_path / "s.csv") in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cannot be read as a table"),
        (b"image,mos\n", "lists no picture"),
        (b"image,mos,mos\na,1,2\n", "the column 'mos' twice"),
        (b"image,score\na,1\n", r"no column 'mos' \(it has image, score\)"),
        (b"\xff\xfe\x00image", "cannot be read as a table|no column"),
        (b"image,mos\n\xe4.jpg,1\n", "cannot be read as a table"),
    ],
)
def test_a_file_that_is_no_such_table_is_one_error(content, said, tmp_path):
    (tmp_path / "s.csv").write_bytes(content)
    with pytest.raises(DataError, match=said):
        read_scores(score_set(), tmp_path)


def test_a_text_file_without_the_column_number_or_in_another_encoding_says_so(tmp_path):
    (tmp_path / "mos.txt").write_text(TID)
    with pytest.raises(DataError, match=r"no column 3 \(it has 2\)"):
        read_scores(
            score_set(file="mos.txt", header=False, columns={"mos": 1, "image": 3}), tmp_path
        )
    (tmp_path / "mos.txt").write_bytes("5 bäume.bmp\n".encode("latin-1"))
    with pytest.raises(DataError, match="cannot be read as a table"):
        read_scores(score_set(file="mos.txt", **BY_NUMBER), tmp_path)


def test_a_parquet_file_with_faults_is_one_error(tmp_path):
    listed = score_set(file="s.parquet", columns={"mos_std": "sd"})
    for row, said in (
        ({"image": "a", "mos": np.nan, "sd": 1.0}, "the score nan is no finite number"),
        ({"image": None, "mos": 1.0, "sd": 1.0}, "the image has no name"),
        ({"image": "a", "mos": 1.0, "sd": -1.0}, "the deviation -1.0 is no size"),
        ({"image": "a", "mos": 1.0, "sd": np.inf}, "the deviation inf is no size"),
    ):
        good = {"image": "b", "mos": 1.0, "sd": 1.0}
        pd.DataFrame([good, row]).to_parquet(tmp_path / "s.parquet")
        with pytest.raises(DataError, match=f"row 2: {said}"):
            read_scores(listed, tmp_path)
    pd.DataFrame({"image": ["a"], "mos": ["good"], "sd": [1.0]}).to_parquet(tmp_path / "s.parquet")
    with pytest.raises(DataError, match="cannot be read as a table"):
        read_scores(listed, tmp_path)


def test_a_name_that_does_not_fit_the_reference_pattern_is_refused(tmp_path):
    (tmp_path / "s.csv").write_text("image,mos\nI01_1.png,1\nother.png,2\n")
    with pytest.raises(DataError, match=r"row 2: the name other\.png does not fit"):
        read_scores(score_set(reference_pattern=r"^(I\d+)"), tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"range": None}, "give the range"),
        ({"better": "lower"}, "lower is better: turn it round"),
        ({"range": [1, 0], "better": "higher"}, "higher is better: turn it round"),
        ({"reference_pattern": "("}, "no regular expression"),
        ({"reference_pattern": "a"}, "needs one group, it has 0"),
        ({"reference_pattern": "(a)", "columns": {"reference": "r"}}, "not both"),
        ({"columns": {"mos_std": "a", "mos_var": "b"}}, "not both"),
        ({"header": False}, "needs header: true"),
        ({"columns": {"image": 1}}, "needs header: false"),
        ({"columns": {"image": 0}, "header": False}, "greater than or equal to 1"),
    ],
)
def test_a_description_that_contradicts_itself_is_refused(changes, said):
    with pytest.raises(ValidationError, match=said):
        score_set(**changes)
