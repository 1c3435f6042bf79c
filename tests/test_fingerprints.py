import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from qreasoning.fingerprints import (
    SIMILAR,
    NearCopy,
    fingerprint,
    groups,
    is_flat,
    near_copies,
    near_copies_within,
    stack,
)


def drawing(seed, side=96):
    """Discs of many sizes over each other, blurred: edges and spectrum like a photograph's."""
    rng = np.random.default_rng(seed)
    canvas = Image.new("RGB", (side, side), tuple(rng.integers(0, 256, 3)))
    pen = ImageDraw.Draw(canvas)
    for _ in range(40):
        radius, (x, y) = rng.uniform(2, side / 3), rng.uniform(0, side, 2)
        box = (x - radius, y - radius, x + radius, y + radius)
        pen.ellipse(box, fill=tuple(int(each) for each in rng.integers(0, 256, 3)))
    return canvas.filter(ImageFilter.GaussianBlur(1))


def compressed(picture):
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=50)
    return Image.open(file).convert("RGB")


def prints(pictures):
    return np.stack([fingerprint(each) for each in pictures])


COPIES = {
    "resize": lambda picture: picture.resize((57, 57)),
    "jpeg": compressed,
    "mirror": ImageOps.mirror,
    "crop": lambda picture: picture.crop((4, 1, 95, 92)),
    "all": lambda picture: compressed(
        ImageOps.mirror(picture).crop((0, 4, 91, 95)).resize((60, 60))
    ),
    "aspect": lambda picture: picture.resize((96, 72)),
}


@pytest.fixture(scope="module")
def theirs():
    return prints(drawing(seed) for seed in range(300))


@pytest.mark.parametrize("kind", COPIES)
def test_near_copies_finds_every_copy_and_nothing_else(kind, theirs):
    ours = prints(COPIES[kind](drawing(seed)) for seed in range(40))
    found = near_copies(ours, theirs)
    assert [(pair.one, pair.other) for pair in found] == [(n, n) for n in range(40)]
    assert min(pair.similarity for pair in found) >= SIMILAR


def test_near_copies_among_different_pictures_finds_none(theirs):
    assert near_copies_within(theirs) == []
    assert near_copies(prints(drawing(seed) for seed in range(1000, 1100)), theirs) == []


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_near_copies_is_symmetric(one, other):
    left, right = prints([drawing(one), drawing(other)]), prints([compressed(drawing(one))])
    there = {(pair.one, pair.other) for pair in near_copies(left, right)}
    back = {(pair.other, pair.one) for pair in near_copies(right, left)}
    assert there == back
    assert (0, 0) in there


def test_near_copies_within_names_each_pair_once():
    pictures = prints([drawing(1), drawing(2), ImageOps.mirror(drawing(1)), drawing(1)])
    found = {(pair.one, pair.other): pair.similarity for pair in near_copies_within(pictures)}
    assert set(found) == {(0, 2), (0, 3), (2, 3)}
    assert found[0, 3] == pytest.approx(1, abs=1e-4)


def test_near_copies_of_another_tone_are_none():
    picture = drawing(3)
    darker = picture.point(lambda value: value // 2)
    assert near_copies(prints([picture]), prints([darker])) == []


def test_near_copies_of_nothing_is_nothing(theirs):
    none = stack([])
    assert none.shape == (0, 32, 32)
    assert near_copies(none, theirs) == near_copies(theirs, none) == near_copies_within(none) == []
    assert list(is_flat(none)) == []


def test_is_flat_of_pictures_without_structure_which_are_no_copies():
    sky = Image.linear_gradient("L")
    plain = [Image.new("RGB", (50, 40), "white"), Image.new("L", (1, 1)), sky, ImageOps.flip(sky)]
    pictures = prints([*plain, drawing(5)])
    assert list(is_flat(pictures)) == [True, True, True, True, False]
    assert near_copies_within(np.concatenate([pictures[:4], pictures[:4]])) == []


def test_stack_gives_back_what_was_kept_as_bytes():
    pictures = prints([drawing(1), drawing(2)])
    kept = [each.tobytes() for each in pictures]
    assert [len(each) for each in kept] == [1024, 1024]
    assert np.array_equal(stack(kept), pictures)


def test_groups_ties_pictures_through_others():
    pairs = [NearCopy(0, 3, 1.0), NearCopy(3, 4, 0.95)]
    found = groups(6, pairs)
    assert found[0] == found[3] == found[4]
    assert len({found[each] for each in (0, 1, 2, 5)}) == 4
    assert len(set(groups(3, []))) == 3
