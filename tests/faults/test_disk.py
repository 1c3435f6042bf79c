"""A disk that is full or not to be written to, two commands at once, a study that is moved: one
sentence, nothing torn, and the same command again succeeds."""

import importlib.util
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from qreasoning.files import read_manifest, sha256_file
from qreasoning.workspace import shipped


def _fixtures(file):
    # The tests' folders are no packages.
    path = Path(__file__).parents[1] / file
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_data, _analysis = _fixtures("data/conftest.py"), _fixtures("analysis/conftest.py")
_server, _model = _fixtures("faults/test_server_faults.py"), _fixtures("faults/test_model_dies.py")
workspace, draw, list_scores = _data.workspace, _data.draw, _data.list_scores
annotate, small_study = _data.annotate, _data.small_study
picture, prediction = _analysis.picture, _analysis.prediction
write_dataset, write_predictions = _analysis.write_dataset, _analysis.write_predictions
small_report = _analysis.small_report
running, answer, dimensions = _server.running, _server.answer, _server.dimensions
campaign, answered = _server.campaign, _server.answered
base = _model.base
with_pictures, with_dataset = _model.with_pictures, _model.with_dataset

REPORT = "metrics: [rouge1]\nreplicates: 200\ngallery: 2\n"
# The dataset is named, since the newest is whatever was made last.
REPORT_COMMAND = ["align-report", "--name", "small", "--dataset", "small"]
EVERY = [
    "build",
    "report",
    pytest.param("predict", marks=pytest.mark.slow),
    pytest.param("pull", marks=[pytest.mark.slow, pytest.mark.server]),
]
SAMPLED = ["build", pytest.param("report", marks=pytest.mark.slow), *EVERY[2:]]
TRAIN = pytest.param("train", marks=pytest.mark.slow)
"""Each call of it is a run of its own."""


@pytest.fixture
def trial(name, request):
    """A study, a `qr` command that has something to do in it, and the variables it needs."""
    if name == "predict":
        root, model = request.getfixturevalue("with_pictures"), request.getfixturevalue("base")
        return Trial(root, _model.predict(model), {})
    if name == "train":
        root = request.getfixturevalue("with_dataset")
        return Trial(root, ["train", "tiny", *_model.SMALL], {})
    if name == "pull":
        there = request.getfixturevalue("answered")
        command = ["annotate", "pull", "--project", there.project.name]
        return Trial(there.study.root, command, there.environ)
    command = {"build": ["build-dataset"], "report": REPORT_COMMAND}[name]
    return Trial(request.getfixturevalue("studies"), command, {})


class Trial(NamedTuple):
    root: Path
    command: list[str]
    environ: dict[str, str]

    def start(self, before=(), root=None, **how):
        command = [*before, sys.executable, "-m", "qreasoning", *self.command]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        there = {**os.environ, **self.environ}
        return subprocess.Popen(command, cwd=root or self.root, env=there, **pipes, **how)

    def run(self, before=(), root=None, **how):
        running = self.start(before, root, **how)
        out, err = running.communicate()
        return subprocess.CompletedProcess(running.args, running.returncode, out, err)


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


def unharmed(root, before, log):
    """Whether outputs are as before, but for answers that the log took before the disk refused."""
    grown = logs(root)
    assert all(grown[name].startswith(log[name]) for name in log)
    now = finished(root)
    changed = {
        Path(name).name for name in now.keys() | before.keys() if now.get(name) != before.get(name)
    }
    return changed <= ({"log.jsonl", "pull.json"} if log else set())


def logs(root):
    return {
        each: each.read_bytes() for each in sorted(root.glob("outputs/annotations/*/log.jsonl"))
    }


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


SLOWLY = [("build", 20_000), ("report", 20_000), ("predict", 0), ("predict", 20_000)]
# A run that has begun keeps what it has: see test_full_disk.py of the training.
SLOWLY += [("pull", 0), ("pull", 20_000), ("train", 0)]


@pytest.mark.parametrize(
    ("name", "spare"),
    [
        ("build", 0),
        ("report", 0),
        *(pytest.param(*each, marks=pytest.mark.slow) for each in SLOWLY),
    ],
)
def test_full_disk_is_one_sentence_and_the_next_run_succeeds(trial, tried, name, spare):
    with little_room(trial.root, 24) as mounted:
        before, log = finished(trial.root), logs(trial.root)
        if mounted:
            fill(trial.root, spare)
            full = trial.run()
            (trial.root / "filler").unlink()
        else:
            full = trial.run(preexec_fn=small_files(spare or 100))
        assert full.returncode == 2, full.stdout + full.stderr
        assert "could not be written: " in full.stderr
        assert "Traceback" not in full.stderr
        assert unharmed(trial.root, before, log)
        again = trial.run()
        assert again.returncode == 0, again.stderr
        now = finished(trial.root)
        # A pull adds to the files that there are.
        assert now.keys() > before.keys() or (name == "pull" and now != before)
        for lines in map(bytes.splitlines, logs(trial.root).values()):
            assert len({json.dumps(json.loads(line)) for line in lines}) == len(lines)
    tried(name, "disk full (tmpfs)" if mounted else "disk full (largest size of a file)")


@pytest.mark.parametrize("name", [*SAMPLED, TRAIN])
def test_folder_that_may_not_be_written_is_one_sentence(trial, tried, name):
    # Even root then may not write where the permissions do not let it.
    powers = "-dac_override,-dac_read_search,-fowner"
    before = ["setpriv", "--bounding-set", powers] if os.geteuid() == 0 else []
    outputs = trial.root / "outputs"
    (outputs / "reports").mkdir(exist_ok=True, parents=True)
    places = [outputs, *(each for each in outputs.rglob("*") if each.is_dir())]
    was, log = finished(trial.root), logs(trial.root)
    for each in places:
        each.chmod(0o555)
    try:
        refused = trial.run(before)
    finally:
        for each in places:
            each.chmod(0o755)
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert "could not be written: permission is denied" in refused.stderr
    assert unharmed(trial.root, was, log)
    assert trial.run().returncode == 0
    tried(name, "folder not writable")


@pytest.mark.parametrize("name", EVERY)
def test_two_commands_at_once_end_as_one(trial, tried, name):
    both = [trial.start() for _ in range(2)]
    ends = [(*each.communicate(), each.returncode) for each in both]
    codes = sorted(each[2] for each in ends)
    assert codes[0] == 0, ends
    if codes[1]:
        refused = next(each[1] for each in ends if each[2])
        assert f"Another qr {trial.command[0]} is at work" in refused, refused
    now = finished(trial.root)
    assert trial.run().returncode == 0
    assert finished(trial.root) == now
    tried(name, "two at once")


@pytest.mark.parametrize("name", SAMPLED)
def test_study_that_was_moved_goes_on(trial, tried, name):
    assert trial.run().returncode == 0
    made = finished(trial.root)
    moved = trial.root.with_name(f"{trial.root.name} moved")
    trial.root.rename(moved)
    done = trial.run(root=moved)
    assert done.returncode == 0, done.stderr
    assert finished(moved) == made
    tried(name, "study moved between two commands")
