"""The commands that do one thing each, against a server and without one."""

import json
import shutil
import sqlite3
import stat
import threading
from contextlib import closing
from types import SimpleNamespace

import pytest
from pyarrow import parquet

from qreasoning.annotation import reporting, run
from qreasoning.annotation.accounts import session_key
from qreasoning.annotation.answers import write_results
from qreasoning.annotation.backup import backup
from qreasoning.annotation.client import Server, tasks
from qreasoning.annotation.collected import Collected
from qreasoning.annotation.commands import import_export, pull, rebuild
from qreasoning.annotation.log import Log
from qreasoning.annotation.run import annotate, would_do
from qreasoning.annotation.server import embedded, running_on
from qreasoning.errors import DataError, ServerError, SettingsError
from qreasoning.workspace import Workspace, cache_folder

server = pytest.mark.server


def environ_of(running):
    data = running.workspace.label_studio
    token = json.loads((data / "admin.json").read_text())["token"]
    return {"LABEL_STUDIO_URL": running.server.url, "LABEL_STUDIO_API_KEY": token}


def submit(running, synced, answer, person=0, **parts):
    """One more answer by one of the project's annotators."""
    login = synced.logins[person]
    own = Server(running.server.url, session_key(running.server, login), loopback=True)
    me = own.whoami()["id"]
    for task in tasks(own, synced.project_id, "id,annotations,completed_by"):
        if all(each["completed_by"] != me for each in task["annotations"]):
            body = {"result": write_results(answer(**parts)), "lead_time": 30.0}
            return own.send("POST", f"api/tasks/{task['id']}/annotations/", body)
    raise AssertionError("nothing left to answer")


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@server
def test_pull_brings_answers_and_changes_nothing_on_the_server(running, answer):
    project = running.project(count=2, annotators=1)
    synced = running.sync(project)
    submit(running, synced, answer, caption="Short.")
    before = running.server.get(f"api/projects/{synced.project_id}/")
    for appended in (1, 0):
        report = pull(project.name, running.workspace, say=print, environ={})
        assert (report.appended, report.notes) == (appended, ())
        assert report.status.answers == {"annotator-1": 1}
        assert report.status.images == 2
        assert report.status.findings == {"caption too short": 1}
    after = running.server.get(f"api/projects/{synced.project_id}/")
    assert after == before
    (found,) = parquet.read_table(report.folder / "findings.parquet").to_pylist()
    assert (found["finding"], found["detail"]) == ("caption too short", "1 of 3 words")
    assert found["annotator"] == synced.logins[0].email


@server
def test_pull_of_a_project_that_the_server_lacks_says_how_to_make_it(running):
    project = running.project(count=1)
    with pytest.raises(
        ServerError, match=rf"has no project .*qr annotate --project {project.name}"
    ):
        pull(project.name, running.workspace, say=print, environ=environ_of(running))
    assert not running.folder(project).exists()


def test_pull_before_there_is_a_server_says_how_to_begin(study, write_project):
    write_project(study, "p")
    with pytest.raises(ServerError, match=r"no embedded Label Studio .*qr annotate --project p"):
        pull("p", study, say=print, environ={})
    assert not (study.root / "outputs").exists()


def test_status_of_a_project_that_never_began_writes_its_page_alone(study, write_project):
    write_project(study, "p", annotators=0)
    found = reporting.report("p", study)
    assert (found.table.images, found.table.answers) == (0, {})
    written = [each.name for each in (study.root / "outputs").rglob("*") if each.is_file()]
    assert sorted(written) == ["status.html", "times.csv"]


@server
def test_status_and_rebuild_need_no_server_and_give_the_same_files(running, answer):
    project = running.project(count=2, annotators=2)
    synced = running.sync(project)
    for person in (0, 1):
        submit(running, synced, answer, person)
    pulled = pull(project.name, running.workspace, say=print, environ={})
    assert pulled.status.findings == {"caption copied": 1, "reasoning copied": 1}
    whole = files(pulled.folder)
    assert reporting.report(project.name, running.workspace).table == pulled.status
    (pulled.folder / "status.html").unlink()
    (pulled.folder / "times.csv").unlink()
    assert files(pulled.folder) == whole
    for name in ("table.parquet", "history.parquet", "manifest.json", "findings.parquet"):
        (pulled.folder / name).unlink()
    assert rebuild(project.name, running.workspace).status == pulled.status
    assert files(pulled.folder) == whole


