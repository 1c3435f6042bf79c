"""Chains that were made elsewhere: JSONL or Parquet with a row per picture."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qreasoning.analysis.options import ForeignColumns
from qreasoning.chain import RATING_MAX, RATING_MIN
from qreasoning.errors import DataError
from qreasoning.records import predictions_schema

Row = dict[str, Any]
SUFFIXES = (".jsonl", ".parquet")


def read_foreign(path: Path, columns: ForeignColumns, pictures: Sequence[Row]) -> list[Row]:
    """The rows of a file as predictions rows for `pictures`, rows of a dataset's `chains`.

    A row is one picture in the image condition, and in the caption condition too where the file
    has a `caption_rating`. What is missing or out of range has a status, as a completion would.
    Raises DataError, naming the file and the row, for a file that cannot be read, a column that is
    not there, a picture that the dataset does not have or has twice, and a picture given twice.
    """
    rows = _read(path)
    there = {name for row in rows for name in row}
    _check_columns(path, columns, there)
    _check_scale(path, columns, rows)
    by_name = _by_name(pictures)
    found: list[Row] = []
    seen: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        place = f"{path}, row {number}"
        picture = _picture(row, columns, by_name, place)
        if picture["image_id"] in seen:
            raise DataError(
                f"{place}: {picture['name']} was given in row {seen[picture['image_id']]} already. "
                "Keep one of the two rows."
            )
        seen[picture["image_id"]] = number
        found.append(_prediction(row, columns, picture, path.stem, place))
        if columns.caption_rating in there:
            found.append(_from_caption(row, columns, picture, path.stem, place))
    return found


def _read(path: Path) -> list[Row]:
    rows = _read_parquet(path) if path.suffix == ".parquet" else _read_lines(path)
    if not rows:
        raise DataError(f"{path} holds no chains. Give a file with one row per picture.")
    return rows


def _read_parquet(path: Path) -> list[Row]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        rows: list[Row] = parquet.read_table(path).to_pylist()
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path} cannot be read as Parquet ({reason}). Write it again.") from None
    return rows


def _read_lines(path: Path) -> list[Row]:
    try:
        lines = path.read_bytes().decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 (byte {error.start}). Save it as UTF-8.") from None
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"{path}, line {number} is not JSON ({error}). Write one object per line."
            ) from None
        if not isinstance(row, dict):
            raise DataError(f"{path}, line {number} is no JSON object. Write one object per line.")
        rows.append(row)
    return rows


def _check_columns(path: Path, columns: ForeignColumns, there: set[str]) -> None:
    if columns.image not in there:
        raise DataError(
            f"{path} has no column '{columns.image}' (it has {', '.join(sorted(there))}). "
            "Name the column of the picture's file name: --columns image=NAME"
        )
    if not there & {columns.caption, columns.reasoning, columns.rating}:
        raise DataError(
            f"{path} has none of the columns '{columns.caption}', '{columns.reasoning}', "
            f"'{columns.rating}'. Name one at least, for example: --columns reasoning=NAME"
        )


def _check_scale(path: Path, columns: ForeignColumns, rows: Sequence[Row]) -> None:
    values = [row.get(columns.rating) for row in rows]
    # JSON has integers that no float can hold.
    numbers = [each for each in values if isinstance(each, (int, float)) and abs(each) < 1e300]
    if numbers and not any(RATING_MIN <= each <= RATING_MAX for each in numbers):
        raise DataError(
            f"{path}: all ratings are outside [1, 5] (they reach from {min(numbers):g} to "
            f"{max(numbers):g}). Map them to 1 (bad) to 5 (excellent) first."
        )


def _by_name(pictures: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in pictures:
        for key in {row["name"], row["image_id"]}:
            found.setdefault(key, []).append(row)
    return found


def _picture(
    row: Row, columns: ForeignColumns, by_name: Mapping[str, Sequence[Row]], place: str
) -> Row:
    name = row.get(columns.image)
    found = by_name.get(name, []) if isinstance(name, str) else []
    if not found:
        raise DataError(
            f"{place}: the picture {_brief(name)} is not in this split of the dataset. "
            "Use the names of its column 'name', or leave the row out."
        )
    if len(found) > 1:
        raise DataError(
            f"{place}: the dataset has {len(found)} pictures named {name!r}, of different sets. "
            "Give the column 'image_id' of the one that is meant."
        )
    return found[0]


def _prediction(row: Row, columns: ForeignColumns, picture: Row, model: str, place: str) -> Row:
    texts = {key: _text(row, getattr(columns, key), place) for key in ("caption", "reasoning")}
    rating, status = _rating(row, columns.rating, place)
    if status != "ok" and columns.rating not in row and any(texts.values()):
        # A file of texts alone: nothing of it is unreadable.
        status = "ok"
    return {
        **_common(picture, model, "image"),
        "raw": " ".join(text for text in texts.values() if text),
        **texts,
        "rating": rating,
        "status": status,
    }


def _from_caption(row: Row, columns: ForeignColumns, picture: Row, model: str, place: str) -> Row:
    rating, status = _rating(row, columns.caption_rating, place)
    caption = _text(row, columns.caption, place)
    common = _common(picture, model, "caption")
    return {**common, "raw": "", "rating": rating, "status": status, "input_caption": caption}


def _common(picture: Row, model: str, condition: str) -> Row:
    return {
        **dict.fromkeys(predictions_schema().names),
        "image_id": picture["image_id"],
        "name": picture["name"],
        "condition": condition,
        "model_id": f"{model} (chains made elsewhere)",
    }


def _text(row: Row, column: str, place: str) -> str | None:
    value = row.get(column)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if not isinstance(value, str):
        raise DataError(f"{place}: '{column}' is {_brief(value)}, no text. Correct the row.")
    # Half of a surrogate pair, which JSON can name and no file of text can hold, becomes "?".
    return value.strip().encode("utf-8", "replace").decode() or None


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _rating(row: Row, column: str, place: str) -> tuple[float | None, str]:
    value = row.get(column)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None, "missing rating"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise DataError(f"{place}: '{column}' is {_brief(value)}, no number. Correct the row.")
    if not RATING_MIN <= value <= RATING_MAX:
        return None, "rating out of range"
    return float(value), "ok"
