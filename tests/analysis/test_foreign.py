import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from qreasoning.analysis.foreign import read_foreign
from qreasoning.analysis.options import ForeignColumns
from qreasoning.errors import DataError

Make = Callable[..., Any]
DEFAULT = ForeignColumns()


@pytest.fixture
def rows(picture: Make) -> list[dict[str, Any]]:
    """Three pictures, two of which share a name."""
    return [picture(0, 3.0), picture(1, 3.0), picture(2, 3.0, name="p1.png")]


def _lines(path: Path, *rows: Any) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def test_foreign_jsonl_and_parquet_are_read_alike(tmp_path: Path, rows: Any) -> None:
    said = [
        {"image": "p0.png", "caption": " a cat ", "reasoning": "sharp", "rating": 4},
        {"image": rows[1]["image_id"], "caption": None, "reasoning": "blurry", "rating": 1.5},
    ]
    lines = read_foreign(_lines(tmp_path / "model.jsonl", *said), DEFAULT, rows)
    parquet.write_table(pa.Table.from_pylist(said), tmp_path / "model.parquet")
    assert read_foreign(tmp_path / "model.parquet", DEFAULT, rows) == lines
    first, second = lines
    assert (first["caption"], first["reasoning"], first["rating"]) == ("a cat", "sharp", 4.0)
    assert (first["image_id"], first["condition"], first["status"]) == (
        rows[0]["image_id"],
        "image",
        "ok",
    )
    assert second["caption"] is None and second["image_id"] == rows[1]["image_id"]


def test_foreign_columns_are_mapped_and_a_caption_rating_is_a_condition(
    tmp_path: Path, rows: Any
) -> None:
    path = _lines(tmp_path / "m.jsonl", {"file": "p0.png", "why": "dark", "score": 2, "blind": 3})
    columns = ForeignColumns(image="file", reasoning="why", rating="score", caption_rating="blind")
    image, caption = read_foreign(path, columns, rows)
    assert (image["reasoning"], image["rating"]) == ("dark", 2.0)
    assert (caption["condition"], caption["rating"]) == ("caption", 3.0)


def test_foreign_what_is_missing_has_a_status(tmp_path: Path, rows: Any) -> None:
    path = _lines(
        tmp_path / "m.jsonl",
        {"image": "p0.png", "reasoning": "dark", "rating": 7},
        {"image": rows[1]["image_id"], "reasoning": "dark", "rating": None},
        {"image": rows[2]["image_id"], "reasoning": "dark", "rating": 3},
    )
    found = read_foreign(path, DEFAULT, rows)
    assert [each["status"] for each in found] == ["rating out of range", "missing rating", "ok"]


def test_foreign_texts_alone_are_read(tmp_path: Path, rows: Any) -> None:
    [found] = read_foreign(
        _lines(tmp_path / "m.jsonl", {"image": "p0.png", "caption": "a cat"}), DEFAULT, rows
    )
    assert (found["status"], found["rating"]) == ("ok", None)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"picture": "p0.png", "rating": 3}, r"no column 'image' \(it has picture, rating\)"),
        ({"image": "p0.png"}, "none of the columns 'caption', 'reasoning', 'rating'"),
        ({"image": "other.png", "rating": 3}, r"row 1: the picture 'other\.png' is not in this"),
        ({"image": 5, "rating": 3}, "row 1: the picture 5 is not"),
        ({"image": "p1.png", "rating": 3}, r"2 pictures named 'p1\.png'.*image_id"),
        ({"image": "p0.png", "rating": "good"}, "row 1: 'rating' is 'good', no number"),
        ({"image": "p0.png", "rating": True}, "row 1: 'rating' is True, no number"),
        ({"image": "p0.png", "caption": 5}, "row 1: 'caption' is 5, no text"),
        ({"image": "p0.png", "rating": 71}, r"outside \[1, 5\] \(they reach from 71 to 71\)"),
    ],
)
def test_foreign_rows_that_cannot_be_used_are_named(
    tmp_path: Path, rows: Any, row: Any, problem: str
) -> None:
    with pytest.raises(DataError, match=problem):
        read_foreign(_lines(tmp_path / "m.jsonl", row), DEFAULT, rows)


def test_foreign_picture_given_twice_is_an_error(tmp_path: Path, rows: Any) -> None:
    row = {"image": "p0.png", "rating": 3}
    with pytest.raises(DataError, match=r"row 2: p0\.png was given in row 1 already"):
        read_foreign(_lines(tmp_path / "m.jsonl", row, row), DEFAULT, rows)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "holds no chains"),
        (b'{"image": "p0.png"\n', "line 1 is not JSON"),
        (b"[1, 2]\n", "line 1 is no JSON object"),
        (b'{"image": "\xff"}\n', "is not UTF-8"),
    ],
)
def test_foreign_file_that_cannot_be_read_is_named(
    tmp_path: Path, rows: Any, content: bytes, problem: str
) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=problem):
        read_foreign(path, DEFAULT, rows)
    (tmp_path / "m.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_foreign(tmp_path / "m.parquet", DEFAULT, rows)
