from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qreasoning.annotation.project_file import Sampling
from qreasoning.annotation.sampling import sample, tenth, tenth_name
from qreasoning.errors import SettingsError

NAMES = [f"{number:04}.jpg" for number in range(200)]
# From 1 to 5, and most of them in the middle, as in KonIQ-10k.
MOS = {name: 3 + 16 * (number / 199 - 0.5) ** 3 for number, name in enumerate(NAMES)}


def test_sample_all_takes_everything_by_name():
    assert sample(["b", "a"], {}, Sampling()) == ["a", "b"]


def test_sample_random_is_the_same_for_a_seed_and_another_for_another():
    ten = Sampling(take="random", n=10, seed=1)
    assert sample(NAMES, {}, ten) == sample(NAMES[::-1], {}, ten)
    assert sample(NAMES, {}, ten) != sample(NAMES, {}, Sampling(take="random", n=10, seed=2))
    assert len(sample(NAMES, {}, ten)) == 10


@given(
    n=st.integers(10, 60),
    more=st.integers(0, 60),
    seed=st.integers(),
    take=st.sampled_from(["random", "stratified"]),
)
def test_sample_of_more_takes_all_that_were_taken_before(n, more, seed, take):
    few = sample(NAMES, MOS, Sampling(take=take, n=n, seed=seed))
    many = sample(NAMES, MOS, Sampling(take=take, n=n + more, seed=seed))
    assert (len(few), len(many)) == (n, n + more)
    assert set(few) <= set(many)


@given(n=st.integers(10, 200), seed=st.integers())
def test_sample_stratified_covers_every_tenth_as_evenly_as_it_can(n, seed):
    taken = Counter(
        tenth(MOS[name]) for name in sample(NAMES, MOS, Sampling(take="stratified", n=n, seed=seed))
    )
    there = Counter(map(tenth, MOS.values()))
    assert taken.keys() == there.keys()
    # A tenth with fewer than another has given all it has, or is one turn behind.
    most = max(taken.values())
    assert all(taken[each] >= min(there[each], most - 1) for each in there)


def test_sample_stratified_of_fewer_than_there_are_tenths_is_refused():
    with pytest.raises(SettingsError, match=r"sampling.n is 5, but pictures lie in 10 tenths"):
        sample(NAMES, MOS, Sampling(take="stratified", n=5))


def test_sample_of_more_than_there_are_takes_all():
    assert sample(NAMES, MOS, Sampling(take="random", n=500)) == NAMES


@pytest.mark.parametrize(
    ("mos", "expected"), [(1, 0), (1.39, 0), (1.4, 1), (2.2, 3), (4.6, 9), (4.59, 8), (5, 9)]
)
def test_tenth_of_the_scale(mos, expected):
    assert tenth(mos) == expected  # width 0.4, the lower bound belongs to it


def test_tenth_name_gives_its_bounds():
    assert [tenth_name(0), tenth_name(9)] == ["1.0 to 1.4", "4.6 to 5.0"]
