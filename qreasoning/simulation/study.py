"""The files of a simulated study: pictures and the list of their simulated MOS."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from qreasoning.files import write_bytes, write_text
from qreasoning.simulation.photographs import Scene, Split, draw_scenes, picture

SCORES = "scores-simulated.csv"


def write_pictures(folder: Path, counts: Mapping[Split, int], seed: int) -> list[Scene]:
    """Write pictures and `scores-simulated.csv` into `folder`; returns the scenes, in name order.

    `counts` is the number of pictures per split. The list has the columns image, mos, mos_std,
    split and reference. Each file is written atomically; the same seed gives the same bytes.
    """
    scenes = [scene for split, count in counts.items() for scene in draw_scenes(count, split, seed)]
    for scene in scenes:
        buffer = io.BytesIO()
        picture(scene).save(buffer, "PNG")
        write_bytes(folder / scene.name, buffer.getvalue())
    scenes = sorted(scenes, key=lambda scene: scene.name)
    write_text(folder / SCORES, scores(scenes))
    return scenes


def scores(scenes: list[Scene]) -> str:
    """The list of the simulated MOS as CSV text."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["image", "mos", "mos_std", "split", "reference"])
    for scene in scenes:
        row = [scene.name, f"{scene.mos:.2f}", f"{scene.mos_std:.2f}", scene.split, scene.region]
        rows.writerow(row)
    return text.getvalue()
