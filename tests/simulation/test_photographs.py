"""Scenes: determinism, regions that no two splits share, distortions that do what they say."""

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from qreasoning.simulation.distortions import DISTORTIONS, distort
from qreasoning.simulation.photographs import PHOTOGRAPHS, REGIONS, draw_scenes, picture


def test_photographs_are_all_in_the_wheel():
    folder = Path(skimage.data.__file__).parent
    assert [p.file for p in PHOTOGRAPHS.values() if not (folder / p.file).is_file()] == []


def test_draw_scenes_same_seed_gives_the_same_scenes_and_pixels():
    first, second = draw_scenes(6, "test", 7), draw_scenes(6, "test", 7)
    assert first == second
    assert [picture(s).tobytes() for s in first] == [picture(s).tobytes() for s in second]


def test_draw_scenes_another_seed_gives_others():
    assert {s.box for s in draw_scenes(20, "train", 0)} != {
        s.box for s in draw_scenes(20, "train", 1)
    }


def test_draw_scenes_a_scene_does_not_depend_on_how_many_are_drawn():
    assert draw_scenes(9, "train", 3)[:4] == draw_scenes(4, "train", 3)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_draw_scenes_no_pixel_is_in_two_splits(seed):
    taken = {}
    for split in REGIONS:
        for scene in draw_scenes(25, split, seed):
            taken.setdefault(scene.photograph, {}).setdefault(split, []).append(scene.box)
    for boxes in taken.values():
        for split, mine in boxes.items():
            others = [box for other in boxes if other != split for box in boxes[other]]
            assert not any(_overlap(a, b) for a in mine for b in others)


def _overlap(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def test_draw_scenes_names_split_and_region():
    for split, (region, _) in REGIONS.items():
        for scene in draw_scenes(10, split, 0):
            assert scene.region == f"{scene.photograph}-{region}"
            assert scene.name.startswith(f"simulated-{split}-")


def test_draw_scenes_mos_is_on_the_scale_with_two_decimals():
    scenes = draw_scenes(300, "train", 0)
    assert all(1 <= s.mos <= 5 and round(s.mos, 2) == s.mos for s in scenes)
    assert all((s.strength == 0) == (s.distortion == "clean") for s in scenes)
    # 4.75 less 3.6 x 0.9 ** 0.8 = 1.44 at most for a strong blur, noise of 0.12 aside.
    assert max(s.mos for s in scenes if s.distortion == "blur" and s.strength > 0.9) < 1.44 + 0.5


def test_draw_scenes_grey_photographs_lose_no_colour():
    scenes = draw_scenes(300, "train", 0)
    assert not [
        s for s in scenes if s.distortion == "fading" and not PHOTOGRAPHS[s.photograph].coloured
    ]


def test_picture_size_is_a_parameter():
    scene = draw_scenes(1, "train", 0)[0]
    assert picture(scene).size == (64, 64)
    assert picture(scene, side=32).size == (32, 32)


@pytest.mark.parametrize(
    ("distortion", "measure", "direction"),
    [
        ("blur", lambda a: np.abs(np.diff(a, axis=1)).mean(), -1),
        ("noise", lambda a: np.abs(np.diff(a, axis=1)).mean(), 1),
        ("darkness", lambda a: a.mean(), -1),
        ("glare", lambda a: a.mean(), 1),
        ("haze", lambda a: a.std(), -1),
        ("fading", lambda a: a.std(axis=2).mean(), -1),
    ],
)
def test_distort_grows_with_its_strength(distortion, measure, direction):
    scene = next(s for s in draw_scenes(200, "train", 0) if s.distortion == "clean" and s.mos > 4.5)
    coloured = Image.fromarray(np.stack([np.asarray(picture(scene).convert("L"))] * 3, axis=2))
    coloured = Image.blend(coloured, Image.new("RGB", coloured.size, "red"), 0.3)
    values = [
        measure(np.asarray(distort(coloured, distortion, strength), dtype=float))
        for strength in (0.1, 0.5, 1.0)
    ]
    assert np.all(direction * np.diff(values) > 0)


def test_distort_compression_at_full_strength_differs_more_from_the_clean_picture():
    image = picture(next(s for s in draw_scenes(200, "train", 0) if s.distortion == "clean"))
    clean = np.asarray(image, dtype=float)
    weak, strong = (
        np.abs(np.asarray(distort(image, "compression", s), dtype=float) - clean).mean()
        for s in (0.1, 1.0)
    )
    assert strong > weak > 0


def test_distort_unknown_kind_is_an_error_that_lists_the_kinds():
    with pytest.raises(ValueError, match=", ".join(DISTORTIONS)):
        distort(Image.new("RGB", (8, 8)), "scratches", 0.5)
