"""Pictures that browsers do not show as they are."""

import io
import json
import re
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from qreasoning.annotation import pictures
from qreasoning.annotation.pictures import collect
from qreasoning.annotation.preparing import Look, look, scaled
from qreasoning.errors import DataError
from qreasoning.images import identity_of_file


@pytest.fixture
def copies(tmp_path):
    return tmp_path / "copies"


def gradient(width=40, height=20):
    """Red grows to the right, green grows downwards."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    pixels = np.stack([x, y, np.full_like(x, 90)], axis=-1)
    return Image.fromarray(pixels.round().astype(np.uint8))


def shown(found, folder, long_side=None):
    name = found.prepared(long_side)
    return Image.open(folder / name)


@pytest.mark.parametrize("name", ["a.jpg", "a.jpeg", "a.PNG", "a.webp", "a.bmp", "a.gif"])
def test_look_at_what_browsers_show_makes_no_copy(tmp_path, copies, name):
    gradient().save(tmp_path / name)
    found = look(tmp_path / name, copies, 40)
    assert found == Look(identity_of_file(tmp_path / name), 40, ())
    assert found.prepared(40) is None
    assert not copies.exists()


def test_look_at_a_larger_one_scales_it_down_and_keeps_the_originals_identity(tmp_path, copies):
    path = tmp_path / "a.png"
    gradient(200, 100).save(path)
    before = path.read_bytes()
    found = look(path, copies, 50)
    copy = shown(found, copies, 50)
    assert (found.image_id, found.side, copy.size) == (identity_of_file(path), 200, (50, 25))
    assert path.read_bytes() == before
    expected = np.asarray(gradient(200, 100).resize((50, 25), Image.Resampling.LANCZOS))
    assert np.array_equal(np.asarray(copy), expected)


@pytest.mark.parametrize(
    ("size", "side", "expected"),
    [((200, 100), 50, (50, 25)), ((100, 200), 50, (25, 50)), ((30, 20), 50, (30, 20)),
     ((3000, 8), 64, (64, 1)), ((1024, 767), 1024, (1024, 767))],
)  # fmt: skip
def test_scaled_keeps_the_shape_and_never_grows(size, side, expected):
    assert scaled(size, side) == expected


@pytest.mark.parametrize("orientation", range(2, 9))
def test_look_at_a_rotated_one_shows_it_upright(tmp_path, copies, orientation):
    # EXIF orientation: the stored picture is the upright one turned by the inverse operation.
    stored = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE",
              6: "ROTATE_90", 7: "TRANSVERSE", 8: "ROTATE_270"}[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.png"
    gradient().transpose(Image.Transpose[stored]).save(path, exif=exif)
    found = look(path, copies, None)
    copy = shown(found, copies)
    assert found.reasons == ("rotated",)
    assert found.image_id == identity_of_file(path)
    assert np.array_equal(np.asarray(copy), np.asarray(gradient()))
    assert copy.getexif().get(0x0112, 1) == 1


@pytest.mark.parametrize("mode", ["RGB", "P", "RGBA"])
def test_look_at_a_rotated_and_larger_one_does_both(tmp_path, copies, mode):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    path = tmp_path / "a.png"
    upright = gradient(100, 200)
    upright.transpose(Image.Transpose.ROTATE_90).convert(mode).save(path, exif=exif)
    copy = shown(look(path, copies, 64), copies, 64)
    assert copy.size == (32, 64)
    expected = np.asarray(upright.resize((32, 64), Image.Resampling.LANCZOS)).astype(int)
    found = np.asarray(copy.convert("RGB")).astype(int)
    # A palette has few colours; otherwise only rounding differs.
    assert np.abs(found - expected).mean() < (30 if mode == "P" else 1)


def test_look_at_cmyk_makes_it_rgb(tmp_path, copies):
    path = tmp_path / "a.jpg"
    Image.new("CMYK", (20, 10), (0, 255, 255, 0)).save(path, quality=95)
    found = look(path, copies, None)
    copy = shown(found, copies)
    assert (found.reasons, copy.mode) == (("CMYK",), "RGB")
    red, green, blue = np.asarray(copy).mean(axis=(0, 1))
    assert red > 250
    assert max(green, blue) < 5


def printers_profile():
    """An ICC profile of a press whose full cyan alone looks mid-grey, bare paper white, and every
    other full ink black: a `lut8` from CMYK to Lab with two grid points per ink (ICC.1:2001-04,
    6.5.9)."""
    white, grey, black = (bytes((round(light * 2.55), 128, 128)) for light in (100, 60, 0))
    inks = [black] * 16
    inks[0b0000], inks[0b1000] = white, grey
    ramp = bytes(range(256))
    matrix = struct.pack(">9i", *(65536 * (each in (0, 4, 8)) for each in range(9)))
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + matrix + 4 * ramp + b"".join(inks) + 3 * ramp
    d50 = struct.pack(">3i", 63190, 65536, 54061)
    tags = {b"A2B0": table, b"wtpt": b"XYZ " + bytes(4) + d50}
    place, directory, content = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, tag in tags.items():
        directory += name + struct.pack(">II", place + len(content), len(tag))
        content += tag + bytes(-len(tag) % 4)
    header = struct.pack(">I", place + len(content)) + bytes(4) + bytes((2, 0x40, 0, 0))
    header += b"prtrCMYKLab " + bytes(12) + b"acsp" + bytes(28) + d50 + bytes(48)
    return header + directory + content


def test_look_at_cmyk_with_a_profile_shows_the_colours_of_the_press(tmp_path):
    path = tmp_path / "press.jpg"
    picture = Image.new("CMYK", (30, 10), (0, 0, 0, 0))
    picture.paste((255, 0, 0, 0), (10, 0, 20, 10))
    picture.paste((0, 255, 0, 0), (20, 0, 30, 10))
    picture.save(path, quality=100, icc_profile=printers_profile())
    found = look(path, tmp_path / "prepared", None)
    copy = Image.open(tmp_path / "prepared" / found.prepared(None))
    assert (found.reasons, copy.mode, "icc_profile" in copy.info) == (("CMYK",), "RGB", False)
    # Lab (60, 0, 0): Y = ((60 + 16) / 116)³ = 0.2812, in sRGB 1.055·Y^(1/2.4) - 0.055 = 0.568.
    shown = np.asarray(copy).astype(int)
    expected = {5: 255, 15: 145, 25: 0}
    for column, grey in expected.items():
        assert np.abs(shown[5, column] - grey).max() <= 3
    naive = np.asarray(picture.convert("RGB"))
    assert naive[5, 15].tolist() == [0, 255, 255]  # what it would be without the profile


@pytest.mark.parametrize("mode", ["I;16", "RGB"])
def test_look_at_16_bits_keeps_the_tones(tmp_path, copies, mode):
    path = tmp_path / "a.png"
    ramp = np.tile(np.linspace(0, 65535, 64).round().astype(np.uint16), (16, 1))
    if mode == "I;16":
        Image.fromarray(ramp).save(path)
    else:
        path.write_bytes(rgb16(ramp))
    found = look(path, copies, None)
    copy = np.asarray(shown(found, copies).convert("L")).astype(int)
    assert found.reasons == ("16 bits",)
    assert np.abs(copy - (ramp >> 8)).max() <= 1


def rgb16(ramp):
    """A PNG with three 16-bit samples, which Pillow can read and not write."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    height, width = ramp.shape
    rows = np.repeat(ramp[..., None], 3, axis=-1).astype(">u2").tobytes()
    lines = b"".join(
        b"\0" + rows[start : start + 6 * width] for start in range(0, len(rows), 6 * width)
    )
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in parts)


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_look_at_an_animation_shows_its_first_frame(tmp_path, copies, suffix):
    path = tmp_path / f"a.{suffix}"
    first, second = Image.new("RGB", (20, 10), "red"), Image.new("RGB", (20, 10), "blue")
    first.save(path, save_all=True, append_images=[second], lossless=True)
    found = look(path, copies, None)
    copy = shown(found, copies)
    assert found.reasons == ("animated",)
    assert copy.convert("RGB").getpixel((5, 5)) == (255, 0, 0)
    assert getattr(copy, "n_frames", 1) == 1


