"""The claim metric on texts that nobody who works on it has read.

The texts in `claims/held_out` were written without sight of the metric, by two authors (one of many
pictures of speech, one of the plain language of most annotators), and are kept from those who
extend its lexicon: run this, and do not open them.

    .venv/bin/python benchmarks/claims_held_out.py
"""

import json
from pathlib import Path

from qreasoning.metrics.claims import DIMENSIONS, compare, load_second_tier, stances

HELD_OUT = Path(__file__).parent / "claims" / "held_out"


def rows(name):
    return [json.loads(line) for line in (HELD_OUT / name).read_text("utf-8").splitlines()]


def triples(kind, second):
    """The shares decided, right of those, and right of all."""
    found = rows(f"triples_{kind}.jsonl")
    gaps = [
        compare(row["paraphrase"], row["reference"], second=second).score
        - compare(row["contradiction"], row["reference"], second=second).score
        for row in found
    ]
    decided = [gap for gap in gaps if gap]
    right = sum(gap > 0 for gap in decided)
    return len(decided) / len(gaps), right / len(decided), right / len(gaps)


def texts(kind, second):
    """Precision, recall and F1 of dimension and polarity together."""
    dimensions = [name for name in DIMENSIONS if name != "overall"]
    right = said = labelled = 0
    for row in rows(f"texts_{kind}.jsonl"):
        read = stances(row["text"], second=second)
        said += sum(name in read for name in dimensions)
        labelled += len(row["labels"])
        right += sum(
            name in read and read[name].polarity == polarity
            for name, polarity in row["labels"].items()
        )
    return right / said, right / labelled, 2 * right / (said + labelled)


def main():
    for kind in ("figurative", "plain"):
        for name, second in (("lexicon", None), ("both tiers", load_second_tier())):
            decided, of_decided, of_all = triples(kind, second)
            precision, recall, f1 = texts(kind, second)
            print(
                f"| {kind} | {name} | {decided:.0%} | {of_decided:.0%} | {of_all:.0%} "
                f"| {precision:.2f} | {recall:.2f} | {f1:.2f} |"
            )


if __name__ == "__main__":
    main()
