"""The protocol of the pull, against a server in memory that keeps Label Studio's measured habits:
times of its own, tasks that move when an answer does, drafts that move nothing."""

import copy
import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from pyarrow import parquet

from qreasoning.annotation import client, columns, marks, states
from qreasoning.annotation.derived import HISTORY, TABLE, write_table
from qreasoning.annotation.log import LOG, Log, append_states
from qreasoning.annotation.marks import MARKS
from qreasoning.annotation.store import pull
from qreasoning.annotation.table import current, sort_out
from qreasoning.errors import ServerError

EMAILS = {1: "a@x", 2: "b@x", 3: "c@x"}


class Memory:
    """Stands for `client.Server`: the five requests that a pull makes."""

    url = "http://memory/"

    def __init__(self):
        self.time = datetime(2026, 1, 1, tzinfo=UTC)
        self.tasks, self.drafts = {}, {}
        self.numbers = {"task": 0, "annotation": 0}
        self.asked = []
        self.given = Counter()
        """Tasks that were given, by the fields asked for."""
        self.before_page = lambda: None

    def now(self, seconds=1.0):
        self.time += timedelta(seconds=seconds)
        return self.time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def number(self, what):
        self.numbers[what] += 1
        return self.numbers[what]

    def add_task(self):
        number, time = self.number("task"), self.now()
        data = {"image_id": f"sha256:{number}", "name": f"{number}.png"}
        self.tasks[number] = {
            "id": number,
            "data": data,
            "created_at": time,
            "updated_at": time,
            "annotations": [],
        }
        return number

    def answer(self, task, by=1, text="first", **more):
        number, time = self.number("annotation"), self.now()
        raw = {
            "id": number,
            "completed_by": by,
            "updated_by": by,
            "result": [text],
            "was_cancelled": False,
            "ground_truth": False,
            "lead_time": 2.0,
            "created_at": time,
            "updated_at": time,
            "parent_prediction": None,
            **more,
        }
        self.tasks[task]["annotations"].append(raw)
        self.tasks[task]["updated_at"] = time
        return number

    def edit(self, number, **more):
        task, raw = self.find(number)
        time = self.now()
        raw.update(updated_at=time, **more)
        task["updated_at"] = time

    def remove(self, number):
        task, raw = self.find(number)
        task["annotations"].remove(raw)
        task["updated_at"] = self.now()

    def find(self, number):
        return next(
            (task, raw)
            for task in self.tasks.values()
            for raw in task["annotations"]
            if raw["id"] == number
        )

    def backup(self):
        return copy.deepcopy((self.tasks, self.numbers))

    def restore(self, saved):
        self.tasks, self.numbers = copy.deepcopy(saved)

    def truth(self):
        """The text of each answer that counts, by picture and annotator."""
        raws = [
            (raw["updated_at"], raw["id"], task["data"]["image_id"], raw)
            for task in self.tasks.values()
            for raw in task["annotations"]
            if not raw["was_cancelled"]
        ]
        return {
            (image_id, EMAILS[raw["completed_by"]]): raw["result"][0]
            for _, _, image_id, raw in sorted(raws, key=lambda each: each[:2])
        }

    def get_list(self, path, *_):
        self.asked.append(path)
        if path == "api/users/":
            return [{"id": number, "email": email} for number, email in EMAILS.items()]
        return copy.deepcopy(self.drafts[int(path.split("/")[2])])

    def get_object(self, path, *keys, include, page_size=0, query="", **_):
        if path != "api/tasks/":
            self.asked.append((include, []))
            raws = [raw for task in self.tasks.values() for raw in task["annotations"]]
            skipped = sum(raw["was_cancelled"] for raw in raws)
            return dict(zip(keys, (len(raws) - skipped, skipped), strict=True))
        self.before_page()
        query = json.loads(query)
        items = query.get("filters", {}).get("items", [])
        self.asked.append((include, [item["filter"].rsplit(":", 1)[1] for item in items]))
        chosen = query.get("selectedItems", {"included": self.tasks})["included"]
        there = [self.counted(self.tasks[each]) for each in chosen if each in self.tasks]
        found = [each for each in there if all(map(self.keeps(each), items))]
        (order,) = query["ordering"]
        name = order.rsplit(":", 1)[1]
        found.sort(key=lambda each: each[name], reverse=order.startswith("-"))
        page = copy.deepcopy(found[:page_size])
        self.given[include] += len(page)
        wanted = set(include.split(","))
        page = [{key: value for key, value in each.items() if key in wanted} for each in page]
        return {"total": len(found), "tasks": page}

    @staticmethod
    def counted(task):
        skipped = sum(each["was_cancelled"] for each in task["annotations"])
        total = len(task["annotations"]) - skipped
        return {**task, "total_annotations": total, "cancelled_annotations": skipped}

    def keeps(self, task):
        def check(item):
            field, value = item["filter"].removeprefix("filter:tasks:"), item["value"]
            if field == "draft_exists":
                return bool(self.drafts.get(task["id"]))
            if item["operator"] == "greater":
                return task[field] > value
            assert item["operator"] == "less_or_equal"
            return task[field] <= value

        return check


