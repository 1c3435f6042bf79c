import os

import numpy as np
import pytest
from PIL import Image
from pyarrow import parquet

from qreasoning.data.hashes import hash_pictures
from qreasoning.errors import DataError
from qreasoning.fingerprints import fingerprint
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
