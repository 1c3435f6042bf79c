"""Pictures: identity, safe decoding, thumbnails. A picture that cannot be read is an error, never
another picture."""

import base64
import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from qreasoning.errors import DataError
from qreasoning.files import sha256_bytes, sha256_file

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 120_000_000
"""Larger pictures are refused before they are decoded (a 10,000 x 12,000 scan still passes)."""

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"})
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")


def identity(content: bytes) -> str:
    """`sha256:<hex>` of the original file's bytes: a picture's id everywhere."""
    return f"sha256:{sha256_bytes(content)}"


def identity_of_file(path: Path) -> str:
    """`identity` of the file at `path`."""
    return f"sha256:{sha256_file(path)}"


def list_pictures(folder: Path) -> list[Path]:
    """The picture files below `folder`, sorted. Raises DataError where there is no such folder."""
    if not folder.is_dir():
        raise DataError(f"The folder {folder} is missing. Create it, or correct the setting.")
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


def decode(content: bytes, name: str) -> "Image":
    """Decode a picture to RGB, upright by its EXIF orientation.

    `name` is used in errors. Raises DataError for what is no picture, is truncated, or has more
    than `MAX_PIXELS` pixels (checked before decoding).
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # Pillow's own limit only warns; ours below decides.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(content), formats=_FORMATS)
            _refuse_huge(picture.width, picture.height, name)
            return ImageOps.exif_transpose(picture).convert("RGB")
    except UnidentifiedImageError:
        raise DataError(
            f"{name} is not a picture that can be read. Replace or remove it."
        ) from None
    except Image.DecompressionBombError as error:
        raise DataError(f"{name} is too large: {error} Scale it down or remove it.") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{name} is damaged ({error}). Replace or remove it.") from None


def _refuse_huge(width: int, height: int, name: str) -> None:
    if width * height > MAX_PIXELS:
        raise DataError(
            f"{name} has {width} x {height} pixels, over the limit of {MAX_PIXELS:,}. "
            "Scale it down or remove it."
        )


def thumbnail_uri(picture: "Image", side: int = 160) -> str:
    """A `data:` URI of the picture as WebP with its longer side at most `side` pixels."""
    small = picture.copy()
    small.thumbnail((side, side))
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=65)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