@pytest.fixture
def server():
    return Memory()


@pytest.fixture
def clock(monkeypatch):
    """Our own clock, which a test may put forward."""
    time = [1000.0]
    monkeypatch.setattr(marks.time, "time", lambda: time[0])
    return time


@pytest.fixture
def log(tmp_path):
    return Log(tmp_path)


def take(server, log):
    return pull(server, 7, "here", log, "f")


def table(log):
    """The text of each current answer, by picture and annotator, from the file alone."""
    fresh = Log(log.path.parent)
    fresh.refresh()
    now, _ = sort_out(fresh.everything())
    states = {state.line: state for state, _ in now}
    raws = fresh.raw(states.values())
    return {(state.image_id, state.annotator): raw["result"][0] for state, raw in raws}


def history(log):
    """(text, reason) of every state that is not current."""
    _, past = sort_out(log.everything())
    reasons = {state.line: reason for state, reason in past}
    return [(raw["result"][0], reasons[s.line]) for s, raw in log.raw(s for s, _ in past)]


def test_pull_of_every_kind_of_change_shows_it_and_keeps_the_history(server, log):
    one, two, three = (server.add_task() for _ in range(3))
    edited, removed = server.answer(one, text="early"), server.answer(two, by=2, text="removed")
    server.answer(three, by=3, text="with its task")
    assert take(server, log).appended == 3
    server.edit(edited, result=["late"])
    server.remove(removed)
    server.answer(two, by=1, text="skip", was_cancelled=True)
    del server.tasks[three]
    pulled = take(server, log)
    assert pulled.appended == 4
    assert table(log) == server.truth() == {("sha256:1", "a@x"): "late"}
    assert history(log) == [
        ("early", "edited later"),
        ("removed", "deleted"),
        ("with its task", "task deleted"),
        ("skip", "skipped"),
    ]
    (note,) = pulled.notes
    assert note.startswith("1 answers went with tasks that are no longer on the server")


def test_pull_twice_appends_nothing_and_asks_for_little(server, log, clock):
    for _ in range(5):
        server.answer(server.add_task())
    take(server, log)
    clock[0] += 31
    take(server, log)
    before = log.path.read_bytes()
    server.asked.clear()
    assert take(server, log).appended == 0
    assert log.path.read_bytes() == before
    # Users, how many answers there are, the newest task, what changed since (only the task of the
    # mark), drafts: no ids.
    assert [each for each in server.asked if each[1:] == (["id"],)] == []
    assert len(server.asked) == 5


def test_pull_reads_the_overlap_again_until_it_is_old(server, log, clock):
    late, last = server.add_task(), server.add_task()
    take(server, log)
    # A request that stamped its time before the mark is finished only now.
    stamp = server.tasks[last]["updated_at"]
    number = server.answer(late)
    task, raw = server.find(number)
    task["updated_at"] = raw["updated_at"] = raw["created_at"] = server.tasks[late]["created_at"]
    assert task["updated_at"] < stamp
    assert take(server, log).appended == 1
    assert table(log) == server.truth()


