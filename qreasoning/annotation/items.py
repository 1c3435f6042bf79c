"""What each annotator of a blind project is shown, in which order: `items.json` beside the log.

On the server a task carries an opaque id and nothing that tells a repeated or a gold picture from
an ordinary one, not even the picture's name; what an id means is only written here (mode 600). A
plan is never made anew: what somebody was given stays theirs, and new pictures come after it.
"""

import fcntl
import json
import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from qreasoning.errors import DataError
from qreasoning.files import write_json

ITEMS = "items.json"

_FORMAT = 1


@dataclass(frozen=True)
class Shown:
    """A chain that is shown to be judged."""

    author: str
    """`model:<predictions>` or `human:<annotator>`; never told to a judge."""
    caption: str
    reasoning: str

    @property
    def text(self) -> str:
        """Caption and reasoning as one text, as they are shown: whether there are two is a tell."""
        return " ".join(part for part in (self.caption, self.reasoning) if part)


@dataclass(frozen=True)
class Unit:
    """What is answered: a picture, or a picture with one chain or two to be judged."""

    image_id: str
    name: str
    shown: tuple[Shown, ...] = ()

    @property
    def key(self) -> str:
        """The same for the same picture and authors, in whatever order they are shown."""
        return unit_key(self.image_id, [each.author for each in self.shown])


@dataclass(frozen=True)
class Item:
    """One showing of a unit to one person."""

    id: str
    """16 random digits: all that the server knows."""
    unit: Unit
    repeat: bool = False
    """Whether the same person has it a second time."""


Items = Mapping[str, tuple[Item, ...]]
"""By annotator (e-mail address), in the order of showing."""


@dataclass(frozen=True)
class Order:
    """How the showings are laid out."""

    seed: int
    per_unit: int
    """How many people answer each ordinary unit."""
    first: frozenset[str] = frozenset()
    """Ids of the pilot's images: everybody has them, before all others."""
    everybody: frozenset[str] = frozenset()
    """Ids of the gold images: everybody has them, among the others."""
    repeats: float = 0.0
    """Share of the ordinary units that is shown again."""
    distance: int = 0
    """Places between a unit and its repeat, at least."""


def unit_key(image_id: str, authors: Sequence[str]) -> str:
    """What answers to the same thing have in common."""
    return "|".join((image_id, *sorted(authors)))


def extended(
    before: Items,
    units: Sequence[Unit],
    people: Sequence[str],
    order: Order,
    new_id: Callable[[], str] = lambda: secrets.token_hex(8),
) -> dict[str, tuple[Item, ...]]:
    """The showings with those added that are missing, and without those of units that left.

    Ordinary units go to the people with the fewest; each person's new ones are in an order of their
    own, the pilot's first, with repeats among them as far as the distance allows. People who left
    keep what they had.
    """
    wanted = {unit.key for unit in units}
    kept = {
        person: tuple(item for item in items if item.unit.key in wanted or person not in people)
        for person, items in before.items()
    }
    added = _assigned(kept, units, people, order)
    result = dict(kept)
    for person in people:
        had = kept.get(person, ())
        random = Random(f"{order.seed} {person} {len(had)}")
        new = [Item(new_id(), _turned(unit, random)) for unit in _shuffled(added[person], random)]
        new.sort(key=lambda item: item.unit.image_id not in order.first)
        result[person] = with_repeats(had, new, order, random, new_id)
    return result


def _assigned(
    kept: Items, units: Sequence[Unit], people: Sequence[str], order: Order
) -> dict[str, list[Unit]]:
    """The units that each person is newly given."""
    has = {person: {item.unit.key for item in kept.get(person, ())} for person in people}
    load = Counter({person: len(has[person]) for person in people})
    added: dict[str, list[Unit]] = {person: [] for person in people}
    for unit in _shuffled(units, Random(order.seed)):
        holders = [person for person in people if unit.key in has[person]]
        free = [each for each in people if each not in holders and not _own(unit, each)]
        free = _shuffled(free, Random(unit.key))
        everybody = unit.image_id in order.first | order.everybody
        missing = len(people) if everybody else order.per_unit - len(holders)
        for person in sorted(free, key=load.__getitem__)[: max(0, missing)]:
            added[person].append(unit)
            load[person] += 1
    return added


