"""The order in which pictures are drawn."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trl.trainer.utils import RepeatSampler

from qreasoning.training.batches import PictureSampler


def sampler(sets, compared, **options):
    settings = {"pictures": 4, "completions": 3, "repeats": 2, "seed": 7, **options}
    return PictureSampler(sets=sets, compared=compared, **settings)


def test_picture_sampler_first_epoch_is_the_order_of_trl():
    theirs = RepeatSampler(list(range(11)), 3, batch_size=4, repeat_count=2, seed=7)
    ours = sampler([None] * 11, compared=False)
    assert list(ours) == list(theirs)
    assert len(ours) == len(list(ours)) == 2 * 4 * 3 * 2


def test_picture_sampler_order_is_that_of_seed_and_epoch_alone():
    one, other = sampler([None] * 20, False), sampler([None] * 20, False)
    first = list(one)
    one.set_epoch(3)
    other.set_epoch(3)
    assert list(one) == list(other) != first
    assert list(sampler([None] * 20, False, seed=8)) != first


@given(
    st.lists(st.sampled_from(["x", "y", "z"]), min_size=8, max_size=40),
    st.sampled_from([2, 4, 6]),
    st.integers(0, 5),
)
def test_picture_sampler_compared_leaves_nobody_without_a_partner(sets, pictures, epoch):
    drawn = sampler(sets, True, pictures=pictures, completions=2, repeats=1)
    drawn.set_epoch(epoch)
    rows = list(drawn)
    assert len(rows) == len(drawn)
    for start in range(0, len(rows), 2 * pictures):
        batch = rows[start : start + 2 * pictures]
        assert batch[::2] == batch[1::2]
        assert len(set(batch)) == pictures
        assert min(Counter(sets[row] for row in set(batch)).values()) >= 2
    assert len(set(rows)) == len(rows) // 2


def test_picture_sampler_compared_waits_with_at_most_one_picture_of_a_set():
    sets = ["x"] * 7 + ["y"] * 5
    seen = Counter()
    for epoch in range(40):
        drawn = sampler(sets, True, pictures=2, completions=1, repeats=1)
        drawn.set_epoch(epoch)
        rows = list(drawn)
        assert Counter(sets[row] for row in rows) == {"x": 6, "y": 4}
        seen.update(rows)
    # Everybody is drawn over the epochs; who waits is drawn by chance.
    assert len(seen) == 12
    assert min(seen.values()) == pytest.approx(40 * 5 / 6, abs=12)
