"""A disk that is full or not to be written to, two commands at once, a study that is moved: one
sentence, nothing torn, and the same command again succeeds."""

import importlib.util
import os
import resource
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from qreasoning.files import read_manifest, sha256_file
from qreasoning.workspace import shipped


def _fixtures(stage):
    # The tests' folders are no packages.
    path = Path(__file__).parents[1] / stage / "conftest.py"
    spec = importlib.util.spec_from_file_location(f"{stage}_fixtures", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_data, _analysis = _fixtures("data"), _fixtures("analysis")
workspace, draw, list_scores = _data.workspace, _data.draw, _data.list_scores
annotate, small_study = _data.annotate, _data.small_study
picture, prediction = _analysis.picture, _analysis.prediction
write_dataset, write_predictions = _analysis.write_dataset, _analysis.write_predictions
small_report = _analysis.small_report

REPORT = "metrics: [rouge1]\nreplicates: 200\ngallery: 2\n"
COMMANDS = {"build": ["build-dataset"], "report": ["align-report", "--name", "small"]}
SAMPLED = ["build", pytest.param("report", marks=pytest.mark.slow)]


@pytest.fixture
def studies(workspace, small_study, small_report):
    """A study in which a dataset can be built and a report be made."""
    root = workspace.root
    score_set = {"name": "list", "file": "scores.csv", "images": "pictures", "range": [0, 100]}
    columns = {"split": "split", "reference": "reference"}
    spec = {
        "name": "made",
        "projects": ["konIQ"],
        "score_sets": [{**score_set, "columns": columns}],
    }
    (root / "annotation" / "dataset.yaml").write_text(yaml.safe_dump(spec))
    (root / "analysis").mkdir()
    (root / "analysis" / "report.yaml").write_text(REPORT)
    shutil.copy(shipped() / "annotation" / "konIQ.yaml", root / "annotation")
    small_report()
    return root


def report_of(command, root):
    """The arguments, with the dataset named: the newest is whatever was made last."""
    return [*command, "--dataset", "small"] if command[0] == "align-report" else command


def qr(arguments, root, before=(), **how):
    command = [*before, sys.executable, "-m", "qreasoning", *report_of(arguments, root)]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, **how)


def finished(root):
    """What whole outputs hold, and that they are."""
    hashes = {}
    for folder in (root / "outputs").glob("*/*/*/manifest.json"):
        manifest = read_manifest(folder.parent)
        for name, wanted in manifest["files"].items():
            assert sha256_file(folder.parent / name) == wanted
    for path in sorted((root / "outputs").rglob("*")):
        shown = not any(part.startswith(".") for part in path.relative_to(root).parts)
        if path.is_file() and shown and "cache" not in path.parts:
            hashes[path.relative_to(root).as_posix()] = sha256_file(path)
    return hashes


@contextmanager
def little_room(root, megabytes):
    """Within, `root` is a disk of its own with so much room in all, where such can be mounted."""
    away = root.with_name(f"{root.name} away")
    root.rename(away)
    root.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(root)]
    mounted = subprocess.run(mount, capture_output=True).returncode == 0
    try:
        shutil.copytree(away, root, dirs_exist_ok=True)
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(root)], check=True)


def fill(root, spare):
    """Leave `spare` bytes of room on the disk of `root`."""
    free = os.statvfs(root).f_bavail * os.statvfs(root).f_frsize
    with (root / "filler").open("wb") as file:
        file.write(bytes(max(0, free - spare)))


def small_files(size):
    def limit():
        # A write beyond the limit fails as on a full disk instead of ending the process.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


@pytest.mark.parametrize("spare", [0, pytest.param(20_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", COMMANDS)
def test_full_disk_is_one_sentence_and_the_next_run_succeeds(studies, tried, name, spare):
    with little_room(studies, 24) as mounted:
        before = finished(studies)
        if mounted:
            fill(studies, spare)
            full = qr(COMMANDS[name], studies)
            (studies / "filler").unlink()
        else:
            full = qr(COMMANDS[name], studies, preexec_fn=small_files(spare or 100))
        assert full.returncode == 2, full.stdout + full.stderr
        assert "could not be written: " in full.stderr
        assert "Traceback" not in full.stderr
        assert finished(studies) == before
        again = qr(COMMANDS[name], studies)
        assert again.returncode == 0, again.stderr
        assert finished(studies).keys() > before.keys()
    tried(name, "disk full (tmpfs)" if mounted else "disk full (largest size of a file)")


@pytest.mark.parametrize("name", SAMPLED)
def test_folder_that_may_not_be_written_is_one_sentence(studies, tried, name):
    # Even root then may not write where the permissions do not let it.
    powers = "-dac_override,-dac_read_search,-fowner"
    before = ["setpriv", "--bounding-set", powers] if os.geteuid() == 0 else []
    outputs = studies / "outputs"
    (outputs / "reports").mkdir(exist_ok=True)
    places = [outputs, *(each for each in outputs.rglob("*") if each.is_dir())]
    was = finished(studies)
    for each in places:
        each.chmod(0o555)
    try:
        refused = qr(COMMANDS[name], studies, before)
    finally:
        for each in places:
            each.chmod(0o755)
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert "could not be written: permission is denied" in refused.stderr
    assert finished(studies) == was
    assert qr(COMMANDS[name], studies).returncode == 0
    tried(name, "folder not writable")


@pytest.mark.parametrize("name", COMMANDS)
def test_two_commands_at_once_end_as_one(studies, tried, name):
    command = [sys.executable, "-m", "qreasoning", *report_of(COMMANDS[name], studies)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, cwd=studies, **pipes) for _ in range(2)]
    ends = [(*each.communicate(), each.returncode) for each in both]
    codes = sorted(each[2] for each in ends)
    assert codes[0] == 0, ends
    if codes[1]:
        refused = next(each[1] for each in ends if each[2])
        assert "Another qr build-dataset is at work" in refused, refused
    now = finished(studies)
    assert qr(COMMANDS[name], studies).returncode == 0
    assert finished(studies) == now
    tried(name, "two at once")


@pytest.mark.parametrize("name", SAMPLED)
def test_study_that_was_moved_goes_on(studies, tried, name, tmp_path):
    assert qr(COMMANDS[name], studies).returncode == 0
    made = finished(studies)
    moved = studies.with_name(f"{studies.name} moved")
    studies.rename(moved)
    done = qr(COMMANDS[name], moved)
    assert done.returncode == 0, done.stderr
    assert finished(moved) == made
    tried(name, "study moved between two commands")
