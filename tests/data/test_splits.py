from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qreasoning.data.spec import SPLITS, Fractions
from qreasoning.data.splits import Groups, assign_splits, join_groups

Row = tuple[str, str | None, str | None]


def _assigned(
    rows: list[Row],
    fractions: Fractions = Fractions(),  # noqa: B008
    before: dict[str, str] | None = None,
    groups: Groups = Groups(),  # noqa: B008
) -> dict[str, str | None]:
    """Splits by name of pictures (name, reference, published split)."""
    columns = {
        "image_id": [f"sha256:{name}" for name, _, _ in rows],
        "name": [name for name, _, _ in rows],
        "source": ["set"] * len(rows),
        "reference_id": [reference and f"set/{reference}" for _, reference, _ in rows],
        "published": [split for _, _, split in rows],
    }
    pictures = pa.table({key: pa.array(each, pa.string()) for key, each in columns.items()})
    known = [SPLITS.index(before[name]) if name in (before or {}) else -1 for name, _, _ in rows]  # type: ignore[index]
    splits, tied = assign_splits(pictures, np.array(known, np.int8), groups, fractions)
    assert sorted(tied) == np.flatnonzero(splits < 0).tolist()
    names = [SPLITS[split] if split >= 0 else None for split in splits.tolist()]
    return dict(zip(columns["name"], names, strict=True))  # type: ignore[arg-type]


def _references(*names: str) -> pa.Array:
    return pa.array([f"set/{name}" for name in names])


NAMES = st.lists(st.integers(0, 10**6).map(str), unique=True, min_size=1, max_size=60)


@given(names=NAMES, data=st.data())
def test_assign_splits_pictures_of_one_reference_share_a_split(
    names: list[str], data: st.DataObject
) -> None:
    references = st.one_of(st.none(), st.sampled_from(["r1", "r2", "r3"]))
    rows: list[Row] = [(name, data.draw(references), None) for name in names]
    splits = _assigned(rows, groups=Groups(_references("r1", "r2", "r3")))
    assert set(splits) == set(names)
    for wanted in ("r1", "r2", "r3"):
        assert len({splits[name] for name, reference, _ in rows if reference == wanted}) <= 1


@given(names=NAMES, seed=st.integers(0, 5))
def test_assign_splits_order_and_other_pictures_do_not_move_a_picture(
    names: list[str], seed: int
) -> None:
    rows: list[Row] = [(name, None, None) for name in names]
    fractions = Fractions(seed=seed)
    splits = _assigned(rows, fractions)
    assert _assigned(rows[::-1], fractions) == splits
    part = _assigned(rows[: len(rows) // 2], fractions)
    assert part == {name: splits[name] for name in part}


def test_assign_splits_many_pictures_come_close_to_the_fractions() -> None:
    shares = Counter(_assigned([(str(n), None, None) for n in range(4000)]).values())
    # Four standard deviations of a share of 0.7 of 4000 are 116.
    assert abs(shares["train"] - 2800) < 116
    assert abs(shares["test"] - 800) < 102


@pytest.mark.parametrize("split", SPLITS)
def test_assign_splits_fractions_of_one_take_everything(split: str) -> None:
    fractions = Fractions(**{"train": 0, "validation": 0, "test": 0, split: 1})  # type: ignore[arg-type]
    rows: list[Row] = [(str(number), None, None) for number in range(300)]
    assert set(_assigned(rows, fractions).values()) == {split}


def test_assign_splits_published_split_goes_before_all_others() -> None:
    rows: list[Row] = [("a", None, "validation"), ("b", "r", None), ("r", None, None)]
    groups = Groups(_references("r"), fixed={"set/r": frozenset({"validation"})})
    splits = _assigned(rows, Fractions(train=1, validation=0, test=0), {"a": "test"}, groups)
    assert set(splits.values()) == {"validation"}  # "r" is the reference itself


def test_assign_splits_earlier_split_stays_whatever_the_group_says() -> None:
    groups = Groups(_references("r"), fixed={"set/r": frozenset({"test"})})
    rows: list[Row] = [("a", "r", None), ("b", "r", None)]
    assert _assigned(rows, before={"a": "train"}, groups=groups) == {"a": "train", "b": "test"}


def test_assign_splits_newcomer_joins_its_near_copy_or_belongs_nowhere() -> None:
    # "new" is like "old"; "tie" is like two pictures that are in different splits.
    joined = join_groups(
        [("sha256:new", "sha256:old"), ("sha256:tie", "sha256:c"), ("sha256:d", "sha256:tie")]
    )
    fixed = {
        joined["sha256:old"]: {"test": "sha256:old"},
        joined["sha256:c"]: {"train": "sha256:c", "test": "sha256:d"},
    }
    rows: list[Row] = [(name, None, None) for name in ("new", "old", "tie", "c", "d")]
    before = {"old": "test", "c": "train", "d": "test"}
    splits = _assigned(rows, before=before, groups=Groups(joined=joined, fixed=fixed))
    assert splits == {"new": "test", "old": "test", "tie": None, "c": "train", "d": "test"}


def test_join_groups_ties_directly_and_through_others() -> None:
    assert join_groups([("b", "c"), ("a", "b"), ("x", "y")]) == {
        **dict.fromkeys("abc", "a"),
        **dict.fromkeys("xy", "x"),
    }
