from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from qreasoning.data.previous import INDEX_SCHEMA
from qreasoning.data.version import Difference, compare, newest_version, next_version

IMAGE, ANSWER, ASIDE = 0, 1, 2


def _index(*rows: tuple[int, int, int, int]) -> pa.Table:
    """Rows (table, key, value, split) of an index."""
    columns = np.array(rows, np.int64).reshape(-1, 4).T
    table, key, value, split = columns
    hashes = [(each << 200).to_bytes(32) for each in value.tolist()]
    arrays = {"table": table, "image": key, "key": key, "value": hashes, "split": split}
    return pa.table(
        [pa.array(arrays[field.name], field.type) for field in INDEX_SCHEMA],
        schema=INDEX_SCHEMA,
    )


BEFORE = ((IMAGE, 1, 10, 0), (ANSWER, 1, 11, 0), (ANSWER, 2, 12, 0), (ASIDE, 3, 13, -1))


@pytest.mark.parametrize(
    ("after", "level", "why"),
    [
        (BEFORE, None, []),
        (BEFORE[1:], "major", ["1 images left"]),
        (((IMAGE, 1, 10, 2), *BEFORE[1:]), "major", ["1 images are in another split"]),
        ((*BEFORE, (IMAGE, 9, 1, 1)), "minor", ["1 images are new"]),
        ((*BEFORE, (ANSWER, 9, 1, 0)), "minor", ["1 annotations are new"]),
        (((IMAGE, 1, 99, 0), *BEFORE[1:]), "patch", ["1 images have other scores or chains"]),
        (
            (BEFORE[0], (ANSWER, 1, 99, 0), *BEFORE[2:]),
            "patch",
            ["1 annotations have other values"],
        ),
        (
            (*BEFORE[:2], (ASIDE, 2, 12, -1), BEFORE[3]),
            "patch",
            ["1 annotations are newly kept aside"],
        ),
    ],
)
def test_compare_names_the_level_and_what_differs(
    after: tuple, level: str | None, why: list[str]
) -> None:
    difference = compare(_index(*BEFORE), _index(*after))
    assert (difference.level, difference.why) == (level, why)


def test_difference_of_shards_adds_up() -> None:
    total = Difference(images_added=2) + Difference(images_added=1, schema=True)
    assert total == Difference(images_added=3, schema=True)
    assert (total.level, total.why[0]) == ("major", "the files have another layout")


def test_newest_version_compares_numbers_and_skips_what_is_not_complete(tmp_path: Path) -> None:
    for name in ("1.2.0", "1.10.0", "1.11.0", "draft", ".1.11.0.x"):
        (tmp_path / name).mkdir()
        if name != "1.11.0":
            (tmp_path / name / "manifest.json").write_text("{}")
    assert newest_version(tmp_path) == "1.10.0"
    assert newest_version(tmp_path / "none") is None


@pytest.mark.parametrize(
    ("newest", "level", "number"),
    [
        (None, "patch", "1.0.0"),
        ("1.2.3", "major", "2.0.0"),
        ("1.2.3", "minor", "1.3.0"),
        ("1.2.3", "patch", "1.2.5"),  # 1.2.4 is taken by an unfinished folder
    ],
)
def test_next_version_raises_the_number_of_the_level(
    tmp_path: Path, newest: str | None, level: str, number: str
) -> None:
    (tmp_path / "1.2.4").mkdir()
    assert next_version(tmp_path, newest, level) == number  # type: ignore[arg-type]
