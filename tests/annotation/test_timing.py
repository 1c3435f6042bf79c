import csv

from qreasoning.annotation.timing import TIMES, Work, times, write_times


def test_times_add_up_all_work_and_leave_out_breaks():
    day = "2026-01-01T10:00:00Z"
    work = [
        *(Work("b@x", "answer", 60.0, day) for _ in range(8)),
        Work("b@x", "repeat", 60.0, "2026-01-02T10:00:00Z"),
        Work("b@x", "skipped", 3600.0, "2025-12-31T10:00:00Z"),
        Work("b@x", "withdrawn", None, day),
        Work("a@x", "answer", 30.0, ""),
    ]
    first, second = times(work)
    assert (first.annotator, second.annotator) == ("a@x", "b@x")
    counts = (second.answers, second.repeats, second.skipped, second.withdrawn, second.unknown)
    assert counts == (8, 1, 1, 1, 1)
    # 9 minutes and an hour; the hour counts as 5 medians of a minute.
    assert (second.hours, second.hours_without_breaks) == (1.15, 0.233)
    assert (second.first, second.last) == ("2025-12-31T10:00:00Z", "2026-01-02T10:00:00Z")
    assert (first.first, first.median_seconds) == ("", 30.0)


def test_written_times_are_private_and_no_formulas(tmp_path):
    path = write_times(times([Work("=cmd()@x", "answer", 3600.0, "")]), tmp_path)
    assert path == tmp_path / TIMES
    assert path.stat().st_mode & 0o777 == 0o600
    (row,) = csv.DictReader(path.read_text().splitlines())
    assert (row["annotator"], row["hours"], row["answers"]) == ("'=cmd()@x", "1.0", "1")
