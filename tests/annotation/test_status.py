from types import SimpleNamespace

from qreasoning.annotation.accounts import Login
from qreasoning.annotation.status import Person, status_table
from qreasoning.annotation.table import Current, Row
from qreasoning.checks.findings import Finding
from qreasoning.console import show_status


def row(picture, annotator, seconds=None):
    return Row(SimpleNamespace(image_id=picture, annotator=annotator, seconds=seconds), ())


def finding(picture, annotator, what):
    return Finding(f"{picture}.png", picture, annotator, what, "", "reject")


def table():
    ada, one = "ada@example.org", "annotator-1@x.local"
    rows = (row("1", one, 30.0), row("1", ada, 10.0), row("2", ada, 20.0), row("3", ada))
    now = Current(rows, skipped={ada: 2, "bob@example.org": 1}, replaced=1, foreign=3)
    found = (
        finding("1", one, "empty caption"),
        finding("1", ada, "empty caption"),
        finding("1", ada, "missing noise"),
        finding("2", ada, "empty caption"),
    )
    people = [Login(f"annotator-{number}@x.local", "secret") for number in (1, 2)]
    return status_table("konIQ", 5, 2, now, people, found)


def test_status_counts_answers_and_complete_pictures_without_addresses():
    status = table()
    own = {"own account 1": 3, "own account 2": 0}
    assert status.answers == {"annotator-1": 1, "annotator-2": 0, **own}
    assert (status.images, status.complete, status.total) == (5, 1, 4)
    assert (status.skipped, status.replaced, status.foreign) == (3, 1, 3)


def test_status_counts_findings_per_annotator_the_most_frequent_first():
    status = table()
    assert status.people["own account 1"] == Person(
        answers=3,
        skipped=2,
        seconds=15.0,  # the median of 10 and 20; the third took an unknown time
        with_findings=2,
        findings={"empty caption": 2, "missing noise": 1},
    )
    assert status.people["annotator-2"] == Person(0, 0, None, 0, {})
    assert list(status.findings.items()) == [("empty caption", 3), ("missing noise", 1)]


def test_status_is_shown_with_findings_per_annotator(capsys):
    show_status(table())
    shown = capsys.readouterr().out
    assert "konIQ: 1 of 5 pictures have 2 or more answers" in shown
    assert "own account 1: 2 x empty caption, 1 x missing noise" in shown
    assert "example.org" not in shown
