import json
import subprocess
import sys

import pytest

from qreasoning.annotation.log import LOG, Log, append_states
from qreasoning.errors import DataError


def state(number, text="", **more):
    raw = {"id": number, "result": [text], "created_at": "2026-01-01T10:00:00Z"}
    facts = {"place": "here", "id": number, "image_id": "i", "name": "n", "annotator": "a@x"}
    return {**facts, "annotation": raw, "seen": "now", "form_version": "f", **more}


def texts(folder):
    log = Log(folder)
    log.refresh()
    states = [each for known in log.everything() for each in known.states]
    return [raw["result"][0] for _, raw in log.raw(states)]


@pytest.mark.parametrize("torn", [b"{", b'{"place": "he', json.dumps(state(3, "c")).encode()])
def test_log_with_a_torn_last_line_drops_and_repairs_it(tmp_path, torn):
    append_states(tmp_path, [state(1, "a"), state(2, "b")])
    whole = (tmp_path / LOG).read_bytes()
    (tmp_path / LOG).write_bytes(whole + torn)
    assert texts(tmp_path) == ["a", "b"]
    with Log(tmp_path).held():
        pass
    assert (tmp_path / LOG).read_bytes() == whole


@pytest.mark.parametrize("rubbish", [b"rubbish", b"3", b'{"place": "here"}'])
def test_log_damaged_inside_names_the_line(tmp_path, rubbish):
    append_states(tmp_path, [state(1), state(2)])
    first, second = (tmp_path / LOG).read_bytes().splitlines()
    (tmp_path / LOG).write_bytes(b"\n".join([first, rubbish, second, b""]))
    with pytest.raises(DataError, match=r"log\.jsonl, line 2, is damaged"):
        texts(tmp_path)


def test_log_before_any_pull_is_empty(tmp_path):
    assert texts(tmp_path) == []
    assert not (tmp_path / LOG).exists()


def test_append_states_that_are_there_already_appends_nothing(tmp_path):
    assert append_states(tmp_path, [state(1, "a"), state(2, "b")]) == 2
    assert append_states(tmp_path, [state(1, "a"), state(2, "c")]) == 1
    assert append_states(tmp_path, [state(2, "c")]) == 0
    assert texts(tmp_path) == ["a", "b", "c"]


def test_append_states_given_one_twice_appends_it_once(tmp_path):
    assert append_states(tmp_path, [state(1, "a"), state(1, "a")]) == 1


def test_log_is_for_its_owner_only(tmp_path):
    append_states(tmp_path, [state(1)])
    assert (tmp_path / LOG).stat().st_mode & 0o777 == 0o600


def test_log_kept_open_sees_what_others_append_and_a_restored_file(tmp_path):
    log = Log(tmp_path)
    append_states(tmp_path, [state(1)])
    before = (tmp_path / LOG).read_bytes()
    log.refresh()
    append_states(tmp_path, [state(2)])
    with log.held():
        assert set(log.answers) == {("here", 1), ("here", 2)}
    (tmp_path / LOG).write_bytes(before)
    log.refresh()
    assert set(log.answers) == {("here", 1)}


def test_log_reads_lines_of_before_there_were_more_keys(tmp_path):
    old = {**state(1), "annotation": {"id": 1, "updated_at": "2026-01-01T10:00:00.5Z"}}
    gone = {**old, "annotation": None}
    (tmp_path / LOG).write_text(f"{json.dumps(old)}\n{json.dumps(gone)}\n")
    log = Log(tmp_path)
    log.refresh()
    (known,) = log.everything()
    assert (known.gone, known.latest.task_id, known.latest.origin) == ("deleted", None, "server")


def test_log_gives_back_half_a_surrogate_pair(tmp_path):
    append_states(tmp_path, [state(1, "\ud83c")])
    assert texts(tmp_path) == ["\ud83c"]


APPENDING = """
import sys
from pathlib import Path
from qreasoning.annotation.log import append_states
for number in range(40):
    line = {"place": sys.argv[2], "id": number, "image_id": "i", "name": "n", "annotator": "a",
            "annotation": {"result": ["x" * 20000]}, "seen": "now", "form_version": "f"}
    append_states(Path(sys.argv[1]), [line])
"""


def test_log_appended_to_by_two_processes_at_once_keeps_all(tmp_path):
    commands = [[sys.executable, "-c", APPENDING, str(tmp_path), place] for place in "ab"]
    both = [subprocess.Popen(command) for command in commands]
    assert [each.wait() for each in both] == [0, 0]
    log = Log(tmp_path)
    log.refresh()
    assert set(log.answers) == {(place, number) for place in "ab" for number in range(40)}
