"""Fixtures of the fault tests: commands that die everywhere, and the table of what was tried.

The long form of a test is marked `slow` and runs with `make faults` only; a sample of each runs
with all other tests.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LONG = os.environ.get("FAULTS") == "all"
TRIED: Counter[tuple[str, str]] = Counter()
ELSEWHERE = {
    "tests/annotation/test_faults.py": ("annotate", "fault of the network between qr and a server"),
    "tests/annotation/test_team_server.py": (
        "annotate",
        "fault of the network between qr and a server",
    ),
    "tests/annotation/test_store.py::test_pull_from_a_server_whose_clock_was_set_back": (
        "annotate",
        "clock of the server set back an hour",
    ),
    "tests/annotation/test_two_at_once.py::test_two_at_once": ("annotate", "two at once"),
    "tests/training/test_full_disk.py": ("train", "disk full at a checkpoint"),
}
"""Tests of other folders that try faults too, by how their names begin."""


def pytest_collection_modifyitems(config, items):
    if LONG:
        return
    ours = [each for each in items if HERE in each.path.parents and "slow" in each.keywords]
    items[:] = [each for each in items if each not in ours]
    config.hook.pytest_deselected(items=ours)


def pytest_terminal_summary(terminalreporter):
    passed = terminalreporter.stats.get("passed", [])
    for begins, what in ELSEWHERE.items():
        TRIED[what] += sum(each.nodeid.startswith(begins) for each in passed)
    if +TRIED:
        terminalreporter.section("faults tried, all of which held")
        for (where, fault), count in sorted((+TRIED).items()):
            terminalreporter.write_line(f"{where:12} {count:9,} x {fault}")


@pytest.fixture(scope="session")
def tried():
    """Count faults that held, for the table: `tried(where, fault, count)`."""

    def count(where, fault, number=1):
        TRIED[where, fault] += number

    return count


@pytest.fixture
def die_everywhere(tmp_path, tried):
    """Run `qr` in a copy of a folder and let it die at each thing it does to the disk (at `most`
    some of them). Afterwards every file is as before or as after, and the next run ends with the
    bytes of an undisturbed one."""

    def run(where, before, first, *, again=None, load=(), most=None, environ=None, **more):
        request = {"first": first, "again": again or [first], "load": load, "most": most, **more}
        command = [sys.executable, str(HERE / "crash.py"), str(tmp_path / "dies"), str(before)]
        there = {**os.environ, "OMP_NUM_THREADS": "1", **(environ or {})}
        done = subprocess.run(
            [*command, json.dumps(request)], capture_output=True, text=True, env=there
        )
        assert done.returncode == 0, done.stdout + done.stderr
        deaths = [json.loads(line) for line in done.stdout.splitlines()]
        wrong = [
            each
            for each in deaths
            if each["torn"] or each["lost"] or each["next"] != 0 or each["other"]
        ]
        assert deaths and not wrong, json.dumps(wrong[:5], indent=1)
        killed = sum("SIGKILL" in each["died"] for each in deaths)
        tried(where, "dead before a write, fsync, rename or removal", len(deaths) - killed)
        tried(where, "killed by SIGKILL at a random time", killed)

    return run
