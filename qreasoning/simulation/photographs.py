"""Scenes: crops of scikit-image's bundled photographs, clean or distorted by a known degree.

Held out by region: training scenes come from the left 66 % of each photograph, validation scenes
from the upper third and test scenes from the lower two thirds of the rest, so no pixel is shared
between splits. The MOS is a formula of the distortion with noise, not an opinion.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np

from qreasoning.simulation.distortions import DISTORTIONS, LOSS, distort

if TYPE_CHECKING:
    from PIL.Image import Image

Split = Literal["train", "validation", "test"]
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Photograph:
    """A file of the scikit-image wheel, what it shows, and whether it has colours to lose."""

    file: str
    noun: str
    coloured: bool


# motorcycle_right.png is the second eye's view of motorcycle_left.png: one of them only.
PHOTOGRAPHS: Mapping[str, Photograph] = MappingProxyType(
    {
        "astronaut": Photograph("astronaut.png", "an astronaut", True),
        "brick": Photograph("brick.png", "a brick wall", False),
        "camera": Photograph("camera.png", "a cameraman", False),
        "chelsea": Photograph("chelsea.png", "a cat", True),
        "coffee": Photograph("coffee.png", "a coffee cup", True),
        "coins": Photograph("coins.png", "old coins", False),
        "grass": Photograph("grass.png", "a grass field", False),
        "gravel": Photograph("gravel.png", "a gravel path", False),
        "ihc": Photograph("ihc.png", "a tissue slide", True),
        "motorcycle": Photograph("motorcycle_left.png", "a motorcycle", True),
    }
)

REGIONS: Mapping[Split, tuple[str, tuple[float, float, float, float]]] = MappingProxyType(
    {
        "train": ("left", (0.0, 0.0, 0.66, 1.0)),
        "validation": ("upper-right", (0.66, 0.0, 1.0, 1 / 3)),
        "test": ("lower-right", (0.66, 1 / 3, 1.0, 1.0)),
    }
)
"""The region of a photograph that each split may crop: name and (left, upper, right, lower)."""

CROP_SIDES = (64, 100)
"""Side of a crop in the photograph's own pixels; the smallest region is 101 pixels high."""


@dataclass(frozen=True)
class Scene:
    """One simulated picture, fully described: `picture(scene)` draws the same pixels every time.

    `region` is the reference id (photograph and region), `strength` is on [0, 1] (0 for clean),
    `mos` and `mos_std` are simulated, on [1, 5], with two decimals.
    """

    name: str
    photograph: str
    region: str
    noun: str
    distortion: str
    strength: float
    mos: float
    mos_std: float
    split: Split
    box: Box
    mirrored: bool
    noise_seed: int


def draw_scenes(count: int, split: Split, seed: int) -> list[Scene]:
    """`count` scenes of a split. A scene depends on (seed, split, its number) and nothing else."""
    return [_draw(split, number, seed) for number in range(1, count + 1)]


def _draw(split: Split, number: int, seed: int) -> Scene:
    random = Random(f"scene {seed} {split} {number}")
    key = random.choice(sorted(PHOTOGRAPHS))
    photograph = PHOTOGRAPHS[key]
    distortion = random.choice([d for d in DISTORTIONS if d != "fading" or photograph.coloured])
    strength = 0.0 if distortion == "clean" else round(random.uniform(0.05, 1.0), 3)
    mos = 4.75 - LOSS[distortion] * strength**0.8 + random.gauss(0, 0.12)
    return Scene(
        name=f"simulated-{split}-{number:04d}.png",
        photograph=key,
        region=f"{key}-{REGIONS[split][0]}",
        noun=photograph.noun,
        distortion=distortion,
        strength=strength,
        mos=round(min(5.0, max(1.0, mos)), 2),
        mos_std=round(random.uniform(0.4, 0.9), 2),
        split=split,
        box=_box(key, split, random),
        mirrored=random.random() < 0.5,
        noise_seed=random.randrange(2**31),
    )


def _box(key: str, split: Split, random: Random, least_detail: float = 7.0) -> Box:
    """A square inside the split's region, with detail: on a blank wall nobody can see a blur."""
    luma = _luma(key)
    height, width = luma.shape
    left, upper, right, lower = REGIONS[split][1]
    for _ in range(30):
        side = random.randint(*CROP_SIDES)
        x = random.randint(int(np.ceil(left * width)), int(right * width) - side)
        y = random.randint(int(np.ceil(upper * height)), int(lower * height) - side)
        crop = luma[y : y + side, x : x + side]
        if sum(np.abs(np.diff(crop, axis=axis)).mean() for axis in (0, 1)) > least_detail:
            break
    return x, y, x + side, y + side


@cache
def _photograph(key: str) -> "Image":
    import skimage.data
    from PIL import Image

    folder = Path(skimage.data.__file__).parent
    with Image.open(folder / PHOTOGRAPHS[key].file) as image:
        return image.convert("RGB")


@cache
def _luma(key: str) -> np.ndarray:
    return np.asarray(_photograph(key).convert("L"), dtype=np.float32)


def picture(scene: Scene, side: int = 64) -> "Image":
    """Draw a scene as an RGB image of `side` x `side` pixels."""
    from PIL import Image, ImageOps

    crop = _photograph(scene.photograph).crop(scene.box)
    crop = crop.resize((side, side), Image.Resampling.LANCZOS)
    if scene.mirrored:
        crop = ImageOps.mirror(crop)
    return distort(crop, scene.distortion, scene.strength, scene.noise_seed)
