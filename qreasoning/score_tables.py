"""Reading score lists in batches: CSV, TXT and Parquet of any length, each row checked."""

import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from qreasoning.arrow import open_parquet
from qreasoning.errors import DataError
from qreasoning.scores import HIGH, LOW, Column, ScoreFile, ScoreSet, to_mos

if TYPE_CHECKING:
    import pyarrow as pa

ROW = "row"
SPLITS = ("train", "validation", "test")

_NUMBERS = frozenset({"mos", "mos_std", "mos_var"})
_BATCH = 65_536


@dataclass(frozen=True)
class Score:
    """One picture's score: raw in the set's unit, `mos` on [1, 5], with their deviations."""

    name: str
    mos_raw: float
    mos: float
    split: str | None
    reference: str | None
    mos_raw_std: float | None = None
    mos_std: float | None = None


def score_batches(score_set: ScoreSet, root: Path) -> Iterator["pa.Table"]:
    """A MOS list in batches, in the order of the file, with the columns of `Score` and `row`, the
    number of the row in its file from 1. An image listed twice is not noticed here.

    Raises DataError, naming the file and the row, for a missing file or column, a file without
    rows, a score that is no finite number or lies outside the range, or an unknown split.
    """
    for path in score_files(root / score_set.file):
        number = 1
        for batch in _batches(path, score_set):
            yield _checked(batch, score_set, path, number)
            number += batch.num_rows
        if number == 1:
            # Taken for a list, it would take all pictures out of the next version.
            raise DataError(f"{path} lists no picture. Fill it, or take it out of the settings.")


def read_scores(score_set: ScoreSet, root: Path) -> list[Score]:
    """Read a MOS list, sorted by image name.

    Raises DataError, naming the file and the row, for a missing file or column, a score that is no
    finite number or lies outside the range, an image listed twice, or an unknown split.
    """
    scores: dict[str, Score] = {}
    for table in score_batches(score_set, root):
        for row in table.to_pylist():
            number = row.pop(ROW)
            if row["name"] in scores:
                raise DataError(
                    f"{root / score_set.file}, row {number}: {row['name']} is listed twice. "
                    "Remove one row."
                )
            scores[row["name"]] = Score(**row)
    return [scores[name] for name in sorted(scores)]


def score_files(path: Path) -> list[Path]:
    """The files of a MOS list; a * in its name stands for several. Raises DataError for none."""
    if "*" in path.name:
        found = sorted(path.parent.glob(path.name))
        if not found:
            raise DataError(f"No score list is like {path}. Put one there, or correct 'file'.")
        return found
    if not path.is_file():
        raise DataError(f"The score list {path} is missing. Put it there, or correct 'file'.")
    return [path]


def _batches(path: Path, file: ScoreFile) -> Iterator["pa.Table"]:
    """The named columns of a file under the names of what they hold."""
    import pyarrow as pa

    try:
        if path.suffix.lower() == ".parquet":
            yield from _parquet(path, file)
        else:
            yield from _text(path, file)
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        problem = str(error).splitlines()[0]
        raise DataError(
            f"{path} cannot be read as a table ({problem}). Correct the file."
        ) from None


def _parquet(path: Path, file: ScoreFile) -> Iterator["pa.Table"]:
    import pyarrow as pa

    with open_parquet(path) as source:
        _require(path, file, source.schema_arrow.names)
        wanted = [str(column) for column in file.columns.named.values()]
        for batch in source.iter_batches(_BATCH, columns=wanted):
            table = pa.Table.from_batches([batch])
            table.validate(full=True)  # a text that is no UTF-8 is taken over as it is
            yield _named(table, file)


def _text(path: Path, file: ScoreFile) -> Iterator["pa.Table"]:
    import pyarrow as pa
    from pyarrow import csv

    parse = csv.ParseOptions(delimiter="\t" if _spaced(path, file) else file.delimiter or ",")
    read = csv.ReadOptions(autogenerate_column_names=not file.header)
    with csv.open_csv(_source(path, file), read, parse) as reader:
        _require(path, file, reader.schema.names)
    columns = {_in_file(column): what for what, column in file.columns.named.items()}
    convert = csv.ConvertOptions(
        strings_can_be_null=True,
        include_columns=list(columns),
        # Never guessed: a name may be a number with leading zeros, a first block of whole scores
        # may be followed by fractions.
        column_types={
            column: pa.float64() if what in _NUMBERS else pa.string()
            for column, what in columns.items()
        },
    )
    with csv.open_csv(_source(path, file), read, parse, convert) as reader:
        for batch in reader:
            yield _named(pa.Table.from_batches([batch]), file)


def _spaced(path: Path, file: ScoreFile) -> bool:
    return file.delimiter is None and path.suffix.lower() == ".txt"


def _source(path: Path, file: ScoreFile) -> Path | io.BytesIO:
    if not _spaced(path, file):
        return path
    lines = path.read_text(encoding="utf-8").splitlines()
    return io.BytesIO("\n".join("\t".join(line.split()) for line in lines).encode())


