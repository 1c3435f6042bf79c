"""Pulls that are killed at random instants: is the log whole, and the next pull's table right?

    python benchmarks/annotation_kills.py [--tasks 1000] [--kills 50] [--seed 0]

Two thirds of them are first pulls, killed while the log is written; the others are pulls of ten
changes.
"""

import argparse
import json
import multiprocessing
import time
from dataclasses import dataclass
from pathlib import Path

from pulling.bench import Bench, bench
from pulling.result import Result

from qreasoning.annotation.client import Server, tasks
from qreasoning.annotation.log import Log


@dataclass
class Counts:
    killed: int = 0
    partial: int = 0
    torn: int = 0
    equal: int = 0


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--tasks", type=int, default=1_000)
    options.add_argument("--kills", type=int, default=50)
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    result = Result(__file__, "Pulls that are killed")
    with bench(chosen.seed) as on:
        counts = killed(on, chosen.tasks, chosen.kills)
    result.say(
        f"SIGKILL {chosen.kills} times during a pull ({chosen.tasks} tasks, while the log is "
        "written; a third of them during pulls of few changes)",
        f"{counts.killed} killed at work ({counts.partial} with a part of the log written, "
        f"{counts.torn} with a cut last line, removed by the next pull); final table equal to an "
        f"undisturbed pull's in {counts.equal} of {chosen.kills}",
    )


def killed(on: Bench, count: int, kills: int) -> Counts:
    project_id = on.fill(count, 2)
    page = list(tasks(on.server, project_id, "id,annotations"))
    log = Log(on.folder())
    first, last = written(on, project_id, log.path.parent)
    counts = Counts()
    for number in range(kills):
        fresh = number < kills * 2 // 3
        if not fresh:
            on.change(page, 10)
        folder = on.folder() if fresh else log.path.parent
        after = on.random.uniform(first, last) if fresh else on.random.uniform(0, first)
        kill_one(on, project_id, folder, after, counts)
        on.take(project_id, Log(folder))
        if not fresh or number == 0:  # as often as the server has changed
            undisturbed = Log(on.folder())
            on.take(project_id, undisturbed)
        for line in (folder / "log.jsonl").read_bytes().splitlines():
            json.loads(line)
        one, other = (each / "table.parquet" for each in (folder, undisturbed.path.parent))
        counts.equal += one.read_bytes() == other.read_bytes()
    return counts


def pulling(on: Bench, project_id: int, folder: Path) -> multiprocessing.Process:
    def child() -> None:
        on.server = Server(on.server.url, on.key, loopback=True)
        on.take(project_id, Log(folder))

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    return process


def written(on: Bench, project_id: int, folder: Path) -> tuple[float, float]:
    """Seconds after its start at which a pull begins and ends to write its log."""
    process, begun, times = pulling(on, project_id, folder), time.perf_counter(), [(0, 0.0)]
    while process.is_alive():
        if size(folder) != times[-1][0]:
            times.append((size(folder), time.perf_counter() - begun))
        time.sleep(0.005)
    return times[1][1], times[-1][1]


def kill_one(on: Bench, project_id: int, folder: Path, after: float, counts: Counts) -> None:
    before = size(folder)
    process = pulling(on, project_id, folder)
    process.join(after)
    counts.killed += process.is_alive()
    process.kill()
    process.join()
    content = (folder / "log.jsonl").read_bytes() if size(folder) else b""
    counts.partial += len(content) > before
    counts.torn += bool(content) and not content.endswith(b"\n")


def size(folder: Path) -> int:
    path = folder / "log.jsonl"
    return path.stat().st_size if path.is_file() else 0


if __name__ == "__main__":
    main()