def test_look_at_a_tiff_or_a_wrong_ending_makes_a_png(tmp_path, copies):
    gradient().save(tmp_path / "a.tif")
    gradient().save(tmp_path / "b.tiff", "PNG")
    for name in ("a.tif", "b.tiff"):
        found = look(tmp_path / name, copies, None)
        assert found.reasons == ("another format",)
        assert np.array_equal(np.asarray(shown(found, copies)), np.asarray(gradient()))


def test_look_keeps_transparency_and_the_colour_profile(tmp_path, copies):
    path = tmp_path / "a.png"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = gradient(100, 50).convert("RGBA")
    picture.putalpha(128)
    picture.save(path, icc_profile=profile)
    copy = shown(look(path, copies, 64), copies, 64)
    assert (copy.mode, copy.size) == ("RGBA", (64, 32))
    assert copy.info["icc_profile"] == profile
    assert np.asarray(copy)[..., 3].min() == 128


def truncated(path):
    gradient(200, 200).save(path)
    path.write_bytes(path.read_bytes()[:-200])


def one_pixel(path):
    Image.new("RGB", (1, 1)).save(path)


def bomb(path):
    buffer = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(buffer, "PNG")
    path.write_bytes(buffer.getvalue())


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (truncated, r"a\.png is damaged"),
        (one_pixel, r"a\.png has 1 x 1 pixels, too few to be judged"),
        (bomb, r"a\.png is too large: .*\. Scale it down or remove it"),
        (lambda path: path.write_text("<svg/>"), r"a\.png is not a picture that can be read"),
        (lambda path: path.write_bytes(b""), r"a\.png is not a picture that can be read"),
    ],
)
def test_look_at_what_cannot_be_shown_returns_one_sentence(tmp_path, copies, make, problem):
    make(tmp_path / "a.png")
    found = look(tmp_path / "a.png", copies, None)
    assert isinstance(found, DataError)
    assert found.args[0].startswith(str(tmp_path / "a.png"))
    assert re.search(problem, str(found))
    assert not copies.exists()


