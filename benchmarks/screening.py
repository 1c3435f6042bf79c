"""Planted annotators among honest ones: who is flagged, and why.

    python benchmarks/screening.py [--seeds 20] [--from 0]

Five kinds (random clicker, straight-liner, copier, shifted scale, too fast) work beside 8 honest
simulated annotators. Counted are the seeds in which each is flagged for its own reason, and the
honest ones who are flagged at all. The thresholds in qreasoning/annotation/screening.py come from
what the numbers mean; further seeds and layouts show that they do not hang on these. Prints its
tables and writes them beside itself.
"""

import argparse
from datetime import UTC, datetime, timedelta
from pathlib import Path

from qreasoning.annotation.panel import panel_of
from qreasoning.annotation.screening import screen
from qreasoning.files import write_text
from qreasoning.records import Annotation
from qreasoning.simulation.raters import DIMENSIONS, FIELDS, PLANTED, Study, rate

OWN = {
    "random": "agrees",  # no better than chance, or little
    "straight": "straight-lining",
    "copier": "copies",
    "shifted": "shifted scale",
    "fast": "too fast",
}

LAYOUTS = {
    "60 pictures, everybody": Study(),
    "120 pictures, 6 of 13 each": Study(images=120, per_image=6),
    "300 pictures, 3 of 13 each": Study(images=300, per_image=3),
    "60 pictures, shift of 1.25": Study(shift=-1.25),
    "60 pictures, twice the honest bias": Study(bias=0.5),
    "25 pictures, everybody": Study(images=25),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--more", type=int, default=200, help="further seeds, after those")
    arguments = parser.parse_args()
    first, last = arguments.seeds, arguments.seeds + arguments.more
    parts = [
        "# Screening of planted annotators",
        f"`python benchmarks/screening.py --seeds {first} --more {arguments.more}`, simulated",
        table(f"Seeds 0 to {first - 1}", range(first)),
    ]
    if arguments.more:
        parts.append(table(f"Further seeds, {first} to {last - 1}", range(first, last)))
    text = "\n\n".join(parts) + "\n"
    print(text)
    write_text(Path(__file__).with_suffix(".md"), text)


def table(title, seeds):
    lines = [
        f"{title}: flagged for its own reason, of {len(seeds)}",
        "",
        f"| layout | {' | '.join(PLANTED)} | honest flagged, of {8 * len(seeds)} |",
        f"|---|{'---|' * (len(PLANTED) + 1)}",
    ]
    for name, study in LAYOUTS.items():
        flagged, honest = count(study, seeds)
        lines.append(f"| {name} | {' | '.join(map(str, flagged.values()))} | {honest} |")
    return "\n".join(lines)


def count(study, seeds):
    flagged = dict.fromkeys(PLANTED, 0)
    honest = 0
    for seed in seeds:
        found = screen(
            panel_of([(each.image_id, each) for each in annotations(study, seed)], FIELDS)
        )
        for kind in PLANTED:
            flagged[kind] += any(OWN[kind] in reason for reason in found[kind].reasons)
        honest += sum(
            each.verdict != "ok" for name, each in found.items() if name.startswith("honest")
        )
    return flagged, honest


def annotations(study, seed):
    began = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        Annotation(
            image_id=f"name:simulated/{each.image}",
            name=each.image,
            annotator=each.annotator,
            project="simulated",
            ratings={name: each.ratings[name] for name in DIMENSIONS},
            notes={},
            caption="",
            reasoning="",
            overall=each.ratings["overall"],
            seconds=each.seconds,
            created=(began + timedelta(minutes=each.minute)).isoformat(),
            updated=(began + timedelta(minutes=each.minute)).isoformat(),
            form_version="",
        )
        for each in rate(study, seed)
    ]


if __name__ == "__main__":
    main()