def with_repeats(
    had: Sequence[Item],
    new: Sequence[Item],
    order: Order,
    random: Random,
    new_id: Callable[[], str],
) -> tuple[Item, ...]:
    """`had`, then `new` with repeats among them: as many as the share asks for, each at least the
    distance after its first showing. Pilot and gold units are not repeated."""
    line = [*had, *new]
    special = order.first | order.everybody
    repeated = {item.unit.key for item in line if item.repeat}
    ordinary = {item.id for item in line if item.unit.image_id not in special and not item.repeat}
    target = round(order.repeats * len(ordinary)) - len(repeated)
    far = [
        (place, item)
        for place, item in enumerate(line)
        if item.id in ordinary
        and item.unit.key not in repeated
        and place + order.distance < len(line)
    ]
    slots: dict[int, list[Item]] = {}
    for place, item in random.sample(far, min(max(0, target), len(far))):
        # Before the place `slot` of the line as it is without any of these.
        slot = random.randint(max(place + order.distance + 1, len(had)), len(line))
        again = replace(item, id=new_id(), repeat=True)
        slots.setdefault(slot, []).append(again)
    result: list[Item] = []
    for place, each in enumerate([*line, None]):
        result += slots.get(place, [])
        if each is not None:
            result.append(each)
    return tuple(result)


def missing_repeats(items: Items, people: Sequence[str], order: Order) -> int:
    """Repeats that the distance left no room for."""
    special = order.first | order.everybody
    short = 0
    for person in people:
        mine = items.get(person, ())
        ordinary = sum(not each.repeat and each.unit.image_id not in special for each in mine)
        short += max(0, round(order.repeats * ordinary) - sum(each.repeat for each in mine))
    return short


def with_extra(
    before: Items,
    units: Sequence[Unit],
    people: Sequence[str],
    new_id: Callable[[], str] = lambda: secrets.token_hex(8),
) -> dict[str, tuple[Item, ...]]:
    """One more person for each of the units, at the end of what they have: the one with the fewest
    who does not have it yet; units that everybody has are left out."""
    result = dict(before)
    for unit in units:
        free = [
            person
            for person in people
            if unit.key not in {item.unit.key for item in result.get(person, ())}
            and not _own(unit, person)
        ]
        if free:
            person = min(free, key=lambda each: (len(result.get(each, ())), people.index(each)))
            turned = _turned(unit, Random(f"{person} {unit.key}"))
            result[person] = (*result.get(person, ()), Item(new_id(), turned))
    return result


def _own(unit: Unit, person: str) -> bool:
    """Whether the person wrote what is to be judged, and so would know it."""
    return any(each.author == f"human:{person}" for each in unit.shown)


def _turned(unit: Unit, random: Random) -> Unit:
    """The unit with its chains in an order by chance."""
    if len(unit.shown) < 2:
        return unit
    return replace(unit, shown=tuple(_shuffled(unit.shown, random)))


def _shuffled(things: Sequence[Any], random: Random) -> list[Any]:
    return random.sample(list(things), len(things))


def read_items(folder: Path) -> dict[str, tuple[Item, ...]]:
    """The showings of a project; none where none were planned yet. Raises DataError."""
    path = folder / ITEMS
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        units = [
            Unit(each["image_id"], each["name"], tuple(Shown(**one) for one in each["shown"]))
            for each in content["units"]
        ]
        return {
            person: tuple(Item(id, units[unit], repeat) for id, unit, repeat in items)
            for person, items in content["people"].items()
        }
    except (ValueError, KeyError, TypeError, IndexError):
        raise DataError(
            f"{path} is damaged. Put it back from a backup: it alone says which picture each task "
            "on the server shows."
        ) from None


def write_items(folder: Path, items: Items) -> None:
    """Write the showings, mode 600: they tell gold and repeated pictures, and authors."""
    units: dict[Unit, int] = {}
    people = {
        person: [[item.id, units.setdefault(item.unit, len(units)), item.repeat] for item in mine]
        for person, mine in items.items()
    }
    content = {
        "format": _FORMAT,
        "units": [asdict(unit) for unit in units],
        "people": people,
    }
    write_json(folder / ITEMS, content, mode=0o600)


@contextmanager
def planning(folder: Path) -> Iterator[None]:
    """Nobody else on this machine plans this project's showings inside the block."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / f"{ITEMS}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
