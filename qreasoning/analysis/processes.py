"""Work on many pictures in several processes, where it is worth starting them."""

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from multiprocessing import get_context
from typing import TypeVar

Result = TypeVar("Result")
WORTH = 20_000
"""Units of work from which on processes save more time than they take to start."""


def in_processes(work: Callable[[range], Result], pictures: int, units: int) -> list[Result]:
    """The results of `work` for consecutive parts of `range(pictures)`, in their order.

    `work` must be picklable and give the same whatever the parts. A single part, in this process,
    under `WORTH` units or on one core.
    """
    workers = min(_cores(), 8) if units >= WORTH else 1
    if workers < 2:
        return [work(range(pictures))]
    # Shorter parts than workers, so that none waits long for another.
    parts = workers * 4
    edges = [pictures * part // parts for part in range(parts + 1)]
    ranges = [range(low, high) for low, high in pairwise(edges) if high > low]
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        return list(pool.map(work, ranges))


def _cores() -> int:
    # Not every system tells which cores a process may use.
    mine = getattr(os, "sched_getaffinity", None)
    return len(mine(0)) if mine else os.cpu_count() or 1