def test_look_at_a_decompression_bomb_of_text_is_refused(tmp_path, copies):
    extra = PngImagePlugin.PngInfo()
    extra.add_text("comment", "x" * 80_000_000, zip=True)
    gradient().save(tmp_path / "a.png", pnginfo=extra)
    assert isinstance(look(tmp_path / "a.png", copies, None), DataError)


def test_collect_with_many_pictures_uses_processes_and_finds_the_same(
    study, write_project, paint, tmp_path, monkeypatch
):
    project = write_project(study, "p", long_side=64)
    paint(project.pictures, 6, side=100)
    said = []
    alone = collect(project, tmp_path / "alone.json", said.append)
    copies = sorted(project.prepared.iterdir())
    for each in copies:
        each.unlink()
    monkeypatch.setattr(pictures, "FEW", 2)
    assert collect(project, tmp_path / "many.json", said.append) == alone
    assert sorted(project.prepared.iterdir()) == copies
    assert said[-1] == "6 of 6 pictures are shown as prepared copies (larger 6)"
    assert all(picture.prepared for picture in alone.pictures)


def test_collect_that_was_cut_off_goes_on_where_it_was(
    study, write_project, paint, tmp_path, monkeypatch
):
    project = write_project(study, "p")
    paint(project.pictures, 7)
    known = tmp_path / "known.json"
    monkeypatch.setattr(pictures, "SAVED_EVERY", 2)
    seen = []

    def interrupted(path, **settings):
        if len(seen) == 5:
            raise KeyboardInterrupt
        seen.append(path.name)
        return look(path, **settings)

    monkeypatch.setattr(pictures, "look", interrupted)
    with pytest.raises(KeyboardInterrupt):
        collect(project, known, print)
    first, seen[:] = seen[:], []
    assert len(collect(project, known, print).pictures) == 7
    assert seen == ["picture 04.png", "picture 05.png", "picture 06.png"]
    assert first == [f"picture {number:02}.png" for number in range(5)]


def test_collect_makes_a_copy_again_that_was_removed(study, write_project, paint, tmp_path):
    project = write_project(study, "p", long_side=64)
    paint(project.pictures, 1, side=100)
    known = tmp_path / "known.json"
    (picture,) = collect(project, known, print).pictures
    copy = project.prepared / picture.prepared
    content = copy.read_bytes()
    copy.unlink()
    collect(project, known, print)
    assert copy.read_bytes() == content


def test_collect_forgets_pictures_that_left(study, write_project, paint, tmp_path):
    project = write_project(study, "p")
    paths = paint(project.pictures, 3)
    known = tmp_path / "known.json"
    collect(project, known, print)
    paths[1].unlink()
    collect(project, known, print)
    assert list(json.loads(known.read_text())["pictures"]) == ["picture 00.png", "picture 02.png"]
