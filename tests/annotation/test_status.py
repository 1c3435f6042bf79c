from types import SimpleNamespace

from qreasoning.annotation.accounts import Login
from qreasoning.annotation.status import status_table
from qreasoning.annotation.table import Current, Row


def row(picture, annotator, *findings):
    return Row(SimpleNamespace(image_id=picture, annotator=annotator), findings)


def test_status_counts_answers_complete_pictures_and_findings_without_addresses():
    rows = (
        row("1", "annotator-1@x.local", "empty caption"),
        row("1", "ada@example.org", "empty caption", "missing noise"),
        row("2", "ada@example.org"),
    )
    now = Current(rows, skipped={"ada@example.org": 2}, replaced=1, foreign=3)
    people = [Login(f"annotator-{number}@x.local", "secret") for number in (1, 2)]
    status = status_table("konIQ", 5, 2, now, people)
    assert status.answers == {"annotator-1": 1, "annotator-2": 0, "own account 1": 2}
    assert (status.images, status.complete, status.total) == (5, 1, 3)
    assert (status.skipped, status.replaced, status.foreign) == (2, 1, 3)
    assert status.findings == {"empty caption": 2, "missing noise": 1}
