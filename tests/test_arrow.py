import subprocess
import sys
from typing import Any

import pyarrow as pa
import pytest

from qreasoning.arrow import array, numbers_of, table

CASES: list[tuple[pa.DataType, list[Any]]] = [
    (pa.string(), ["a", None, "", "é\x00模"]),
    (pa.int8(), [1, None, -128, 127]),
    (pa.int64(), [2**62, None, 0]),
    (pa.float64(), [0.1, None, float("inf")]),
    (pa.bool_(), [True, None, False] * 5),
    (pa.list_(pa.string()), [["a", "b"], [], None, ["c", None]]),
    *((kind, []) for kind in (pa.string(), pa.int8(), pa.bool_(), pa.list_(pa.string()))),
]


@pytest.mark.parametrize(("kind", "values"), CASES)
def test_array_of_python_values_is_what_pyarrow_makes(kind: pa.DataType, values: list[Any]) -> None:
    made = array(values, kind)
    made.validate(full=True)
    assert made.equals(pa.array(values, kind))
    assert made.null_count == values.count(None)


def test_array_of_a_number_too_large_raises() -> None:
    with pytest.raises(OverflowError):
        array([200], pa.int8())


def test_numbers_of_a_slice_are_its_own() -> None:
    values = pa.array([7, 8, 9, 10], pa.int32())
    assert numbers_of(values[1:3]).tolist() == [8, 9]
    assert numbers_of(values[:0]).tolist() == []
    with pytest.raises(ValueError, match="nulls"):
        numbers_of(pa.array([1, None]))


def test_table_of_rows_is_what_pyarrow_makes() -> None:
    schema = pa.schema([("a", pa.string()), ("b", pa.int8())], {"about": "x"})
    rows = [{"a": "x", "b": 1}, {"a": None}]
    made = table(rows, schema)
    assert made.equals(pa.Table.from_pylist(rows, schema=schema), check_metadata=True)


def test_table_of_rows_does_not_import_pandas() -> None:
    code = (
        "import sys, pyarrow as pa; from qreasoning.arrow import table;"
        "table([{'a': 'x'}], pa.schema([('a', pa.string())])); print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
