import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from qreasoning.errors import DataError
from qreasoning.score_tables import Score, read_scores
from qreasoning.scores import ScoreColumns, ScoreSet, to_mos

COLUMNS = ScoreColumns(split="split", reference="reference")


def score_set(name="s.csv", **changes):
    return ScoreSet(
        **{"name": "set", "file": name, "range": (0, 100), "columns": COLUMNS, **changes}
    )


@pytest.fixture
def write(tmp_path):
    """Write a score list of four columns with one good row and `row` after it."""

    def write_rows(*rows, name="s.csv"):
        columns = ["image", "mos", "split", "reference"]
        table = pd.DataFrame([["b.png", 25.0, "test", "I01"], *rows], columns=columns)
        path = tmp_path / name
        table.to_parquet(path) if name.endswith("parquet") else table.to_csv(path, index=False)
        return tmp_path

    return write_rows


@pytest.mark.parametrize("name", ["s.csv", "s.parquet"])
def test_read_scores_maps_to_one_to_five_and_sorts(write, name):
    root = write(["a.png", 100.0, None, None], name=name)
    first, second = read_scores(score_set(name), root)
    assert second == Score("b.png", 25.0, 2.0, "test", "I01")  # 1 + 4 * 25 / 100
    assert (first.name, first.mos) == ("a.png", 5.0)
    assert (first.split, first.reference) == (None, None)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (["a.png", float("nan"), "test", "I"], "row 2: the score .* is no finite number"),
        (["a.png", float("inf"), "test", "I"], "row 2: the score inf is no finite number"),
        (["a.png", 101.0, "test", "I"], "row 2: the score 101.0 is outside"),
        (["a.png", 1.0, "dev", "I"], "row 2: the split is 'dev'"),
        (["b.png", 1.0, "test", "I"], "row 2: b.png is listed twice"),
    ],
)
def test_read_scores_of_a_bad_row_names_file_and_row(write, row, said):
    root = write(row)
    with pytest.raises(DataError, match=said) as caught:
        read_scores(score_set(), root)
    assert str(root / "s.csv") in str(caught.value)


def test_read_scores_without_the_file_or_a_column_says_which(write, tmp_path):
    with pytest.raises(DataError, match=r"none\.csv is missing"):
        read_scores(score_set("none.csv"), tmp_path)
    with pytest.raises(DataError, match="no column 'dmos'"):
        read_scores(score_set(columns=ScoreColumns(mos="dmos")), write())
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match="cannot be read"):
        read_scores(score_set("broken.parquet"), tmp_path)


@given(st.floats(0, 1), st.floats(0, 1))
def test_to_mos_of_a_dmos_turns_the_order_round(one, other):
    assert (to_mos(one, (1, 0)) > to_mos(other, (1, 0))) <= (one < other)
    assert to_mos(1, (1, 0)) == 1
    assert to_mos(0, (1, 0)) == 5


def test_range_of_equal_bounds_is_refused():
    with pytest.raises(ValidationError, match="two finite bounds"):
        score_set(range=(1, 1))
