import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from pyarrow import parquet

from qreasoning.data.hashes import hash_pictures
from qreasoning.errors import DataError
from qreasoning.fingerprints import fingerprint, stack
from qreasoning.images import identity_of_file


@pytest.fixture
def files(draw):
    """Two pictures by name."""
    return {name: draw(name, seed) for seed, name in enumerate(("b.png", "a.png"))}


def test_hash_pictures_gives_id_and_fingerprint_in_the_order_asked(files, tmp_path):
    found = hash_pictures(files, tmp_path / "kept.parquet")
    assert list(found) == ["b.png", "a.png"]
    for name, path in files.items():
        assert found[name].image_id == identity_of_file(path)
        with Image.open(path) as picture:
            assert found[name].fingerprint == fingerprint(picture).tobytes()


def test_hash_pictures_reads_a_file_once_and_again_when_it_changes(files, tmp_path, draw):
    kept = tmp_path / "kept.parquet"
    first = hash_pictures(files, kept)
    # Without its bytes only the kept hash can answer; a file of the same size and time is the same.
    status = files["a.png"].stat()
    files["a.png"].write_bytes(b"x" * status.st_size)
    os.utime(files["a.png"], ns=(status.st_atime_ns, status.st_mtime_ns))
    assert hash_pictures(files, kept) == first
    draw("a.png", seed=7)
    os.utime(files["a.png"], ns=(1, 1))
    assert hash_pictures(files, kept)["a.png"] != first["a.png"]


def test_hash_pictures_forgets_files_that_are_gone_and_another_kind(files, tmp_path):
    kept = tmp_path / "kept.parquet"
    first = hash_pictures(files, kept)
    del files["b.png"]
    hash_pictures(files, kept)
    assert parquet.read_table(kept).column("name").to_pylist() == ["a.png"]
    table = parquet.read_table(kept)
    blank = table.set_column(4, "fingerprint", [[np.zeros(1024, np.uint8).tobytes()]])
    parquet.write_table(blank.replace_schema_metadata({"fingerprint": "other"}), kept)
    assert hash_pictures(files, kept)["a.png"] == first["a.png"]


def test_hash_pictures_of_a_truncated_one_names_it_and_keeps_nothing(files, tmp_path):
    content = files["b.png"].read_bytes()
    files["b.png"].write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"b\.png is damaged"):
        hash_pictures(files, tmp_path / "kept.parquet")
    assert not (tmp_path / "kept.parquet").exists()


def encoded(picture, kind, **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def png_header(width, height):
    """A PNG that says it is this large, and holds nothing."""

    def chunk(name, content):
        size, check = struct.pack(">I", len(content)), struct.pack(">I", zlib.crc32(name + content))
        return size + name + content + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b""))


RAMP = np.tile(np.linspace(0, 255, 64).round().astype(np.uint8), (48, 1))

READ = {
    "cmyk": lambda: encoded(Image.fromarray(RAMP).convert("CMYK"), "JPEG", quality=95),
    "16 bit": lambda: encoded(Image.fromarray(RAMP.astype(np.uint16) * 257), "PNG"),
}
REFUSED = {
    "1x1": lambda: encoded(Image.new("RGB", (1, 1), "red"), "PNG"),
    "truncated": lambda: encoded(Image.fromarray(RAMP), "JPEG")[:300],
    "a 300-megapixel bomb": lambda: png_header(30_000, 10_000),
    "an SVG": lambda: b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
    "nothing": lambda: b"",
}


@pytest.mark.parametrize("kind", READ)
def test_hash_pictures_reads_unusual_pictures_as_what_they_show(kind, tmp_path):
    (tmp_path / "a.jpg").write_bytes(READ[kind]())
    found = hash_pictures({"a": tmp_path / "a.jpg"}, tmp_path / "kept.parquet")["a"]
    grey = stack([found.fingerprint])[0].astype(int)
    usual = fingerprint(Image.fromarray(RAMP)).astype(int)
    assert np.abs(grey - usual).max() <= 2


@pytest.mark.parametrize("kind", REFUSED)
def test_hash_pictures_of_what_is_no_picture_is_one_error_that_names_it(kind, tmp_path):
    (tmp_path / "a.jpg").write_bytes(REFUSED[kind]())
    with pytest.raises(
        DataError, match=r"a\.jpg (is|has) .*(Replace|Scale it down) or remove it"
    ) as caught:
        hash_pictures({"a": tmp_path / "a.jpg"}, tmp_path / "kept.parquet")
    assert "\n" not in str(caught.value)