def test_import_twice_adds_nothing(study, write_project, paint, answer, tmp_path):
    project = write_project(study, "p", annotators=0)
    names = [path.name for path in paint(project.pictures, 2)]
    content = [
        {
            "id": number,
            "data": {"image": f"/data/upload/1/{name}"},
            "annotations": [{"id": number, "completed_by": 7, "result": write_results(answer())}],
        }
        for number, name in enumerate(names, start=1)
    ]
    (tmp_path / "export.json").write_text(json.dumps(content))
    for appended in (2, 0):
        report = import_export("p", study, tmp_path / "export.json", print)
        assert report.appended == appended
        assert (report.status.total, report.status.images) == (2, 2)
        assert report.status.complete == 0
    assert parquet.read_table(report.folder / "table.parquet").num_rows == 2


@server
def test_would_do_says_what_changes_and_does_nothing(running):
    project = running.project(count=2, annotators=1)
    name, workspace = project.name, running.workspace

    def said(**options):
        return would_do(name, workspace, say=print, environ=environ_of(running), **options)

    changes, refused = said()
    assert changes[0] == f"The project '{project.file.title}' is made."
    assert "2 pictures are imported." in changes
    assert refused == ()
    assert running.server.get("api/projects/", title=project.file.title)["count"] == 0
    running.sync(project, Server(running.server.url, environ_of(running)["LABEL_STUDIO_API_KEY"]))
    assert said() == ((), ())
    assert said(annotators=3) == (("2 log-ins are made.",), ())


def test_would_do_without_any_server_starts_none(study, write_project, paint):
    paint(write_project(study, "p").pictures, 2)
    changes, refused = would_do("p", study, say=print, environ={})
    assert changes[1] == "2 pictures are imported."
    assert refused == ()
    assert not (study.root / "outputs").exists()


def tree(folder):
    """Every file and folder below, with its time of change and its content."""
    return {
        path.relative_to(folder): (
            path.lstat().st_mtime_ns,
            path.read_bytes() if path.is_file() else None,
        )
        for path in sorted(folder.rglob("*"))
    }


@server
def test_would_do_writes_nothing_at_all_with_a_server_that_is_not_running(
    study, write_project, paint
):
    project = write_project(study, "p", annotators=1)
    paint(project.pictures, 1, side=96)
    annotate("p", study, once=True, say=print, show=print, environ={})
    # One more picture, and all are larger than they may be shown: copies are due.
    paint(project.pictures, 2, side=96)
    write_project(study, "p", annotators=2, long_side=64)
    before = tree(study.root)
    for _ in range(2):
        changes, refused = would_do("p", study, say=print, environ={})
        assert changes == (
            "1 picture is imported.",
            "1 picture is shown from another file; the answers stay.",
            "1 log-in is made.",
        )
        assert refused == ()
    assert tree(study.root) == before


@server
def test_would_do_writes_nothing_at_all_before_the_first_run(running, study, write_project, paint):
    paint(write_project(study, "p", long_side=64).pictures, 2, side=96)
    before = tree(study.root)
    for environ in ({}, environ_of(running)):
        changes, _ = would_do("p", study, say=print, environ=environ)
        assert "2 pictures are imported." in changes
    assert tree(study.root) == before


@server
def test_annotate_makes_as_many_log_ins_as_asked(running):
    project = running.project(count=1, annotators=1)
    report = annotate(
        project.name,
        running.workspace,
        once=True,
        say=print,
        show=print,
        environ=environ_of(running),
        annotators=2,
    )
    assert list(report.status.answers) == ["annotator-1", "annotator-2"]


