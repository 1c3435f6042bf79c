import base64
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from qreasoning import images
from qreasoning.errors import DataError


def encoded(picture, kind="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(width=40, height=30):
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def test_identity_is_the_hash_of_the_files_bytes(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"abc")
    expected = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert images.identity(b"abc") == images.identity_of_file(tmp_path / "a.bin") == expected


def test_decode_turns_a_picture_upright_by_its_exif():
    picture = Image.new("RGB", (20, 10), "red")
    picture.paste("blue", (0, 0, 5, 10))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned 90 degrees clockwise: the left edge becomes the top
    upright = images.decode(encoded(picture, exif=exif), "a.png")
    assert upright.size == (10, 20)
    assert upright.getpixel((5, 2)) == (0, 0, 255)
    assert upright.getpixel((5, 15)) == (255, 0, 0)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "I;16", "1"])
def test_decode_gives_rgb_for_every_mode(mode):
    picture = Image.new(mode, (4, 4))
    kind = "TIFF" if mode in ("CMYK", "I;16") else "PNG"
    assert images.decode(encoded(picture, kind), "a").mode == "RGB"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP"])
def test_decode_of_a_truncated_picture_names_it(kind):
    content = encoded(noise(), kind)
    with pytest.raises(DataError, match=r"cat\.png is (damaged|not a picture)"):
        images.decode(content[: len(content) // 2], "cat.png")


@pytest.mark.parametrize("content", [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a"])
def test_decode_of_no_picture_names_it(content):
    with pytest.raises(DataError, match=r"x\.jpg"):
        images.decode(content, "x.jpg")


def test_decode_of_a_pixel_bomb_is_refused_before_decoding():
    header = struct.pack(">IIBBBBB", 30_000, 10_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    bomb = (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    )
    empty = b"IDAT" + zlib.compress(b"")
    bomb += struct.pack(">I", len(empty) - 4) + empty + struct.pack(">I", zlib.crc32(empty))
    with pytest.raises(DataError, match=r"bomb\.png.*(pixels|too large)"):
        images.decode(bomb, "bomb.png")


def test_list_pictures_is_sorted_and_leaves_out_other_files(tmp_path):
    for name in ("b.PNG", "a/c.jpg", "notes.txt", ".hidden.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = [path.relative_to(tmp_path).as_posix() for path in images.list_pictures(tmp_path)]
    assert found == ["a/c.jpg", "b.PNG"]
    with pytest.raises(DataError, match="missing"):
        images.list_pictures(tmp_path / "none")


def test_thumbnail_uri_holds_a_small_webp():
    uri = images.thumbnail_uri(noise(400, 200), side=100)
    kind, content = uri.split(",")
    assert kind == "data:image/webp;base64"
    assert Image.open(io.BytesIO(base64.b64decode(content))).size == (100, 50)


def test_decode_of_16_bits_keeps_the_tones():
    ramp = np.tile(np.linspace(0, 65535, 64).round().astype(np.uint16), (8, 1))
    buffer = io.BytesIO()
    Image.fromarray(ramp).save(buffer, "PNG")
    found = np.asarray(images.decode(buffer.getvalue(), "ramp.png"))
    assert np.array_equal(found, np.repeat((ramp >> 8)[..., None], 3, axis=-1))


def test_decode_of_cmyk_with_a_damaged_profile_says_so():
    buffer = io.BytesIO()
    Image.new("CMYK", (8, 8)).save(buffer, "JPEG", icc_profile=b"no profile")
    with pytest.raises(DataError, match=r"^a\.jpg is damaged"):
        images.decode(buffer.getvalue(), "a.jpg")
