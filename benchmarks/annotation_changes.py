"""A pull of 100 changes in a small and in a large project, in one process as `--watch` does it.

    python benchmarks/annotation_changes.py [--tasks 1000 10000] [--rounds 3] [--seed 0]

Takes about four minutes of waiting besides: what changed within the last half minute is looked at
again by the next pull, and each round is to have its own 100.
"""

import argparse
import statistics
import time

from pulling.bench import Bench, bench, table
from pulling.result import Result, seconds

from qreasoning.annotation.client import tasks
from qreasoning.annotation.collected import rebuild
from qreasoning.annotation.log import Log
from qreasoning.annotation.marks import OVERLAP
from qreasoning.annotation.store import pull

CHANGES = 100


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--tasks", type=int, nargs="+", default=[1_000, 10_000])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    result = Result(__file__, "Pulling what changed")
    with bench(chosen.seed) as server:
        studies = [Pulled(server, count) for count in chosen.tasks]
        grow_old(studies)
        for _ in range(chosen.rounds):
            for study in studies:  # in turn, so that noise hits all alike
                study.change()
            grow_old(studies)
        for study in studies:
            study.tell(result)


class Pulled:
    """A project that was pulled whole, and how long later pulls in the same process take."""

    def __init__(self, on: Bench, count: int) -> None:
        self.on, self.count = on, count
        self.project_id = on.fill(count, 2)
        self.log, self.now = Log(on.folder()), None
        self.again()
        self.settling = self.again()
        self.page = list(tasks(on.server, self.project_id, "id,annotations"))
        self.times, self.logs = [], []

    def again(self) -> float:
        """Pull, and say how long it took."""
        begun = time.perf_counter()
        self.now = self.on.take(self.project_id, self.log, self.now)[1]
        return time.perf_counter() - begun

    def change(self) -> None:
        on = self.on
        on.change(self.page, CHANGES)
        begun = time.perf_counter()
        pulled = pull(on.server, self.project_id, "here", self.log, on.form)
        self.logs.append(time.perf_counter() - begun)
        self.now = rebuild(on.project, self.log, self.now)
        self.times.append(time.perf_counter() - begun)
        assert pulled.appended == CHANGES

    def tell(self, result: Result) -> None:
        quiet = statistics.median(self.again() for _ in range(5))
        same = table(self.log.path.parent) == self.on.truth(self.project_id)
        result.say(
            f"{CHANGES} changes among {self.count} tasks, in turn with the other size",
            f"log and tables {seconds(self.times)} (median {statistics.median(self.times):.2f}), "
            f"of which the log {seconds(self.logs)}; equal to the server's: {same}",
        )
        result.say(
            f"no changes among {self.count} tasks (the median of five)",
            f"{quiet:.2f} s; the one right after the bulk import, in whose overlap all lie: "
            f"{self.settling:.1f} s",
        )


def grow_old(studies: list[Pulled]) -> None:
    """Wait until the changes are old, and pull once: what follows looks at new ones only."""
    time.sleep(OVERLAP.total_seconds())
    for study in studies:
        study.again()


if __name__ == "__main__":
    main()
