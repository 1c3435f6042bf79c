"""Seven ways to spoil a picture by a degree, and what each costs in simulated MOS."""

import io
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

LOSS: Mapping[str, float] = MappingProxyType(
    {
        "clean": 0.0,
        "blur": 3.6,
        "noise": 3.4,
        "compression": 3.3,
        "darkness": 3.2,
        "glare": 3.0,
        "fading": 1.8,
        "haze": 2.6,
    }
)
"""MOS points that each distortion costs at full strength."""

DISTORTIONS = tuple(LOSS)


def distort(image: "Image", distortion: str, strength: float, noise_seed: int = 0) -> "Image":
    """Apply one of `DISTORTIONS` to an RGB image; `strength` is on [0, 1]."""
    from PIL import Image, ImageEnhance, ImageFilter

    if distortion == "clean":
        return image
    if distortion == "blur":
        return image.filter(ImageFilter.GaussianBlur(0.5 + 2.5 * strength))
    if distortion == "fading":
        return ImageEnhance.Color(image).enhance(0.7 * (1 - strength))
    if distortion == "compression":
        return _compressed(image, quality=round(28 - 25 * strength))
    levels = _changed_levels(np.asarray(image, dtype=np.float32), distortion, strength, noise_seed)
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))


def _compressed(image: "Image", quality: int) -> "Image":
    from PIL import Image

    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def _changed_levels(levels: np.ndarray, distortion: str, strength: float, seed: int) -> np.ndarray:
    if distortion == "noise":
        grain = np.random.default_rng(seed).standard_normal(levels.shape, dtype=np.float32)
        return levels + grain * (6 + 54 * strength)
    if distortion == "darkness":
        return 255 * (levels / 255) ** (1 + strength) * (1 - 0.72 * strength)
    if distortion == "glare":
        return levels * (1 + strength) + 110 * strength
    if distortion == "haze":
        mean = levels.mean()
        return mean + (levels - mean) * (0.75 - 0.65 * strength)
    raise ValueError(f"There is no distortion '{distortion}'; there are {', '.join(DISTORTIONS)}.")