def test_pull_of_an_overlap_that_is_known_reads_no_answers_again(server, log, clock):
    for number in range(6):
        task = server.add_task()
        for by in range(1, number % 3 + 1):  # none, one, two answers
            server.answer(task, by=by, was_cancelled=by == 2)
    take(server, log)
    server.given.clear()
    assert take(server, log).appended == 0
    assert +server.given == {states.BRIEF: 6, "id,updated_at": 1}
    # One task has news that was stamped before the mark and was finished only now.
    time = server.tasks[3]["updated_at"]
    number = server.answer(2, text="late")
    task, raw = server.find(number)
    task["updated_at"] = raw["updated_at"] = raw["created_at"] = time
    server.given.clear()
    assert take(server, log).appended == 1
    assert +server.given == {states.BRIEF: 6, states.INCLUDE: 1, "id,updated_at": 1}
    assert table(log) == server.truth()


def test_pull_settles_only_after_the_overlap_has_passed(server, log, clock, tmp_path):
    server.answer(server.add_task())
    settled = []
    for seconds in (0, 10, 10, 11, 1):
        clock[0] += seconds
        take(server, log)
        settled.append(json.loads((tmp_path / MARKS).read_text())["here"]["settled"])
    assert settled == [False, False, False, True, True]
    server.answer(1, by=2)
    take(server, log)
    assert json.loads((tmp_path / MARKS).read_text())["here"]["settled"] is False


def test_pull_while_people_work_misses_nothing(server, log, monkeypatch):
    monkeypatch.setattr(client, "PAGE", 3)
    people = random.Random(5)
    for _ in range(20):
        server.answer(server.add_task(), by=people.randint(1, 3))

    def work():
        work_once(server, people)

    server.before_page = work
    for _ in range(15):
        take(server, log)
    server.before_page = lambda: None
    take(server, log)
    assert table(log) == server.truth()


def work_once(server, people):
    """One of the things that annotators do, by chance; time goes on by up to ten seconds."""
    server.now(people.random() * 10)
    numbers = [raw["id"] for task in server.tasks.values() for raw in task["annotations"]]
    kind = people.choice(["answer", "answer", "edit", "skip", "remove", "task", "gone"])
    if kind in ("edit", "skip") and numbers:
        number = people.choice(numbers)
        more = {"result": [str(people.random())]} if kind == "edit" else {"was_cancelled": True}
        server.edit(number, **more)
    elif kind == "remove" and numbers:
        server.remove(people.choice(numbers))
    elif kind == "gone" and len(server.tasks) > 5:
        del server.tasks[people.choice(list(server.tasks))]
    elif kind == "task":
        server.add_task()
    else:
        task = people.choice(list(server.tasks))
        server.answer(task, by=people.randint(1, 3), text=str(people.random()))


@pytest.mark.parametrize("seed", range(8))
def test_pull_again_and_again_equals_one_undisturbed_pull(server, tmp_path, clock, seed):
    people = random.Random(seed)
    for _ in range(10):
        server.add_task()
    often = Log(tmp_path / "often")
    for _ in range(40):
        for _ in range(people.randint(0, 4)):
            work_once(server, people)
        clock[0] += people.choice([1, 5, 40])
        take(server, often)
        assert table(often) == server.truth()
    once = Log(tmp_path / "once")
    take(server, once)
    assert table(often) == table(once)


def test_pull_of_a_task_made_and_another_deleted_in_between_notices_both(server, log, clock):
    one = server.add_task()
    server.answer(one, text="gone")
    server.answer(server.add_task(), by=2, text="stays")
    take(server, log)
    del server.tasks[one]
    server.answer(server.add_task(), text="new")
    take(server, log)
    assert table(log) == server.truth()
    assert history(log) == [("gone", "task deleted")]


