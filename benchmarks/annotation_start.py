"""A fresh embedded server, from the command to a page that opens.

    python benchmarks/annotation_start.py [--runs 5]

The environment and its migrated template database are in the user's cache already (they are made
there first if not). Each run has an empty data folder. Prints its table and writes it beside
itself. What it looks up outside, what it listens on and that sign-up is closed are tests
(tests/annotation/test_server.py).
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import httpx

from qreasoning.annotation.environment import environment, version
from qreasoning.annotation.server import embedded
from qreasoning.files import write_text
from qreasoning.workspace import cache_folder


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    environment(cache_folder(), print)
    seconds = sorted(start() for _ in range(runs))
    text = (
        f"# A fresh embedded Label Studio {version()}, {runs} times\n\n"
        f"`python benchmarks/annotation_start.py --runs {runs}`, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}\n\n"
        "| | median s | slowest s |\n|---|---|---|\n"
        f"| empty folder to a page that opens | {statistics.median(seconds):.1f} "
        f"| {seconds[-1]:.1f} |\n"
    )
    print(text)
    write_text(Path(__file__).with_suffix(".md"), text)


def start():
    begun = time.perf_counter()
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded(Path(folder) / "data", Path(folder), cache_folder(), print) as server,
    ):
        page = httpx.get(f"{server.url}projects/", follow_redirects=True, trust_env=False)
        assert page.status_code == 200
        return time.perf_counter() - begun


if __name__ == "__main__":
    main()
