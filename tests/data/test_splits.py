from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qreasoning.data.pictures import Picture
from qreasoning.data.spec import Fractions
from qreasoning.data.splits import assign_splits
from qreasoning.errors import DataError


def _picture(name: str, reference: str | None = None, split: str | None = None) -> Picture:
    reference_id = None if reference is None else f"set/{reference}"
    return Picture(f"sha256:{name}", name, "set", f"set/{name}", None, None, reference_id, split)


NAMES = st.lists(st.integers(0, 10**6), unique=True, min_size=1, max_size=60)
REFERENCES = st.one_of(st.none(), st.sampled_from(["r1", "r2", "r3"]))


@given(names=NAMES, data=st.data())
def test_assign_splits_pictures_of_one_reference_share_a_split(
    names: list[int], data: st.DataObject
) -> None:
    pictures = [_picture(str(name), data.draw(REFERENCES)) for name in names]
    splits = assign_splits(pictures, Fractions())
    assert set(splits) == {each.image_id for each in pictures}
    for reference in {each.reference_id for each in pictures} - {None}:
        members = [each for each in pictures if each.reference_id == reference]
        assert len({splits[each.image_id] for each in members}) == 1


@given(names=NAMES, seed=st.integers(0, 5))
def test_assign_splits_order_and_other_pictures_do_not_move_a_picture(
    names: list[int], seed: int
) -> None:
    pictures = [_picture(str(name)) for name in names]
    fractions = Fractions(seed=seed)
    splits = assign_splits(pictures, fractions)
    assert assign_splits(pictures[::-1], fractions) == splits
    part = assign_splits(pictures[: len(pictures) // 2], fractions)
    assert part == {image_id: splits[image_id] for image_id in part}


def test_assign_splits_many_pictures_come_close_to_the_fractions() -> None:
    pictures = [_picture(str(number)) for number in range(4000)]
    shares = Counter(assign_splits(pictures, Fractions()).values())
    # Four standard deviations of a share of 0.7 of 4000 are 116.
    assert abs(shares["train"] - 2800) < 116
    assert abs(shares["test"] - 800) < 102


def test_assign_splits_fractions_of_one_take_everything() -> None:
    pictures = [_picture(str(number)) for number in range(300)]
    for split in ("train", "validation", "test"):
        fractions = Fractions(**{"train": 0, "validation": 0, "test": 0, split: 1})
        assert set(assign_splits(pictures, fractions).values()) == {split}


def test_assign_splits_published_split_takes_its_whole_group() -> None:
    pictures = [_picture("a", "r"), _picture("b", "r", "validation"), _picture("r")]
    splits = assign_splits(pictures, Fractions(train=1, validation=0, test=0))
    assert set(splits.values()) == {"validation"}  # "r" is the reference itself


def test_assign_splits_reference_in_two_published_splits_names_both_rows() -> None:
    pictures = [_picture("a", "r", "train"), _picture("c"), _picture("b", "r", "test")]
    with pytest.raises(DataError, match=r"set/a \(train\) and set/b \(test\) come from one"):
        assign_splits(pictures, Fractions())
