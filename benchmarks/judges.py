"""Simulated judges' studies in which one author is better and two are equal: what is told of them.

    python benchmarks/judges.py [--seeds 100]

Judges have a bias, pictures are easy or hard, and one author is better by a known amount. Counted
are the studies in which the better one is found and told from both others, and those in which the
equal pair is called different. Prints its table and writes it beside itself.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np

from qreasoning.files import write_text
from qreasoning.metrics.bootstrap import differences, means
from qreasoning.metrics.ranking import bradley_terry, told_apart

IMAGES, JUDGES = 100, 2


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=100)
    seeds = parser.parse_args().seeds
    lines = [
        f"# Rankings of {seeds} simulated judges' studies",
        "",
        f"`python benchmarks/judges.py --seeds {seeds}`, {IMAGES} pictures, {JUDGES} judges each, "
        f"load {os.getloadavg()[0]:.1f}",
        "",
        "| question | better by | better one told from both | equal pair called different "
        "| median seconds |",
        "|---|---|---|---|---|",
    ]
    for question, better in (("rate", 0.3), ("rate", 0.5), ("choose", 0.4), ("choose", 0.8)):
        found, wrong, seconds = study(question, better, seeds)
        unit = "stars" if question == "rate" else "in log strength"
        lines.append(f"| {question} | {better} {unit} | {found} | {wrong} | {seconds:.2f} |")
    text = "\n".join(lines) + "\n"
    print(text)
    write_text(Path(__file__).with_suffix(".md"), text)


def study(question, better, seeds):
    found = wrong = 0
    seconds = []
    for seed in range(seeds):
        draw = np.random.default_rng([3, seed])
        worth = np.array([better, 0.0, 0.0])
        start = time.perf_counter()
        replicates = (
            means(stars(draw, worth)) if question == "rate" else bradley_terry(wins(draw, worth))
        )
        first, second, equal = differences(replicates)
        seconds.append(time.perf_counter() - start)
        found += told_apart(first) and told_apart(second) and min(first.value, second.value) > 0
        wrong += told_apart(equal)
    return found, wrong, float(np.median(seconds))


def stars(draw, worth):
    """Mean stars (images, authors) of judges with a bias, for pictures that are easy or hard."""
    hard = draw.normal(0, 0.4, (IMAGES, 1, 1))
    bias = draw.normal(0, 0.3, 6)[draw.integers(0, 6, (IMAGES, len(worth), JUDGES))]
    taste = draw.normal(0, 0.5, (IMAGES, len(worth), 1))
    noise = draw.normal(0, 0.7, (IMAGES, len(worth), JUDGES))
    given = np.clip(np.rint(3 + worth[None, :, None] + hard + taste + bias + noise), 1, 5)
    return given.mean(axis=2)


def wins(draw, worth):
    """Choices (images, authors, authors) of judges who largely agree about a picture."""
    taste = draw.normal(0, 0.7, (IMAGES, len(worth)))
    won = np.zeros((IMAGES, len(worth), len(worth)))
    for one in range(len(worth)):
        for two in range(one + 1, len(worth)):
            gap = (worth + taste)[:, one] - (worth + taste)[:, two]
            count = draw.binomial(JUDGES, 1 / (1 + np.exp(-gap)))
            won[:, one, two], won[:, two, one] = count, JUDGES - count
    return won


if __name__ == "__main__":
    main()