def test_pull_from_a_server_whose_clock_was_set_back_misses_nothing(server, log, clock):
    tasks = [server.add_task() for _ in range(4)]
    first = server.answer(tasks[0], text="kept")
    server.answer(tasks[1])
    take(server, log)
    clock[0] += 31
    take(server, log)
    server.time -= timedelta(hours=1)
    server.answer(tasks[2], text="an hour before")
    assert take(server, log).appended == 1
    assert table(log) == server.truth()
    server.answer(tasks[3], by=2, was_cancelled=True)
    assert take(server, log).appended == 1
    # Nobody pulled while the clock was behind.
    server.answer(tasks[3], text="unseen")
    server.time += timedelta(hours=2)
    assert take(server, log).appended == 1
    assert table(log) == server.truth()
    assert take(server, log).appended == 0
    # A deletion then looks like a backup put back: the answer is kept, and it is said.
    server.time -= timedelta(hours=4)
    server.remove(first)
    pulled = take(server, log)
    assert pulled.appended == 1
    assert "kept" in pulled.notes[0]
    assert "kept" in table(log).values()


def test_pull_from_a_server_set_back_says_so_and_keeps_what_it_lost(server, log):
    one, two = server.add_task(), server.add_task()
    edited = server.answer(one, text="old text")
    saved = server.backup()
    take(server, log)
    server.edit(edited, result=["new text"])
    server.answer(two, by=2, text="lost")
    take(server, log)
    server.restore(saved)
    pulled = take(server, log)
    assert pulled.notes == (
        "The server was set back to an older backup: 2 answers that it lost, or has only in an "
        "older state, are kept as they were.",
    )
    kept = {("sha256:1", "a@x"): "new text", ("sha256:2", "b@x"): "lost"}
    assert table(log) == kept
    again = take(server, log)
    assert (again.appended, again.notes) == (0, ())
    assert table(log) == kept


def test_pull_after_a_set_back_takes_over_what_is_worked_on_then(server, log):
    task = server.add_task()
    edited = server.answer(task, text="old text")
    saved = server.backup()
    server.answer(task, by=2, text="lost")
    server.edit(edited, result=["new text"])
    take(server, log)
    server.restore(saved)
    # The same number goes to somebody else's answer before the next pull.
    server.answer(server.add_task(), by=3, text="another")
    server.edit(edited, result=["newest text"])
    assert "set back" in take(server, log).notes[0]
    assert table(log) == {
        ("sha256:1", "a@x"): "newest text",
        ("sha256:1", "b@x"): "lost",
        ("sha256:2", "c@x"): "another",
    }
    server.answer(task, by=2, text="again")
    take(server, log)
    assert table(log)["sha256:1", "b@x"] == "again"
    assert ("lost", "newer answer by the same annotator") in history(log)


def test_pull_after_a_set_back_of_the_tasks_too_keeps_the_answers(server, log):
    server.answer(server.add_task(), text="stays")
    saved = server.backup()
    server.answer(server.add_task(), text="lost with its task")
    take(server, log)
    server.restore(saved)
    assert server.add_task() == 2  # made anew, under the same number
    assert "set back" in take(server, log).notes[0]
    assert table(log)["sha256:2", "a@x"] == "lost with its task"


def test_pull_keeps_drafts_in_the_history_until_they_end(server, log):
    task = server.add_task()
    draft = {"id": 4, "user": "b@x", "result": ["half"], "created_at": "t", "annotation": None}
    server.drafts[task] = [{**draft, "created_at": server.now(), "lead_time": 1.0}]
    assert take(server, log).appended == 1
    assert take(server, log).appended == 0
    assert (table(log), history(log)) == ({}, [("half", "draft")])
    server.drafts.clear()
    server.answer(task, by=2, text="whole")
    assert take(server, log).appended == 2
    assert table(log) == server.truth() == {("sha256:1", "b@x"): "whole"}
    assert history(log) == [("half", "draft")]


def test_pull_without_drafts_from_the_server_keeps_the_answers_and_says_so(server, log):
    task = server.add_task()
    server.answer(task)
    server.drafts[task] = [{"id": 1}]
    plain = server.get_list

    def get_list(path, *_):
        if path.endswith("/drafts"):
            raise ServerError("404.")
        return plain(path)

    server.get_list = get_list
    pulled = take(server, log)
    assert pulled.notes == ("Drafts could not be read, answers could: 404.",)
    assert table(log) == server.truth()


