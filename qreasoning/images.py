"""Pictures: identity, safe decoding, thumbnails. A picture that cannot be read is an error, never
another picture."""

import base64
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from qreasoning.errors import DataError
from qreasoning.files import sha256_bytes, sha256_file

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 120_000_000
"""Larger pictures are refused before they are decoded (a 10,000 x 12,000 scan still passes)."""

LONGEST_NAME = 255
"""Bytes in one part of a path, on every usual file system."""

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


def picture_file(folder: Path, name: str, source: object) -> Path:
    """The file that a list (`source`) calls `name`, relative to `folder`. Raises DataError for a
    name that leads out of the folder, or that no file can have."""
    parts = PurePosixPath(name).parts
    long = any(len(part.encode("utf-8", "surrogatepass")) > LONGEST_NAME for part in parts)
    if long or "\0" in name:
        raise DataError(f"{source} names {name[:40]!r}…, which no file can be called. Correct it.")
    if ".." in parts or PurePosixPath(name).is_absolute():
        raise DataError(f"{source} names {name}, which is outside {folder}. Correct the list.")
    return folder / name


def decode(content: bytes, name: str) -> "Image":
    """Decode a picture to RGB, upright by its EXIF orientation; of an animation the first frame.

    `name` is used in errors. Raises DataError for what is no picture, is truncated, or has more
    than `MAX_PIXELS` pixels (checked before decoding).
    """
    with opened(content, name) as picture:
        return upright(picture).convert("RGB")


@contextmanager
def opened(content: bytes, name: str) -> Iterator["Image"]:
    """A picture that is open but not decoded yet. What goes wrong with it inside the block is a
    DataError that names it; it has at most `MAX_PIXELS` pixels."""
    from PIL import Image, ImageCms, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # Pillow's own limit only warns; ours below decides.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=_FORMATS) as picture:
                _refuse_huge(picture.width, picture.height, name)
                yield picture
    except UnidentifiedImageError:
        raise DataError(
            f"{name} is not a picture that can be read. Replace or remove it."
        ) from None
    except Image.DecompressionBombError as error:
        raise DataError(f"{name} is too large: {error} Scale it down or remove it.") from None
    except (OSError, SyntaxError, ValueError, ImageCms.PyCMSError) as error:
        raise DataError(f"{name} is damaged ({error}). Replace or remove it.") from None


def upright(picture: "Image") -> "Image":
    """The picture as it is meant to be seen: turned by its EXIF orientation, with 8 bits a sample,
    in RGB, grey or either with transparency. May change `picture` itself. Raises ValueError for
    samples of 32 bits."""
    from PIL import ImageOps

    ImageOps.exif_transpose(picture, in_place=True)
    if picture.mode in ("RGB", "L", "RGBA", "LA"):
        return picture
    if picture.mode.startswith("I;16"):
        return _eight_bits(picture)
    if picture.mode in ("I", "F"):
        raise ValueError("samples of 32 bits, save it with 8 or 16")
    if picture.mode == "CMYK" and "icc_profile" in picture.info:
        return _from_profile(picture)
    return picture.convert("RGBA" if picture.has_transparency_data else "RGB")


def _eight_bits(picture: "Image") -> "Image":
    import numpy as np
    from PIL import Image

    # Pillow's own conversion cuts off everything above 255.
    return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))


def _from_profile(picture: "Image") -> "Image":
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(io.BytesIO(picture.info["icc_profile"]))
    shown = ImageCms.profileToProfile(
        picture, profile, ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    assert shown is not None  # noqa: S101  (None only for a change in place)
    shown.info.pop("icc_profile", None)
    return shown


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