def _in_file(column: Column) -> str:
    """The name under which Arrow knows a column: numbered ones are f0, f1, …"""
    return column if isinstance(column, str) else f"f{column - 1}"


def _require(path: Path, file: ScoreFile, found: list[str]) -> None:
    missing = [each for each in file.columns.named.values() if _in_file(each) not in found]
    if missing and file.header:
        raise DataError(
            f"{path} has no column '{missing[0]}' (it has {', '.join(found)}). "
            "Name its columns under 'columns'."
        )
    if missing:
        raise DataError(
            f"{path} has no column {missing[0]} (it has {len(found)}). Correct 'columns', or "
            "'delimiter'."
        )
    doubled = [each for each in file.columns.named.values() if found.count(_in_file(each)) > 1]
    if doubled:
        raise DataError(f"{path} has the column '{doubled[0]}' twice. Remove or rename one.")


def _named(table: "pa.Table", file: ScoreFile) -> "pa.Table":
    import pyarrow as pa

    kinds = {what: pa.float64() if what in _NUMBERS else pa.string() for what in file.columns.named}
    return pa.table(
        {
            what: table.column(_in_file(column)).cast(kinds[what])
            for what, column in file.columns.named.items()
        }
    )


def _checked(table: "pa.Table", score_set: ScoreSet, path: Path, first: int) -> "pa.Table":
    import numpy as np
    import pyarrow as pa

    place = _Place(path, first)
    raw = _numbers(table, "mos")
    bounds = score_set.bounds
    place.refuse(~np.isfinite(raw), "the score {} is no finite number. Correct or remove it.", raw)
    outside = (raw < min(bounds)) | (raw > max(bounds))
    place.refuse(outside, f"the score {{}} is outside {list(bounds)}. Correct it.", raw)
    names = table.column("image")
    unnamed = np.asarray(names.is_null()) | (np.asarray(names.fill_null("")) == "")
    place.refuse(unnamed, "the image has no name. Add it, or remove the row.", raw)
    spread = _spread(table, place)
    worst, best = bounds
    return pa.table(
        {
            "name": names,
            "mos_raw": raw,
            "mos": to_mos(raw, bounds),
            "split": _splits(table, score_set, place),
            "reference": _references(table, names, score_set, place),
            "mos_raw_std": spread,
            "mos_std": pa.compute.multiply(spread, (HIGH - LOW) / abs(best - worst)),
            ROW: np.arange(first, first + len(raw)),
        }
    )


class _Place(NamedTuple):
    """Where a batch begins, to name a row that is refused."""

    path: Path
    first: int

    def refuse(self, wrong: "Any", problem: str, values: "Any") -> None:
        """Raise DataError for the first row that is wrong; {} in `problem` is its value."""
        found = wrong.nonzero()[0]
        if len(found):
            row = int(found[0])
            text = problem.format(values[row])
            raise DataError(f"{self.path}, row {self.first + row}: {text}")


def _numbers(table: "pa.Table", what: str) -> "Any":
    """A column as float64, nan where nothing is given."""
    import numpy as np

    return np.asarray(table.column(what).fill_null(math.nan), np.float64)


def _spread(table: "pa.Table", place: _Place) -> "pa.Array":
    """The standard deviations, null where none is given."""
    import numpy as np
    import pyarrow as pa

    what = next((each for each in ("mos_std", "mos_var") if each in table.column_names), None)
    if what is None:
        return pa.nulls(table.num_rows, pa.float64())
    values = _numbers(table, what)
    wrong = (values < 0) | np.isinf(values)
    place.refuse(wrong, "the deviation {} is no size. Correct it.", values)
    return pa.array(np.sqrt(values) if what == "mos_var" else values, from_pandas=True)


def _splits(table: "pa.Table", file: ScoreFile, place: _Place) -> "pa.Array":
    import numpy as np
    import pyarrow as pa

    if "split" not in table.column_names:
        return pa.nulls(table.num_rows, pa.string())
    given = table.column("split").to_pylist()
    found = np.array([file.split_names.get(each, each) if each else None for each in given], object)
    wrong = np.array([each not in (None, *SPLITS) for each in found], bool)
    place.refuse(
        wrong, "the split is '{}'. Use train, validation or test, or map 'split_names'.", found
    )
    return pa.array(found, pa.string())


def _references(
    table: "pa.Table", names: "pa.ChunkedArray", file: ScoreFile, place: _Place
) -> "pa.Array":
    import numpy as np
    import pyarrow as pa

    if "reference" in table.column_names:
        return table.column("reference")
    if file.reference_pattern is None:
        return pa.nulls(table.num_rows, pa.string())
    pattern = re.compile(file.reference_pattern)
    found = [pattern.search(each) for each in names.to_pylist()]
    wrong = np.array([each is None for each in found], bool)
    place.refuse(wrong, "the name {} does not fit reference_pattern. Correct the pattern.", names)
    return pa.array([each[1] if each else None for each in found], pa.string())