def test_pull_after_the_log_was_cut_or_removed_reads_everything_again(server, log, tmp_path):
    for _ in range(3):
        server.answer(server.add_task())
    take(server, log)
    lines = log.path.read_bytes().splitlines(keepends=True)
    log.path.write_bytes(lines[0] + lines[2])
    assert take(server, log).appended == 1
    assert table(log) == server.truth()
    log.path.unlink()
    assert take(server, Log(tmp_path)).appended == 3
    assert table(log) == server.truth()


@pytest.mark.parametrize("content", ["", "{", '{"elsewhere": 1}'])
def test_pull_with_a_damaged_mark_reads_everything_again(server, log, tmp_path, content):
    server.answer(server.add_task())
    take(server, log)
    (tmp_path / MARKS).write_text(content)
    assert take(server, log).appended == 0
    assert table(log) == server.truth()


def test_pull_cut_off_on_any_page_is_finished_by_the_next(server, tmp_path, monkeypatch):
    monkeypatch.setattr(client, "PAGE", 2)
    for _ in range(9):
        server.answer(server.add_task())
    for pages in range(6):  # the newest task, then five pages
        log = Log(tmp_path / str(pages))
        left = iter(range(pages))

        def cut(left=left):
            if next(left, None) is None:
                raise ServerError("broke off")

        server.before_page = cut
        with pytest.raises(ServerError):
            take(server, log)
        server.before_page = lambda: None
        take(server, Log(tmp_path / str(pages)))
        assert table(log) == server.truth()
        assert len(log.path.read_bytes().splitlines()) == 9


def test_pull_of_two_places_keeps_them_apart(server, log):
    server.answer(server.add_task(), text="here")
    take(server, log)
    other = Memory()
    other.answer(other.add_task(), by=2, text="there")
    pull(other, 7, "there", log, "f")
    assert table(log) == {("sha256:1", "a@x"): "here", ("sha256:1", "b@x"): "there"}
    assert take(server, log).appended == 0


def test_current_labels_what_a_reader_should_know(
    server, log, tmp_path, study, write_project, answer
):
    project = write_project(study, "p")
    task = server.add_task()
    server.answer(task, by=1, updated_by=2, ground_truth=True)
    server.answer(task, by=2)
    take(server, log)
    raw = {"id": 1, "result": [], "was_cancelled": False, "updated_at": None}
    imported = {"place": "import", "id": "x", "image_id": "sha256:1", "name": "1.png"}
    line = {**imported, "annotator": "c@x", "annotation": raw, "seen": "", "origin": "import"}
    append_states(tmp_path, [{**line, "form_version": "imported"}])
    log.refresh()
    rows = current(log, project).rows
    assert {row.annotation.annotator: row.annotation.labels for row in rows} == {
        "a@x": ("edited by someone else", "ground truth", "older form"),
        "b@x": ("older form",),
        "c@x": ("imported",),
    }


def test_current_with_what_was_before_equals_one_made_anew(server, log, study, write_project):
    project = write_project(study, "p")
    people = random.Random(1)
    for _ in range(5):
        server.add_task()
    before = None
    for _ in range(10):
        work_once(server, people)
        take(server, log)
        before = current(log, project, before)
        assert before == current(log, project)


def test_pull_leaves_private_files_only(server, log, tmp_path):
    server.answer(server.add_task())
    take(server, log)
    assert {path.name for path in tmp_path.iterdir()} == {LOG, MARKS}
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in tmp_path.iterdir())


def test_tables_written_from_what_was_before_equal_those_made_anew(
    server, log, tmp_path, study, write_project, monkeypatch
):
    monkeypatch.setattr(columns, "ROWS", 3)
    project = write_project(study, "p")
    people = random.Random(3)
    for _ in range(5):
        server.add_task()
    before = None
    for _ in range(15):
        work_once(server, people)
        take(server, log)
        before = current(log, project, before)
        write_table(before, project, tmp_path / "often", {})
        write_table(current(log, project), project, tmp_path / "anew", {})
        for name in (TABLE, HISTORY):
            assert (tmp_path / "often" / name).read_bytes() == (
                tmp_path / "anew" / name
            ).read_bytes()
    reasons = parquet.read_table(tmp_path / "often" / HISTORY).column("reason").to_pylist()
    assert len(reasons) == len(before.history) > 0
