"""10,000 paired replicates of PLCC and SRCC for 10 models on 1,500 pictures.

Beside them a loop over scipy on the same draws, timed on a few and scaled up; its values must be
the same. Prints seconds, peak memory and the largest difference.
"""

import os
import platform
import resource
import time

import numpy as np
from scipy import stats

from qreasoning.metrics import bootstrap

PICTURES, MODELS, REPLICATES, CHECKED = 1_500, 10, 10_000, 20


def main() -> None:
    random = np.random.default_rng(0)
    mos = random.normal(3, 0.8, PICTURES).round(2)
    ratings = (mos[:, None] + random.normal(0, 0.5, (PICTURES, MODELS))).round(2)
    cores, load = os.cpu_count(), os.getloadavg()[0]
    print(f"{platform.machine()}, {cores} cores, Python {platform.python_version()}, load {load}")
    drawn = next(bootstrap.counts(PICTURES, CHECKED))
    for ours, theirs in ((bootstrap.plcc, stats.pearsonr), (bootstrap.srcc, stats.spearmanr)):
        wall, cpu = time.perf_counter(), time.process_time()
        found = ours(ratings, mos, repetitions=REPLICATES)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        again = ours(ratings, mos, repetitions=CHECKED)
        started = time.process_time()
        expected = np.empty((CHECKED, MODELS))
        for each in range(CHECKED):
            place = np.repeat(np.arange(PICTURES), drawn[:, each].astype(int))
            for model in range(MODELS):
                expected[each, model] = theirs(ratings[place, model], mos[place]).statistic
        loop = (time.process_time() - started) * REPLICATES / CHECKED
        apart = np.abs(expected - again.draws).max()
        print(
            f"{ours.__name__}: {wall:.1f} s, CPU {cpu:.1f} s; a loop over scipy would take CPU "
            f"{loop:.0f} s; largest difference {apart:.0e}"
        )
        assert found.draws.shape == (REPLICATES, MODELS)
    wall = time.perf_counter()
    compared = bootstrap.differences(found)
    print(f"{len(compared)} differences with Holm: {time.perf_counter() - wall:.1f} s")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
