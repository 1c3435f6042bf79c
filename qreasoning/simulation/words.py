"""The words of the simulation: how each distortion is named, graded and explained."""

from collections.abc import Mapping
from types import MappingProxyType

Words = Mapping[str, tuple[str, ...]]

DEGREES = ("slightly", "clearly", "badly", "severely")
"""Degree of a distortion before an adjective, from weak to full strength."""

DEGREES_OF_NOUNS = ("mild", "visible", "strong", "severe")
"""The same before a noun."""

VERDICTS = (("bad", 1.9), ("poor", 2.7), ("fair", 3.5), ("good", 4.3), ("excellent", 9.9))
"""A verdict and the rating that it stays below."""

ADJECTIVES: Words = MappingProxyType(
    {
        "clean": ("sharp", "clear", "crisp"),
        "blur": ("blurry", "soft", "unfocused"),
        "noise": ("noisy", "grainy", "speckled"),
        "compression": ("blocky", "compressed", "pixelated"),
        "darkness": ("dark", "underexposed", "dim"),
        "glare": ("overexposed", "bleached", "glaring"),
        "fading": ("faded", "colorless", "desaturated"),
        "haze": ("hazy", "flat", "foggy"),
    }
)

NOUNS: Words = MappingProxyType(
    {
        "clean": ("no flaw", "no defect"),
        "blur": ("blur", "softness"),
        "noise": ("noise", "grain"),
        "compression": ("block artifacts", "compression"),
        "darkness": ("darkness", "underexposure"),
        "glare": ("glare", "overexposure"),
        "fading": ("color loss", "fading"),
        "haze": ("haze", "fog"),
    }
)

EFFECTS: Words = MappingProxyType(
    {
        "clean": ("edges are crisp", "detail is rich"),
        "blur": ("edges are smeared", "fine detail is lost"),
        "noise": ("random dots cover smooth areas", "texture is corrupted"),
        "compression": ("square blocks break the edges", "tiles are visible"),
        "darkness": ("shadows hide the subject", "little light reaches the sensor"),
        "glare": ("highlights are clipped", "bright areas lose detail"),
        "fading": ("colors look dull", "tones lack life"),
        "haze": ("tones are squeezed together", "black is not black"),
    }
)

DIMENSION_OF: Mapping[str, str] = MappingProxyType(
    {
        "blur": "sharpness",
        "noise": "noise",
        "compression": "artifacts",
        "darkness": "brightness",
        "glare": "brightness",
        "fading": "colorfulness",
        "haze": "contrast",
    }
)
"""The dimension of the form that each distortion spoils."""


def degree(strength: float) -> int:
    """0 to 3: the index into the degrees for a strength on [0, 1]."""
    return min(3, int(strength * 4))


def verdict(rating: float) -> str:
    """The word for a rating on [1, 5]."""
    return next(word for word, bound in VERDICTS if rating < bound)
