import json

import pytest
from pyarrow import parquet

from qreasoning.annotation.answers import write_results
from qreasoning.annotation.derived import write_table
from qreasoning.annotation.interface import form_version
from qreasoning.annotation.log import Log, append_states
from qreasoning.annotation.table import current as current_of
from qreasoning.files import read_manifest, sha256_file


@pytest.fixture
def project(study, write_project):
    return write_project(study, "p")


@pytest.fixture
def state(answer):
    """Make a state of the log: annotation `number` by `who` to picture `picture`."""

    def make(number, who="a@x", picture="1", minute=0, place="here", gone=False, **raw):
        annotation = {
            "id": number,
            "result": write_results(answer()),
            "was_cancelled": False,
            "lead_time": 12.5,
            "created_at": "2026-01-01T10:00:00.000000Z",
            "updated_at": f"2026-01-01T10:{minute:02}:00.000000Z",
            "parent_prediction": None,
            **raw,
        }
        return {
            "place": place,
            "id": number,
            "seen": "2026-01-01T11:00:00+00:00",
            "image_id": f"sha256:{picture}",
            "name": f"{picture}.png",
            "annotator": who,
            "form_version": "f",
            "annotation": None if gone else annotation,
        }

    return make


@pytest.fixture
def current(tmp_path):
    """The current answers after these states, in this order, are all the log."""

    def make(states, project):
        (tmp_path / "of" / "log.jsonl").unlink(missing_ok=True)
        append_states(tmp_path / "of", states)
        log = Log(tmp_path / "of")
        log.refresh()
        return current_of(log, project)

    return make


def keys(now):
    return [(row.annotation.name, row.annotation.annotator) for row in now.rows]


def test_current_has_a_row_per_picture_and_annotator(current, project, state):
    states = [state(1), state(2, who="b@x"), state(3, picture="2")]
    now = current(states, project)
    assert keys(now) == [("1.png", "a@x"), ("1.png", "b@x"), ("2.png", "a@x")]
    assert (now.skipped, now.replaced, now.foreign) == ({}, 0, 0)


def test_current_takes_the_last_state_of_an_annotation(current, project, state, answer):
    changed = write_results(answer(caption="A changed caption here."))
    now = current([state(1), state(1, minute=1, result=changed)], project)
    assert [row.annotation.caption for row in now.rows] == ["A changed caption here."]
    assert now.replaced == 0


def test_current_of_two_answers_by_one_annotator_takes_the_newest_and_counts(
    current, project, state
):
    now = current([state(2, minute=5, lead_time=2.0), state(1, minute=1)], project)
    assert [row.annotation.seconds for row in now.rows] == [2.0]
    assert now.replaced == 1


def test_current_leaves_out_deleted_annotations(current, project, state):
    assert keys(current([state(1), state(2, who="b@x"), state(1, gone=True)], project)) == [
        ("1.png", "b@x")
    ]


def test_current_believes_what_the_form_says_of_itself_before_the_moment_of_the_pull(
    current, project, state, answer
):
    form = form_version(project.dimensions)

    def given_in(number, said, at_the_pull):
        hidden = {"from_name": "form_version", "value": {"text": [said]}}
        result = [*write_results(answer()), *([hidden] if said else [])]
        return {**state(number, picture=str(number), result=result), "form_version": at_the_pull}

    states = [
        given_in(1, "earlier", form),  # the page was open before the form was edited
        given_in(2, form, "earlier"),
        given_in(3, None, form),
        given_in(4, None, "earlier"),
    ]
    found = [row.annotation for row in current(states, project).rows]
    assert [each.form_version for each in found] == ["earlier", form, form, "earlier"]
    assert [each.labels for each in found] == [("older form",), (), (), ("older form",)]


def test_current_keeps_annotations_of_another_server_with_the_same_number(current, project, state):
    now = current([state(1), state(1, who="b@x", place="there")], project)
    assert keys(now) == [("1.png", "a@x"), ("1.png", "b@x")]


def test_current_counts_skipped_pictures_and_leaves_them_out(current, project, state):
    now = current([state(1, was_cancelled=True), state(2, who="b@x")], project)
    assert keys(now) == [("1.png", "b@x")]
    assert now.skipped == {"a@x": 1}


def test_current_counts_answers_to_foreign_tasks_and_leaves_them_out(current, project, state):
    foreign = {**state(1), "image_id": None}
    assert (keys(current([foreign], project)), current([foreign], project).foreign) == ([], 1)


def test_current_lists_broken_rules_as_findings(current, project, state, answer):
    bad = [{"from_name": "noise", "value": {"rating": 99}}, {"from_name": "x", "value": {}}]
    result = [*write_results(answer(caption="Short.", overall=None)), *bad]
    (row,) = current([state(1, result=result)], project).rows
    assert row.findings == (
        "repeated noise",
        "unknown field 'x'",
        "noise is no rating from 1 to 5 (99)",
        *("missing noise", "missing overall"),
        "caption too short (1 of 3 words)",
    )


def test_current_marks_answers_that_began_from_a_prediction(current, project, state):
    (row,) = current([state(1, parent_prediction=7)], project).rows
    assert row.annotation.prelabelled is True


def test_write_table_holds_the_texts_exactly_and_the_manifest_vouches(
    current, project, state, answer, tmp_path
):
    text = "A <b>\"red\"</b> &amp; 'blue'\n\ttwo  lines 清晰 🌈\u200d  "
    result = write_results(answer(caption=text, notes={"noise": text}))
    now = current([state(1, result=result)], project)
    assert write_table(now, project, tmp_path, {"simulated": False}) is True
    (row,) = parquet.read_table(tmp_path / "table.parquet").to_pylist()
    assert (row["caption"], row["noise_note"], row["contrast_note"]) == (text, text, None)
    assert (row["overall"], row["seconds"], row["findings"]) == (4, 12.5, [])
    assert (tmp_path / "table.parquet").stat().st_mode & 0o777 == 0o600
    assert read_manifest(tmp_path) == {
        "simulated": False,
        "files": {
            name: sha256_file(tmp_path / name) for name in ("table.parquet", "history.parquet")
        },
    }


def test_write_table_of_the_same_answers_writes_nothing(current, project, state, tmp_path):
    now = current([state(1)], project)
    assert write_table(now, project, tmp_path, {}) is True
    assert write_table(now, project, tmp_path, {}) is False
    assert write_table(now, project, tmp_path, {"simulated": True}) is True


def test_write_table_cut_off_before_its_manifest_is_finished_by_the_next(
    current, project, state, tmp_path
):
    write_table(current([state(1)], project), project, tmp_path, {})
    old = read_manifest(tmp_path)
    write_table(current([state(1), state(2, who="b@x")], project), project, tmp_path, {})
    (tmp_path / "manifest.json").write_text(json.dumps(old))
    assert write_table(current([state(1)], project), project, tmp_path, {}) is True
    assert read_manifest(tmp_path) == old


def test_write_table_without_answers_has_the_columns(current, project, tmp_path):
    write_table(current([], project), project, tmp_path, {})
    table = parquet.read_table(tmp_path / "table.parquet")
    assert (table.num_rows, table.schema.names[0]) == (0, "image_id")
