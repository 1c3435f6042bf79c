"""A whole pull from a real Label Studio, with and without findings, beside plain paging.

    python benchmarks/annotation_pull.py [--tasks 1000 10000] [--repeat 3] [--seed 0]

Plain paging asks for the same fields in the same order and keeps nothing. Each is a process of its
own, and they run in turn, so that noise hits all alike.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from pulling.bench import Bench, bench
from pulling.result import Result, seconds

from qreasoning.annotation.client import Server, tasks
from qreasoning.annotation.collected import Collected, pull_project
from qreasoning.annotation.log import Log
from qreasoning.annotation.project import load_project
from qreasoning.annotation.states import INCLUDE
from qreasoning.annotation.sync import Synced
from qreasoning.workspace import Workspace


def main() -> None:
    if sys.argv[1:2] == ["one"]:
        print(json.dumps(one(*sys.argv[2:])))
        return
    options = argparse.ArgumentParser()
    options.add_argument("--tasks", type=int, nargs="+", default=[1_000, 10_000])
    options.add_argument("--repeat", type=int, default=3)
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    result = Result(__file__, "Pulling a whole project")
    with bench(chosen.seed) as server:
        for count in chosen.tasks:
            measure(server, count, chosen.repeat, result)


def measure(on: Bench, count: int, repeat: int, result: Result) -> None:
    project_id = on.fill(count, 2)
    runs: dict[str, list] = {"plain": [], "log": [], "found": []}
    for _ in range(repeat):
        for kind, done in runs.items():
            command = [__file__, "one", kind, on.server.url, on.key, project_id, on.study.root]
            command = [sys.executable, *map(str, command), str(on.folder())]
            done.append(
                json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            )
    middle = {
        kind: statistics.median(each["seconds"] for each in done) for kind, done in runs.items()
    }

    def told(kind: str) -> str:
        done = runs[kind]
        return (
            f"{seconds([each['seconds'] for each in done])} "
            f"({statistics.median(each['cpu'] for each in done):.1f} CPU s), "
            f"{max(each['mb'] for each in done):.0f} MB"
        )

    result.say(
        f"{count} tasks, {2 * count} answers",
        f"plain paging {told('plain')}; log and tables {told('log')}, "
        f"{middle['log'] / middle['plain']:.2f} times; and findings, as `qr annotate pull` does it "
        f"{told('found')}, {middle['found'] / middle['plain']:.2f} times",
    )


def one(kind: str, url: str, key: str, project_id: str, root: str, folder: str) -> dict[str, float]:
    """One of the three in a process of its own: its seconds, and the most memory it had."""
    server = Server(url, key, loopback=True)
    begun = time.perf_counter()
    if kind == "plain":
        assert sum(1 for _ in tasks(server, int(project_id), INCLUDE))
    else:
        project = load_project("bench", Workspace(Path(root)))
        synced = Synced(int(project_id), "here", 0, ())
        if kind == "log":
            pull_project(server, project, synced, Log(Path(folder)))
        else:
            Collected(project, Path(folder)).pull(server, synced)
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": time.perf_counter() - begun,
        "cpu": used.ru_utime + used.ru_stime,
        "mb": used.ru_maxrss / 1024,
    }


if __name__ == "__main__":
    main()
