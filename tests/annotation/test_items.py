from collections import Counter
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qreasoning.annotation.items import (
    ITEMS,
    Order,
    Shown,
    Unit,
    extended,
    missing_repeats,
    read_items,
    with_extra,
    write_items,
)
from qreasoning.errors import DataError


def units(number, start=0):
    return [Unit(f"sha256:{each:03}", f"{each:03}.png") for each in range(start, start + number)]


def ids():
    numbers = count()
    return lambda: f"{next(numbers):016}"


def images(items):
    return [item.unit.image_id for item in items]


def test_extended_gives_each_unit_to_as_many_people_and_all_the_same_number():
    plan = extended({}, units(30), ["a", "b", "c"], Order(seed=0, per_unit=2))
    assert Counter(Counter(image for mine in plan.values() for image in images(mine)).values()) == {
        2: 30
    }
    assert [len(mine) for mine in plan.values()] == [20, 20, 20]
    assert len({item.id for mine in plan.values() for item in mine}) == 60


def test_extended_shows_each_person_an_order_of_their_own_by_the_seed():
    order = Order(seed=0, per_unit=2)
    plan = extended({}, units(30), ["a", "b"], order)
    assert sorted(images(plan["a"])) == sorted(images(plan["b"]))
    assert images(plan["a"]) != images(plan["b"])
    assert images(extended({}, units(30), ["a", "b"], order)["a"]) == images(plan["a"])
    other = extended({}, units(30), ["a", "b"], Order(seed=1, per_unit=2))
    assert images(other["a"]) != images(plan["a"])


def test_extended_shows_pilot_first_and_gold_to_everybody():
    pilot, gold = frozenset({"sha256:003", "sha256:007"}), frozenset({"sha256:011"})
    order = Order(seed=0, per_unit=1, first=pilot, everybody=gold)
    plan = extended({}, units(20), ["a", "b", "c"], order)
    for mine in plan.values():
        assert set(images(mine)[:2]) == pilot
        assert images(mine).count("sha256:011") == 1
    rest = [each for mine in plan.values() for each in images(mine) if each not in pilot | gold]
    assert sorted(rest) == sorted(set(rest))
    assert len(rest) == 17


@settings(max_examples=60, deadline=None)
@given(
    first=st.integers(0, 40),
    later=st.integers(0, 40),
    share=st.floats(0, 1),
    distance=st.integers(0, 30),
    seed=st.integers(0, 5),
)
def test_repeats_keep_share_and_distance_also_when_pictures_are_added(
    first, later, share, distance, seed
):
    order = Order(seed, 1, everybody=frozenset({"sha256:000"}), repeats=share, distance=distance)
    before = extended({}, units(first), ["a"], order, ids())
    plan = extended(before, units(first + later), ["a"], order)
    assert plan["a"][: len(before["a"])] == before["a"]
    place = {}
    for number, item in enumerate(plan["a"]):
        if item.repeat:
            assert number - place[item.unit.key] > distance
            assert item.unit.image_id != "sha256:000"
        else:
            place[item.unit.key] = number
    assert len(place) == first + later
    repeats = [item.unit.key for item in plan["a"] if item.repeat]
    assert len(repeats) == len(set(repeats))
    ordinary = max(0, first + later - 1)
    short = missing_repeats(plan, ["a"], order)
    assert len(repeats) >= round(share * ordinary) - short
    if distance == 0 and not first:
        assert short <= 1  # the last one has no place after it


def test_extended_with_more_people_and_pictures_keeps_what_everybody_has():
    order = Order(seed=0, per_unit=2)
    before = extended({}, units(10), ["a", "b"], order)
    plan = extended(before, units(16), ["a", "b", "c"], order)
    for person in ("a", "b"):
        assert plan[person][: len(before[person])] == before[person]
    assert Counter(image for mine in plan.values() for image in images(mine)) == Counter(
        {unit.image_id: 2 for unit in units(16)}
    )
    assert len(plan["c"]) == 6


def test_extended_replaces_somebody_who_left_and_drops_pictures_that_left():
    order = Order(seed=0, per_unit=2)
    before = extended({}, units(10), ["a", "b"], order)
    plan = extended(before, units(6, start=4), ["a", "c"], order)
    assert plan["b"] == before["b"]
    assert set(images(plan["a"])) == {unit.image_id for unit in units(6, start=4)}
    assert set(images(plan["c"])) == set(images(plan["a"]))


def test_with_extra_asks_one_more_person_with_the_fewest():
    order = Order(seed=0, per_unit=1)
    before = extended({}, units(9), ["a", "b", "c"], order)
    chosen = units(9)[:2]
    plan = with_extra(before, chosen, ["a", "b", "c"])
    counts = Counter(image for mine in plan.values() for image in images(mine))
    assert {unit.image_id: counts[unit.image_id] for unit in chosen} == {
        unit.image_id: 2 for unit in chosen
    }
    assert extended(plan, units(9), ["a", "b", "c"], order) == plan
    assert with_extra(before, chosen, []) == before


def test_pairs_are_shown_in_an_order_by_chance_and_are_the_same_unit():
    pair = (Shown("model:x", "A", "B"), Shown("model:y", "C", "D"))
    both = [Unit(f"sha256:{number:03}", "", pair) for number in range(40)]
    plan = extended({}, both, ["a"], Order(seed=0, per_unit=1))
    left = Counter(item.unit.shown[0].author for item in plan["a"])
    assert min(left["model:x"], left["model:y"]) > 10
    assert {item.unit.key for item in plan["a"]} == {unit.key for unit in both}


def test_items_are_read_back_as_they_were_written_and_are_private(tmp_path):
    pair = (Shown("model:x", "Ä", "B\n"), Shown("human:y@z", "", "D"))
    listed = [*units(4), Unit("sha256:9", "9.png", pair)]
    plan = extended({}, listed, ["a", "b"], Order(0, 2, repeats=0.5))
    write_items(tmp_path, plan)
    assert read_items(tmp_path) == plan
    assert (tmp_path / ITEMS).stat().st_mode & 0o777 == 0o600
    assert read_items(tmp_path / "nowhere") == {}


def test_damaged_items_are_said(tmp_path):
    (tmp_path / ITEMS).write_text('{"units": [{}]}')
    with pytest.raises(DataError, match=r"items\.json is damaged\. Put it back from a backup"):
        read_items(tmp_path)
