import hashlib

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from qreasoning.data.hashing import among, codes, digest_of, hashes_of, row_hashes

TEXT = st.one_of(st.none(), st.text(alphabet="ab\x1f\x00", max_size=3))
ROW = st.tuples(
    TEXT,
    TEXT,
    st.one_of(st.none(), st.lists(st.text(alphabet="a:1", max_size=2), max_size=2)),
    st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
    st.one_of(st.none(), st.integers(-3, 3)),
    st.booleans(),
)


def _hashes(rows: list[tuple]) -> list[bytes]:
    kinds = [pa.string(), pa.string(), pa.list_(pa.string()), pa.float64(), pa.int8(), pa.bool_()]
    columns = [pa.array([row[n] for row in rows], kind) for n, kind in enumerate(kinds)]
    return [row.tobytes() for row in row_hashes(columns)]


@given(rows=st.lists(ROW, min_size=1, max_size=6))
def test_row_hashes_are_equal_exactly_for_equal_rows(rows: list[tuple]) -> None:
    hashes = _hashes(rows)
    # An absent list of texts is told from an empty one, and 0.0 equals -0.0.
    for one, first in zip(rows, hashes, strict=True):
        for other, second in zip(rows, hashes, strict=True):
            assert (first == second) == (one == other)


def test_row_hashes_nan_is_one_value_and_not_null() -> None:
    values = pa.array([float("nan"), -float("nan"), None, 0.0])
    texts = pa.array(["", "", "", ""])
    one, two, three, four = (row.tobytes() for row in row_hashes([values, texts]))
    assert one == two
    assert len({one, three, four}) == 3


def test_row_hashes_of_a_slice_are_those_of_its_rows() -> None:
    texts = pa.array(["a", None, "ccc", "d"])
    lists = pa.array([["x"], [], None, ["y", "z"]])
    whole = row_hashes([texts, lists])
    assert np.array_equal(row_hashes([texts.slice(2), lists.slice(2)]), whole[2:])


def test_hashes_of_is_sha256_and_codes_sort_like_it() -> None:
    hashes = hashes_of(pa.array(["a", "b", "c"]))
    assert hashes[0].tobytes() == hashlib.sha256(b"a").digest()
    order = sorted(range(3), key=lambda row: hashes[row].tobytes())
    assert np.argsort(codes(hashes)).tolist() == order


@given(texts=st.lists(st.text(max_size=3), max_size=8), data=st.data())
def test_digest_of_does_not_depend_on_the_order(texts: list[str], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(texts))
    one, other = (digest_of(hashes_of(pa.array(each, pa.string()))) for each in (texts, shuffled))
    assert one == other
    more = digest_of(hashes_of(pa.array([*texts, "!"], pa.string())))
    assert more != one


def test_among_finds_codes_in_sorted_ones() -> None:
    known = np.array([2, 5, 9], np.uint64)
    asked = np.array([5, 1, 10, 9], np.uint64)
    assert among(asked, known).tolist() == [True, False, False, True]
    assert not among(known, known[:0]).any()
