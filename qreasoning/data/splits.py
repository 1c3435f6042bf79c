"""Splits: by picture and by reference picture, published ones honoured."""

from collections.abc import Sequence

from qreasoning.data.pictures import Picture
from qreasoning.data.spec import Fractions
from qreasoning.errors import DataError
from qreasoning.files import sha256_bytes


def assign_splits(pictures: Sequence[Picture], fractions: Fractions) -> dict[str, str]:
    """The split of each `image_id`.

    Pictures of one reference, and the reference itself, share a split. A published split goes to
    the whole group; other groups are placed by a hash of the seed and the group, so a picture
    keeps its split when others are added, and shares are met on average, not exactly.
    Raises DataError naming both rows where one group has two published splits.
    """
    references = {each.reference_id for each in pictures}
    groups: dict[str, list[Picture]] = {}
    for picture in pictures:
        own = f"{picture.source}/{picture.name}"
        group = picture.reference_id or (own if own in references else picture.image_id)
        groups.setdefault(group, []).append(picture)
    splits: dict[str, str] = {}
    for group, members in groups.items():
        split = _published(group, members) or _drawn(group, fractions)
        splits |= {member.image_id: split for member in members}
    return splits


def _published(group: str, members: Sequence[Picture]) -> str | None:
    named = sorted((each for each in members if each.published_split), key=lambda each: each.place)
    for picture in named:
        if picture.published_split != named[0].published_split:
            raise DataError(
                f"{named[0].place} ({named[0].published_split}) and {picture.place} "
                f"({picture.published_split}) come from one reference, {group}. Give them one "
                "split in the score list."
            )
    return named[0].published_split if named else None


def _drawn(group: str, fractions: Fractions) -> str:
    digest = sha256_bytes(f"{fractions.seed}\n{group}".encode())
    draw = int(digest[:13], 16) / 16**13
    if draw < fractions.train:
        return "train"
    return "validation" if draw < 1 - fractions.test else "test"
