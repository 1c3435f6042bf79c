"""Finished batches of a prediction: kept for the same call, for one process at a time."""

import os
import subprocess
import sys

import pytest

from qreasoning.errors import DataError
from qreasoning.training.parts import parts_of


def test_parts_of_the_same_call_are_kept_and_of_another_forgotten(tmp_path):
    target = tmp_path / "m" / "data.parquet"
    with parts_of(target, {"batch": 1}) as parts:
        assert parts.once(0, "a", lambda: ["first"]) == ["first"]
    with parts_of(target, {"batch": 1}) as parts:
        assert parts.once(0, "a", lambda: ["again"]) == ["first"]
    with parts_of(target, {"batch": 2}) as parts:
        assert parts.once(0, "a", lambda: ["other"]) == ["other"]
        parts.remove()
    assert list(target.parent.iterdir()) == []


def test_parts_are_for_one_process_at_a_time(tmp_path):
    target = tmp_path / "data.parquet"
    script = """
import sys
from pathlib import Path
from qreasoning.training.parts import parts_of
with parts_of(Path(sys.argv[1]), {}):
    print("at work", flush=True)
    sys.stdin.read()
"""
    command = [sys.executable, "-c", script, str(target)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env={**os.environ}, **pipes) as other:
        assert other.stdout.readline() == "at work\n"
        with pytest.raises(DataError, match=r"Another qr predict is at work on .*Wait"):
            parts_of(target, {}).__enter__()
        other.communicate("")
    with parts_of(target, {}) as parts:
        assert parts.identity() == {}
