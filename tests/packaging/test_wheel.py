import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from qreasoning import __version__
from qreasoning.workspace import FOLDERS

ROOT = Path(__file__).parents[2]
STUDY = "qreasoning/study"


def python(*arguments):
    result = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder with the wheel and the sdist; the wheel is built from the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    python("build", "--no-isolation", "--outdir", folder, ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    return built / f"qreasoning-{__version__}-py3-none-any.whl"


def shipped_files():
    """What git has of the study folders and of the package."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *FOLDERS, "qreasoning"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode != 0:
        pytest.skip("git is missing, or this is no checkout")
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_wheel_carries_the_package_and_the_study_folders_and_nothing_else(wheel):
    expected = {
        name if name.startswith("qreasoning/") else f"{STUDY}/{name}" for name in shipped_files()
    }
    with zipfile.ZipFile(wheel) as archive:
        found = {each for each in archive.namelist() if ".dist-info/" not in each}
    assert found == expected
    assert "qreasoning/py.typed" in found
    assert "qreasoning/analysis/sections/report.html.j2" in found


def test_wheel_files_are_those_of_the_checkout(wheel):
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            source = ROOT / name.removeprefix(f"{STUDY}/")
            if ".dist-info/" not in name:
                assert archive.read(name) == source.read_bytes(), name


def test_sdist_holds_no_tests_and_the_licence(built):
    with tarfile.open(built / f"qreasoning-{__version__}.tar.gz") as archive:
        names = {each.partition("/")[2] for each in archive.getnames()}
    assert {"LICENSE", "CITATION.cff", "CHANGELOG.md", "constraints.txt"} <= names
    assert not [each for each in names if each.split("/")[0] in ("tests", "benchmarks", "outputs")]


def test_twine_and_check_wheel_contents_find_nothing(built, wheel):
    python("twine", "check", "--strict", *built.iterdir())
    python("check_wheel_contents", wheel)


def test_citation_and_wheel_have_the_same_version(wheel):
    cited = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {__version__}\n" in cited
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"qreasoning-{__version__}.dist-info/METADATA").decode()
    assert f"\nVersion: {__version__}\n" in metadata
    assert "\nLicense-Expression: Apache-2.0\n" in metadata
