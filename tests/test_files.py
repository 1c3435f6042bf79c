import errno
import json
import stat
import subprocess
import sys

import pytest

from qreasoning import files


def names_in(folder):
    return [path.name for path in folder.iterdir()]


def test_write_bytes_replaces_the_content_and_sets_the_mode(tmp_path):
    path = tmp_path / "deep" / "secret"
    files.write_bytes(path, b"one", mode=0o600)
    files.write_bytes(path, b"two", mode=0o600)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names_in(path.parent) == ["secret"]


def test_replacing_that_fails_keeps_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "table"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match=r"full.*table"), files.replacing(path) as temporary:
        temporary.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "full")
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["table"]


def test_write_json_is_canonical_and_refuses_nan(tmp_path):
    files.write_json(tmp_path / "a.json", {"b": 1, "a": "é"})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n "a": "é",\n "b": 1\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "b.json", {"a": float("nan")})
    assert names_in(tmp_path) == ["a.json"]


def test_manifest_vouches_for_every_file_by_hash(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x").write_bytes(b"abc")
    assert files.read_manifest(tmp_path) is None
    files.write_manifest(tmp_path, {"version": "1.0.0"})
    # SHA-256 of "abc", FIPS 180-2 appendix B.1
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert files.read_manifest(tmp_path) == {"version": "1.0.0", "files": {"data/x": digest}}
    assert json.loads((tmp_path / "manifest.json").read_text())["version"] == "1.0.0"
    assert files.sha256_file(tmp_path / "data" / "x") == digest == files.sha256_bytes(b"abc")


def test_make_folder_leaves_the_whole_folder_or_nothing(tmp_path):
    def fill(folder):
        (folder / "a").write_text("1")

    def fail(folder):
        fill(folder)
        raise OSError(errno.ENOSPC, "full")

    with pytest.raises(OSError, match="full"):
        files.make_folder(tmp_path / "x" / "1.0.0", fail)
    assert names_in(tmp_path / "x") == []
    files.make_folder(tmp_path / "x" / "1.0.0", fill)
    assert names_in(tmp_path / "x") == ["1.0.0"]
    assert (tmp_path / "x" / "1.0.0" / "a").read_text() == "1"


def test_replace_folder_takes_over_whole_or_leaves_the_old_one(tmp_path):
    folder = tmp_path / "report"
    for number in ("1", "2"):
        files.replace_folder(folder, lambda draft, text=number: (draft / text).write_text(text))
        assert names_in(folder) == [number]

    def fail(draft):
        (draft / "3").write_text("half")
        raise OSError(errno.ENOSPC, "full")

    with pytest.raises(OSError, match="full"):
        files.replace_folder(folder, fail)
    assert (names_in(folder), names_in(tmp_path)) == (["2"], ["report"])


def test_what_a_killed_process_left_goes_and_what_a_living_one_writes_stays(tmp_path):
    script = """
import os, sys
from pathlib import Path
from qreasoning import files
with files.replacing(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"half")
    print("open", flush=True)
    sys.stdin.read()
    os._exit(9)
"""
    path = tmp_path / "table[1]"
    command = [sys.executable, "-c", script, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as living:
        assert living.stdout.readline() == "open\n"
        files.write_bytes(path, b"mine")
        assert len(names_in(tmp_path)) == 2
        living.communicate("")
    assert len(names_in(tmp_path)) == 2
    files.write_bytes(path, b"again")
    assert names_in(tmp_path) == ["table[1]"]


def test_manifest_does_not_vouch_for_what_a_killed_process_left(tmp_path):
    (tmp_path / ".a.x1.tmp").write_bytes(b"half")
    (tmp_path / "a").write_bytes(b"whole")
    files.write_manifest(tmp_path, {})
    assert list(files.read_manifest(tmp_path)["files"]) == ["a"]
    assert sorted(names_in(tmp_path)) == ["a", "manifest.json"]
