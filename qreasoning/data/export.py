"""`--export`: a version as JSON lines, as CSV, or as prompts for TRL."""

import csv
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from pyarrow import parquet

from qreasoning.arrow import open_parquet
from qreasoning.chain import Q_REASONING
from qreasoning.data.spec import SPLITS
from qreasoning.errors import DataError
from qreasoning.files import MANIFEST, make_folder, read_manifest, write_bytes
from qreasoning.spreadsheets import literal

Kind = Literal["json", "csv", "trl"]
KINDS: tuple[str, ...] = get_args(Kind)

Row = dict[str, Any]


@dataclass(frozen=True)
class ExportReport:
    """Where the export is, and how many rows each file holds."""

    folder: Path
    rows: Mapping[str, int]


def export(folder: Path, kind: Kind, into: Path) -> ExportReport:
    """Write a complete version for other tools to the new folder `into`, whole or not at all.

    - json: `chains-<split>.jsonl` and `annotations-<split>.jsonl`, every column but the picture;
    - csv: the same as CSV, lists as JSON in a cell; a cell that a spreadsheet would calculate
      begins with an apostrophe;
    - trl: `<split>.jsonl` with the columns of a GRPO run (`prompt`, that of the format q-reasoning,
      `image`, `mos`, `mos_set`, `image_id`, `references`), and the pictures as files in `images/`.

    Raises DataError for an incomplete version and a folder that is not empty.
    """
    if read_manifest(folder) is None:
        raise DataError(f"{folder / MANIFEST} is missing: no complete version. Build one first.")
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise DataError(f"{into} is not empty. Remove it, or name another folder.")
    rows: dict[str, int] = {}

    def fill(draft: Path) -> None:
        for split in SPLITS:
            rows.update(
                _trl(folder, split, draft) if kind == "trl" else _plain(folder, split, kind, draft)
            )

    make_folder(into, fill)
    return ExportReport(into, rows)


def _rows(folder: Path, config: str, split: str, *, pictures: bool) -> Iterator[Row]:
    for path in sorted((folder / "data" / config).glob(f"{split}-*.parquet")):
        with open_parquet(path) as file:
            names = [name for name in file.schema_arrow.names if pictures or name != "image"]
            for number in range(file.num_row_groups):
                yield from file.read_row_group(number, columns=names).to_pylist()


def _columns(folder: Path, config: str, split: str) -> list[str]:
    paths = sorted((folder / "data" / config).glob(f"{split}-*.parquet"))
    names = parquet.read_schema(paths[0]).names if paths else []
    return [name for name in names if name != "image"]


def _plain(folder: Path, split: str, kind: Kind, draft: Path) -> dict[str, int]:
    counts = {}
    for config in ("chains", "annotations"):
        rows = _rows(folder, config, split, pictures=False)
        if kind == "json":
            name = f"{config}-{split}.jsonl"
            counts[name] = _write_lines(draft / name, rows)
        else:
            name = f"{config}-{split}.csv"
            counts[name] = _write_csv(draft / name, _columns(folder, config, split), rows)
    return counts


def _write_lines(path: Path, rows: Iterator[Row]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            count += 1
            file.write(json.dumps(_plain_value(row), ensure_ascii=False, allow_nan=False) + "\n")
    return count


def _plain_value(value: Any) -> Any:
    # JSON has no nan: an undefined number is null there, like one that does not apply.
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, Mapping):
        return {key: _plain_value(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain_value(each) for each in value]
    return value


def _write_csv(path: Path, columns: list[str], rows: Iterator[Row]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        # RFC 4180: with these ends Python quotes a lone carriage return too.
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(columns)
        for row in rows:
            count += 1
            writer.writerow([_cell(row[column]) for column in columns])
    return count


def _cell(value: Any) -> Any:
    if isinstance(value, (list, dict)):
        value = json.dumps(_plain_value(value), ensure_ascii=False, allow_nan=False)
    return "" if value is None else literal(value)


def _trl(folder: Path, split: str, draft: Path) -> dict[str, int]:
    def examples() -> Iterator[Row]:
        for row in _rows(folder, "chains", split, pictures=True):
            yield {
                "prompt": [{"role": "user", "content": Q_REASONING.prompt}],
                "image": _picture(row, draft),
                **{name: row[name] for name in ("image_id", "name", "mos", "mos_set", "mos_raw")},
                "references": [_reference(chain) for chain in row["chains"]],
            }

    name = f"{split}.jsonl"
    return {name: _write_lines(draft / name, examples())}


def _picture(row: Row, draft: Path) -> str | None:
    if row["image"] is None:
        return None
    # By its hash: two sets may both have a 1.png, and a name may be any text.
    suffix = Path(row["name"]).suffix.lower()
    suffix = suffix if suffix.removeprefix(".").isalnum() else ""
    name = f"images/{row['image_id'].removeprefix('sha256:')}{suffix}"
    if not (draft / name).exists():
        write_bytes(draft / name, row["image"]["bytes"])
    return name


def _reference(chain: Row) -> str:
    return f"{chain['caption']} {chain['reasoning']}"
