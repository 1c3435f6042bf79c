"""Findings over 20,000 answers: all at once, and after 100 new or 100 edited ones.

    python benchmarks/annotation_findings.py [--answers 20000]

Texts are drawn from 8,000 words whose frequencies fall as in natural language; every twentieth is
an earlier one with a word changed. Prints its table and writes it beside itself.
"""

import argparse
import os
import random
import resource
import time
from dataclasses import replace
from pathlib import Path

from qreasoning.annotation.table import Row
from qreasoning.checks.findings import Finder
from qreasoning.dimensions import load_dimensions
from qreasoning.files import write_text
from qreasoning.records import Annotation, CampaignRules
from qreasoning.workspace import shipped


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--answers", type=int, default=20_000)
    count = parser.parse_args().answers
    rows = list(answers(count + 100))
    before = memory()
    finder = Finder(CampaignRules())
    all_at_once, found = timed(finder, rows[:count])
    new, _ = timed(finder, rows)
    edited = [change(row) for row in rows[:100]] + rows[100:]
    edits, _ = timed(finder, edited)
    nothing, _ = timed(finder, edited)
    lines = [
        f"# Findings, {count:,} answers of two texts",
        "",
        f"`python benchmarks/annotation_findings.py --answers {count}`, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}",
        "",
        "| work | CPU seconds, one thread |",
        "|---|---|",
        f"| all answers at once ({found:,} findings, {memory() - before} MB) | {all_at_once:.2f} |",
        f"| 100 new answers | {new:.3f} |",
        f"| 100 edited answers | {edits:.3f} |",
        f"| nothing changed | {nothing:.3f} |",
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    write_text(Path(__file__).with_suffix(".md"), text)


def answers(count):
    draw = random.Random(0)
    words = [f"word{number}" for number in range(8000)]
    weights = [1 / (1 + number) for number in range(8000)]
    ids = load_dimensions(shipped() / "annotation" / "dimensions.yaml").ids
    earlier = []
    for number in range(count):
        texts = []
        for mean in (18, 35):
            text = draw.choices(words, weights, k=max(3, round(draw.gauss(mean, 5))))
            if number % 20 == 19:
                text = [*draw.choice(earlier)]
                text[len(text) // 2] = "changed"
            texts.append(text)
        if number < 1000:
            earlier += texts
        yield row(number, ids, draw, *map(" ".join, texts))


def row(number, ids, draw, caption, reasoning):
    time_of_day = f"{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}"
    return Row(
        Annotation(
            image_id=f"sha256:{number // 2}",
            name=f"{number // 2}.png",
            annotator=f"annotator-{number % 2}@x.local",
            project="p",
            ratings={each: draw.randint(1, 5) for each in ids},
            notes=dict.fromkeys(ids),
            caption=caption,
            reasoning=reasoning,
            overall=draw.randint(1, 5),
            seconds=40.0,
            created=f"2026-01-01T{time_of_day}Z",
            updated=f"2026-01-01T{time_of_day}Z",
            form_version="f",
        ),
        (),
    )


def change(row):
    return Row(replace(row.annotation, caption=row.annotation.caption + " and more"), ())


def timed(finder, rows):
    start = time.process_time()
    found = finder.find(rows)
    return time.process_time() - start, len(found)


def memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
