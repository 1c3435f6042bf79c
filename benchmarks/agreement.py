"""Agreement of 4,500 continuous ratings of 1,500 units, each with its interval.

krippendorff and pingouin have no place for as many continuous ratings (a table of values by values
by units) or for gaps, so they are timed on a part that they can hold. Prints seconds and the peak
memory of ours, measured before they are imported.
"""

import os
import platform
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from qreasoning.metrics.agreement import alpha, icc, p910, pairwise_srcc, rating_ceiling

UNITS, RATERS, PART = 1_500, 3, 60


def timed(name: str, run: Callable[[], Any]) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{name}: {wall:.2f} s, CPU {cpu:.2f} s", flush=True)


def theirs(part: np.ndarray) -> None:
    import krippendorff
    import pandas as pd
    import pingouin

    for level in ("ordinal", "interval"):
        timed(
            f"krippendorff, {level}, {part.size} ratings, no interval",
            lambda level=level: krippendorff.alpha(part.T, level_of_measurement=level),
        )
    long = pd.DataFrame(part).reset_index().melt("index")
    timed(
        f"pingouin, {part.size} ratings",
        lambda: pingouin.intraclass_corr(long, "index", "variable", "value"),
    )


def main() -> None:
    random = np.random.default_rng(0)
    ratings = random.normal(3, 1, (UNITS, 1)) + random.normal(0, 0.7, (UNITS, RATERS))
    gaps = np.where(random.random(ratings.shape) < 0.1, np.nan, ratings)
    cores, load = os.cpu_count(), os.getloadavg()[0]
    print(f"{platform.machine()}, {cores} cores, Python {platform.python_version()}, load {load}")
    for level in ("ordinal", "interval"):
        timed(f"alpha, {level}, with interval", lambda level=level: alpha(ratings, level))
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    timed("ICC(A,1) with gaps, with interval", lambda: icc(gaps, "A,1"))
    timed("pairwise SRCC, with interval", lambda: pairwise_srcc(ratings))
    timed(
        "human ceiling and 10 models, SRCC",
        lambda: rating_ceiling(ratings, ratings @ np.ones((3, 10))),
    )
    timed("P.910 of 12 raters", lambda: p910(np.hstack([ratings, gaps] * 2)))
    theirs(ratings[:PART])


if __name__ == "__main__":
    main()
