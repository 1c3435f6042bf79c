"""ROUGE-1 beside rouge-score in one process, and the exact mismatched floor.

Texts of 80 words are drawn from 3,000 words with the frequencies of a natural language (Zipf), so
stems repeat as they do in annotations. 10 models describe 1,500 pictures that 3 people described:
45,000 matched pairs over 19,500 distinct texts, and 67 million mismatched ones. Prints seconds,
their ratio, the number of mismatches with rouge-score, and the peak memory.
"""

import os
import platform
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rouge_score.rouge_scorer import RougeScorer

from qreasoning.metrics.rouge import rouge1, rouge1_mismatched

PICTURES, MODELS, HUMANS = 1_500, 10, 3
WORDS = 80


def texts(count: int, seed: int) -> list[str]:
    random = np.random.default_rng(seed)
    letters = np.array(list("abcdefghiklmnoprstuvwy"))
    vocabulary = [
        "".join(random.choice(letters, 2 + rank % 9)) + "ing"[: rank % 4] for rank in range(3_000)
    ]
    chances = 1 / np.arange(1, 3_001)
    drawn = random.choice(3_000, (count, WORDS), p=chances / chances.sum())
    return [" ".join(vocabulary[word] for word in row) + "." for row in drawn]


def reference(predictions: list[str], references: list[str], stem: bool) -> np.ndarray:
    scorer = RougeScorer(["rouge1"], use_stemmer=stem)
    pairs = zip(predictions, references, strict=True)
    return np.array([tuple(scorer.score(human, model)["rouge1"]) for model, human in pairs])


def timed(run: Callable[[], Any]) -> tuple[float, float, Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    result = run()
    return time.perf_counter() - wall, time.process_time() - cpu, result


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    cores, load = os.cpu_count(), os.getloadavg()[0]
    print(f"{platform.machine()}, {cores} cores, Python {platform.python_version()}, load {load}")
    written = texts(PICTURES * HUMANS, 1)
    humans = [written[start : start + HUMANS] for start in range(0, len(written), HUMANS)]
    made = texts(PICTURES * MODELS, 0)
    models = [made[start : start + PICTURES] for start in range(0, len(made), PICTURES)]
    wall, cpu, _ = timed(lambda: rouge1_mismatched(models, humans, stem=True))
    print(f"mismatched, all pairs: {wall:.1f} s, CPU {cpu:.1f} s, peak {peak():.0f} MB", flush=True)
    predictions = [text for each in models for text in each for _ in range(HUMANS)]
    references = [text for _ in models for each in humans for text in each]
    for stem in (False, True):
        ours = timed(lambda stem=stem: rouge1(predictions, references, stem=stem))
        theirs = timed(lambda stem=stem: reference(predictions, references, stem))
        found = np.stack([ours[2].precision, ours[2].recall, ours[2].fmeasure], axis=1)
        mismatches = int((found != theirs[2]).any(axis=1).sum())
        print(
            f"{len(references)} pairs, stem {'on' if stem else 'off'}: rouge-score "
            f"{theirs[0]:.1f} s (CPU {theirs[1]:.1f}), rouge1 {ours[0]:.2f} s (CPU {ours[1]:.2f}), "
            f"{theirs[0] / ours[0]:.0f} times ({theirs[1] / ours[1]:.0f} by CPU time), "
            f"{mismatches} mismatches",
            flush=True,
        )


if __name__ == "__main__":
    main()
