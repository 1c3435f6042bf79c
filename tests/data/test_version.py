from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from qreasoning.data.version import content_hash, newest_version, next_version

VALUES = st.one_of(st.none(), st.integers(), st.text(max_size=5), st.floats(allow_infinity=False))
ROWS = st.lists(st.dictionaries(st.sampled_from("abc"), VALUES), max_size=6)


@given(rows=ROWS, data=st.data())
def test_content_hash_row_order_changes_nothing(rows: list[dict], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(rows))
    assert content_hash({"t": rows}, {"name": "n"}) == content_hash({"t": shuffled}, {"name": "n"})


def test_content_hash_tells_content_apart() -> None:
    contents: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"a": [{"x": 1.0}]}, {}),
        ({"a": [{"x": 2.0}]}, {}),
        ({"a": [{"x": None}]}, {}),
        ({"a": [{"x": float("nan")}]}, {}),
        ({"a": [{"x": 1.0}, {"x": 1.0}]}, {}),
        ({"b": [{"x": 1.0}]}, {}),
        ({"a": [{"x": 1.0}]}, {"simulated": True}),
    ]
    hashes = {content_hash(tables, facts) for tables, facts in contents}
    assert len(hashes) == 7


def test_newest_version_compares_numbers_and_skips_other_folders(tmp_path: Path) -> None:
    for name in ("1.2.0", "1.10.0", "draft", ".1.11.0.x"):
        (tmp_path / name).mkdir()
    assert newest_version(tmp_path) == "1.10.0"
    assert next_version("1.10.0") == "1.11.0"
    assert newest_version(tmp_path / "none") is None
    assert next_version(None) == "1.0.0"
