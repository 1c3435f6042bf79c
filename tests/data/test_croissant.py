import json
import subprocess
import sys
from pathlib import Path

import pytest

from qreasoning.data.build import build_dataset
from qreasoning.data.croissant import FILE, croissant
from qreasoning.files import read_manifest, sha256_files

pytestmark = pytest.mark.usefixtures("small_study")


@pytest.fixture
def version(workspace, spec):
    """A built version; its description is beside its files."""
    return build_dataset(spec(projects=["konIQ"]), workspace).folder


def test_croissant_is_valid_for_mlcroissant(version):
    command = [str(Path(sys.executable).parent / "mlcroissant"), "validate", "--jsonld"]
    done = subprocess.run([*command, str(version / FILE)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Done" in done.stderr
    assert "ERROR" not in done.stderr


def test_croissant_records_are_the_rows(version):
    import mlcroissant

    dataset = mlcroissant.Dataset(str(version / FILE))
    rows = list(dataset.records("annotations"))
    assert sorted(row["annotations/overall"] for row in rows) == [1, 2, 2, 4, 5]
    assert {row["annotations/caption"] for row in rows} == {
        b"Coloured noise everywhere.",
        b"Grey and coloured dots.",
    }


def test_croissant_of_the_same_files_has_the_same_bytes(version, tmp_path):
    once = json.dumps(croissant(read_manifest(version), sha256_files(version)), sort_keys=True)
    moved = tmp_path / "elsewhere"
    version.rename(moved)
    assert json.dumps(croissant(read_manifest(moved), sha256_files(moved)), sort_keys=True) == once
    assert str(tmp_path) not in once


def test_croissant_records_hold_pictures_and_chains(version, workspace):
    import mlcroissant

    rows = {
        row["chains/name"]: row
        for row in mlcroissant.Dataset(str(version / FILE)).records("chains")
    }
    assert len(rows) == 10
    picture = rows[b"p0.png"]["chains/image"]
    assert picture.size == (16, 12)
    ratings = {chain["chains/chains/rating"] for chain in rows[b"p0.png"]["chains/chains"]}
    assert ratings == {1.0, 2.0}
    assert rows[b"p8.png"]["chains/chains"] in (None, [])
