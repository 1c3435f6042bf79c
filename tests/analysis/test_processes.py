from qreasoning.analysis.processes import WORTH, in_processes


def test_in_processes_parts_are_in_order_and_whole() -> None:
    parts = in_processes(list, 10, WORTH)
    assert [each for part in parts for each in part] == list(range(10))
    assert all(parts)


def test_in_processes_little_work_stays_in_this_process() -> None:
    def local(places: range) -> range:
        # A function of a test cannot go to another process.
        return places

    assert in_processes(local, 10, WORTH - 1) == [range(10)]
    assert in_processes(local, 0, 0) == [range(0)]
