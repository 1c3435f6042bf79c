"""ROUGE-1 over matched pairs from raw text: `rouge1` beside rouge-score, in one process.

Texts of 80 words are drawn from 3,000 words with the frequencies of a natural language (Zipf), so
stems repeat as they do in annotations. Prints seconds, their ratio and the number of mismatches.
"""

import os
import platform
import time

import numpy as np
from rouge_score.rouge_scorer import RougeScorer

from qreasoning.metrics.rouge import rouge1

PAIRS = 3_000
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


def main() -> None:
    predictions, references = texts(PAIRS, 0), texts(PAIRS, 1)
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{PAIRS} pairs of {WORDS} words, both sides different every time")
    for stem in (False, True):
        started = time.perf_counter()
        expected = reference(predictions, references, stem)
        middle = time.perf_counter()
        ours = rouge1(predictions, references, stem=stem)
        ended = time.perf_counter()
        found = np.stack([ours.precision, ours.recall, ours.fmeasure], axis=1)
        mismatches = int((found != expected).any(axis=1).sum())
        slow, fast = middle - started, ended - middle
        print(
            f"stem {'on' if stem else 'off':3}: rouge-score {slow:.2f} s, rouge1 {fast:.2f} s, "
            f"{slow / fast:.1f} times, {mismatches} mismatches"
        )


if __name__ == "__main__":
    main()