@server
def test_annotate_with_watch_pulls_from_a_team_server_until_ctrl_c(running, answer, monkeypatch):
    project = running.project(count=3, annotators=1)
    synced = running.sync(
        project, Server(running.server.url, environ_of(running)["LABEL_STUDIO_API_KEY"])
    )
    said, shown = [], []

    def fails():
        def refuse(*_):
            raise ServerError("The server pauses.")

        monkeypatch.setattr(Collected, "pull", refuse)

    whole = Collected.pull

    def mended():
        monkeypatch.setattr(Collected, "pull", whole)

    def ctrl_c():
        submit(running, synced, answer)
        raise KeyboardInterrupt

    happens = iter([lambda: submit(running, synced, answer), fails, mended, ctrl_c])
    polls = []

    def pause(seconds):
        polls.append(seconds)
        next(happens)()

    monkeypatch.setattr(run, "time", SimpleNamespace(sleep=pause))
    report = annotate(
        project.name,
        running.workspace,
        once=False,
        watch=True,
        say=said.append,
        show=shown.append,
        environ=environ_of(running),
    )
    assert report.appended == 2
    assert polls == [run.POLL_SECONDS] * 4
    assert [status.total for status in shown] == [0, 1, 2]
    assert "Pulling new annotations; Ctrl-C ends this, not the server" in said
    assert "Pulling failed, trying again: The server pauses." in said
    assert said[-1] == "A last pull, then the end"
    assert running.server.healthy()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"once": True, "watch": True}, "Give one of them"),
        ({"once": True, "host": "203.0.113.7"}, r"no port to listen on at 203\.0\.113\.7"),
    ],
)
def test_annotate_with_options_that_cannot_be_is_refused(
    study, write_project, paint, options, said
):
    paint(write_project(study, "p").pictures, 1)
    with pytest.raises((SettingsError, ServerError), match=said):
        annotate("p", study, say=print, show=print, environ={}, **options)


@server
def test_annotate_with_host_and_a_team_server_is_refused(running):
    project = running.project(count=1)
    with pytest.raises(SettingsError, match="--host is for the embedded server"):
        annotate(
            project.name,
            running.workspace,
            once=True,
            say=print,
            show=print,
            environ=environ_of(running),
            host="0.0.0.0",
        )


@server
def test_running_on_finds_the_server_of_another_process(running, study):
    assert running_on(study.label_studio) is None
    found = running_on(running.workspace.label_studio)
    assert found.url == running.server.url
    assert found.whoami()["email"] == "admin@qreasoning.local"


@server
def test_backup_of_a_server_at_work_is_private_consistent_and_can_be_restored(
    running, answer, tmp_path
):
    project = running.project(count=6, annotators=1)
    synced = running.sync(project)
    submit(running, synced, answer)
    pulled = pull(project.name, running.workspace, say=print, environ={})
    log = pulled.folder / "log.jsonl"
    with log.open("ab") as file:  # somebody is just writing
        file.write(b'{"half a line')
    stop = threading.Event()

    def work():
        for _ in range(5):
            submit(running, synced, answer)
        stop.set()

    worker = threading.Thread(target=work)
    worker.start()
    reports = [backup(project.name, running.workspace, say=print)]
    while not stop.is_set():
        reports.append(backup(project.name, running.workspace, say=print))
    worker.join()
    for report in reports:
        assert report.with_database
        assert stat.S_IMODE(report.folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(each.stat().st_mode) for each in report.folder.iterdir()} == {0o600}
        assert (report.folder / "log.jsonl").read_bytes().endswith(b"}\n")
        with closing(sqlite3.connect(report.folder / "label_studio.sqlite3")) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    restored(reports[-1].folder, project, running, tmp_path)


def restored(saved, project, running, place):
    """Put a backup into an empty study as `qr annotate backup --help` says, and pull there."""
    study = Workspace(place / "study")
    shutil.copytree(running.workspace.root / "annotation", study.root / "annotation")
    there = study.annotations / project.slug
    for name in ("log.jsonl", "pull.json", "servers.json", "logins.csv", "pictures.json"):
        there.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(saved / name, there / name)
    study.label_studio.mkdir(mode=0o700)
    for name in ("label_studio.sqlite3", "admin.json", ".env"):
        shutil.copyfile(saved / name, study.label_studio / name)
    states = len(Log(there).path.read_bytes().splitlines())
    with embedded(study.label_studio, project.document_root, cache_folder(), print):
        report = pull(project.name, study, say=print, environ={})
    assert report.notes == ()
    assert states + report.appended == report.status.total
    assert 1 <= report.status.total <= 6


def test_backup_before_there_is_anything_says_how_to_begin(study, write_project):
    write_project(study, "p")
    with pytest.raises(DataError, match=r"nothing to save yet.*qr annotate --project p"):
        backup("p", study, say=print)
    assert not (study.root / "outputs").exists()
