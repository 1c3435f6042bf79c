"""Seconds to put 10,000 pictures on an embedded Label Studio, and to run the same again.

    python benchmarks/annotation_tasks.py [--count 10000]

The pictures are tiny ones in a temporary folder: what is measured is the way to the server, from
the plan to the last look, not their preparation. The result is written beside this file.
"""

import argparse
import os
import platform
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from qreasoning.annotation.client import tasks
from qreasoning.annotation.pictures import collect
from qreasoning.annotation.project import load_project
from qreasoning.annotation.server import embedded
from qreasoning.annotation.sync import sync
from qreasoning.workspace import cache_folder, make_study

RESULT = Path(__file__).with_suffix(".md")


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--count", type=int, default=10_000)
    count = options.parse_args().count
    with tempfile.TemporaryDirectory() as name:
        study = make_study(Path(name) / "study")
        settings = "title: tasks\nimages: pictures/tasks\nannotators: 2\n"
        (study.root / "annotation" / "tasks.yaml").write_text(settings)
        project = load_project("tasks", study)
        make_pictures(project.pictures, count)
        folder = study.annotations / project.slug
        pictures = collect(project, folder / "pictures.json", lambda text: None)
        data = study.root / "outputs" / "label-studio"
        with embedded(data, project.document_root, cache_folder(), print) as server:
            seconds = []
            for _ in range(2):
                start = time.perf_counter()
                done = sync(server, project, pictures, folder / "logins.csv", lambda text: None)
                seconds.append(time.perf_counter() - start)
            there = sum(1 for _ in tasks(server, done.project_id, "id"))
    line = (
        f"{count:,} tasks and 2 log-ins made in {seconds[0]:.1f} s; run again in {seconds[1]:.1f} s"
        f"; {there:,} tasks are there. Load of the machine at the end: {os.getloadavg()[0]:.1f}."
    )
    print(line)
    RESULT.write_text(
        f"# Tasks on a server\n\n`python benchmarks/annotation_tasks.py --count {count}`, "
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores ({platform.machine()}), "
        f"Python {platform.python_version()}, Label Studio 1.23.2 on SQLite.\n\n{line}\n",
        encoding="utf-8",
    )


def make_pictures(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(count):
        pixels = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:05}.png", compress_level=1)


if __name__ == "__main__":
    main()
