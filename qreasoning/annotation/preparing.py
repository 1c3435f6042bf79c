"""One picture made ready to be shown: hashed, decoded, and copied where browsers cannot show it as
it is. Runs in worker processes, so it imports little."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qreasoning.errors import DataError
from qreasoning.files import write_bytes
from qreasoning.images import identity, opened, upright

if TYPE_CHECKING:
    from PIL.Image import Image

SHOWN = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"})
"""Endings of what browsers show."""

LEAST_SIDE = 8
"""Nobody can judge a picture with fewer pixels on a side."""

_FORMATS = frozenset({"JPEG", "MPO", "PNG", "WEBP", "BMP", "GIF"})
_ANIMATED = frozenset({"GIF", "PNG", "WEBP"})
_ORIENTATION = 0x0112
_PNG_DEPTH = 24
"""Where a PNG file says how many bits a sample has."""


@dataclass(frozen=True)
class Look:
    """What is known of a picture's file."""

    image_id: str
    """Of the original file's bytes."""
    side: int
    """Pixels of its longer side."""
    reasons: tuple[str, ...]
    """Why browsers do not show it as it is; empty where they do."""

    def prepared(self, long_side: int | None) -> str | None:
        """The file name of the copy that is shown instead; None where the original is shown."""
        too_large = long_side is not None and self.side > long_side
        if not self.reasons and not too_large:
            return None
        size = str(long_side) if too_large else "full"
        return f"{self.image_id.removeprefix('sha256:')[:32]}-{size}.png"


def look(path: Path, folder: Path | None, long_side: int | None) -> Look | DataError:
    """Read a picture once: identify it, decode all of it, and write its copy into `folder` (if one
    is named) if it needs one that is not there. What is wrong with it is returned."""
    try:
        content = path.read_bytes()
        with opened(content, str(path)) as picture:
            found = _look(content, path, picture)
            picture.load()  # all of it, and so finds what is damaged
            name = found.prepared(long_side)
            target = None if folder is None or name is None else folder / name
            wanted = target is not None and not target.is_file()
            copy = _png(picture, long_side) if wanted else b""
    except DataError as error:
        return error
    if target is not None and copy:
        write_bytes(target, copy)
    return found


def _look(content: bytes, path: Path, picture: "Image") -> Look:
    if min(picture.size) < LEAST_SIDE:
        raise DataError(
            f"{path} has {picture.width} x {picture.height} pixels, too few to be judged. "
            "Replace or remove it."
        )
    turned = picture.getexif().get(_ORIENTATION, 1)
    checks = {
        "another format": picture.format not in _FORMATS or path.suffix.lower() not in SHOWN,
        "animated": picture.format in _ANIMATED and getattr(picture, "n_frames", 1) > 1,
        "CMYK": picture.mode == "CMYK",
        "16 bits": picture.format == "PNG" and content[_PNG_DEPTH] == 16,
        "rotated": turned in range(2, 9),
    }
    reasons = tuple(reason for reason, applies in checks.items() if applies)
    return Look(identity(content), max(picture.size), reasons)


def _png(picture: "Image", long_side: int | None) -> bytes:
    from PIL.Image import Resampling

    # Of samples that can be averaged as they are, the fewer pixels are turned the better.
    shown = picture if picture.mode in ("RGB", "L") else upright(picture)
    if long_side is not None and max(picture.size) > long_side:
        shown = shown.resize(scaled(shown.size, long_side), Resampling.LANCZOS)
    shown = upright(shown)
    buffer = io.BytesIO()
    # Lossless: a copy must not add artifacts of its own to what people judge.
    profile = shown.info.get("icc_profile")
    shown.save(buffer, "PNG", compress_level=1, icc_profile=profile)
    return buffer.getvalue()


def scaled(size: tuple[int, int], long_side: int) -> tuple[int, int]:
    """Width and height with the longer side at most `long_side`; never larger than `size`."""
    factor = min(1.0, long_side / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))
