"""Builds that are killed or run out of room: the last good version stays, and the next succeeds."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from qreasoning.data.build import build_dataset
from qreasoning.data.spec import BuildSpec
from qreasoning.files import read_manifest, sha256_file
from qreasoning.workspace import Workspace

# A build in a process of its own, for each place where it is to die; one start of Python for all.
SCRIPT = """
import json, os, resource, signal, sys
from pathlib import Path
from qreasoning.data import assembly, build, place, taking
from qreasoning.data.spec import BuildSpec
from qreasoning.workspace import Workspace

root, spec = sys.argv[1], json.loads(sys.argv[2])

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def no_room(size):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

def replace(module, name):
    return lambda: setattr(module, name, die)

ways = {
    "taking in": replace(taking, "take_in"),
    "writing": replace(assembly, "write_shard"),
    "finishing": replace(build, "gather_parts"),
    "placing": replace(place, "move_folder"),
    "placed": replace(place, "index_folder"),
    "card": replace(build.files, "write_text"),
    "no room at all": lambda: no_room(100),
    "no room for tables": lambda: no_room(3000),
}
for way, prepare in ways.items():
    child = os.fork()
    if child == 0:
        prepare()
        try:
            build.build_dataset(BuildSpec.model_validate(spec), Workspace(Path(root)))
        except OSError as error:
            os._exit(error.errno or 1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print(json.dumps([way, os.waitstatus_to_exitcode(status)]), flush=True)
"""


def _whole(folder: Path) -> bool:
    manifest = read_manifest(folder)
    assert manifest is not None
    return all(sha256_file(folder / name) == each for name, each in manifest["files"].items())


@pytest.mark.usefixtures("small_study")
def test_build_that_dies_anywhere_leaves_a_whole_version_and_the_next_succeeds(
    workspace: Workspace, spec: Callable[..., BuildSpec], annotate: Callable[..., None]
) -> None:
    first = build_dataset(spec(projects=["konIQ"]), workspace)
    annotate([("p4.png", "ann@example.org", 4, {})])
    settings = spec(projects=["konIQ"])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(workspace.root), settings.model_dump_json()],
        capture_output=True,
        text=True,
        env={**os.environ},
    )
    ends = dict(json.loads(line) for line in done.stdout.splitlines())
    killed = {way: code for way, code in ends.items() if not way.startswith("no room")}
    assert set(killed.values()) == {-9} and len(killed) == 6, done.stderr
    # 27: the file would be larger than allowed, as a full disk says it.
    assert ends["no room at all"] == ends["no room for tables"] == 27, done.stderr
    newest = workspace.dataset("small")
    assert _whole(first.folder) and _whole(newest)
    # "placed" and "card" died after the new version was there, whole.
    assert newest.name == "2.0.0"
    report = build_dataset(settings, workspace)
    assert (report.new, report.folder) == (False, newest)
    assert (workspace.root / "data_cards" / "small-2.0.0.md").is_file()
    assert sorted(each.name for each in newest.parent.iterdir()) == ["1.0.0", "2.0.0"]
