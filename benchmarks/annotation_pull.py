"""The pull against a real Label Studio: speed, memory, writers at work, killed processes.

    python benchmarks/annotation_pull.py [--large 10000] [--small 1000] [--runs 20] [--kills 50]
        [--repeat 3] [--seed 0] [--parts small,large,changes,events,writers,kills]

A server of its own is started in a temporary folder. The answers have every field filled in. Plain
paging asks for the same fields in the same order and keeps nothing. Prints its table and writes it
beside itself, after each part; lines of parts that did not run stay as they are.
"""

import argparse
import json
import multiprocessing
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from itertools import accumulate
from pathlib import Path

from pyarrow import parquet

from qreasoning.annotation.accounts import logins, make_accounts, session_key
from qreasoning.annotation.answers import Answer, write_results
from qreasoning.annotation.client import Server, tasks
from qreasoning.annotation.collected import Collected, pull_project, rebuild
from qreasoning.annotation.environment import version
from qreasoning.annotation.interface import form_version, form_xml
from qreasoning.annotation.log import Log
from qreasoning.annotation.marks import OVERLAP
from qreasoning.annotation.project import load_project
from qreasoning.annotation.server import embedded
from qreasoning.annotation.states import INCLUDE
from qreasoning.annotation.store import pull
from qreasoning.annotation.sync import Synced
from qreasoning.files import write_text
from qreasoning.workspace import Workspace, cache_folder, make_study

RESULT = Path(__file__).with_suffix(".md")
WRITERS = 6
CHANGES = 100
VOCABULARY = [f"word{number}" for number in range(8000)]
WEIGHTS = list(accumulate(1 / (1 + number) for number in range(8000)))
"""Frequencies that fall as in natural language."""


def main() -> None:
    work = {"one": one, "found": found, "plain": plain}.get((sys.argv[1:2] or [""])[0])
    if work is not None:
        print(json.dumps(work(*sys.argv[2:])))
        return
    options = argparse.ArgumentParser()
    numbers = {"seed": 0, "large": 10_000, "small": 1_000, "runs": 20, "kills": 50, "repeat": 3}
    for name, default in numbers.items():
        options.add_argument(f"--{name}", type=int, default=default)
    options.add_argument("--parts", default="small,large,changes,events,writers,kills")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        study = make_study(Path(name) / "study")
        bench = Bench(study, chosen)
        with embedded(study.root / "data", study.root, cache_folder(), print) as server:
            bench.begin(server)
            for part in chosen.parts.split(","):
                getattr(bench, part)()


def one(url: str, key: str, project_id: str, root: str, folder: str) -> dict[str, float]:
    """A whole pull in a process of its own: its seconds, and the most memory the process had."""
    server, project = Server(url, key, loopback=True), load_project("bench", Workspace(Path(root)))
    synced = Synced(int(project_id), "here", 0, ())
    begun = time.perf_counter()
    pull_project(server, project, synced, Log(Path(folder)))
    seconds = time.perf_counter() - begun
    return {"seconds": seconds, "mb": memory()}


def found(url: str, key: str, project_id: str, root: str, folder: str) -> dict[str, float]:
    """Likewise, and also what is wrong with the answers, as `qr annotate pull` does it."""
    server, project = Server(url, key, loopback=True), load_project("bench", Workspace(Path(root)))
    synced = Synced(int(project_id), "here", 0, ())
    begun = time.perf_counter()
    Collected(project, Path(folder)).pull(server, synced)
    return {"seconds": time.perf_counter() - begun, "mb": memory()}


def plain(url: str, key: str, project_id: str, count: str) -> dict[str, float]:
    """Plain keyset paging of the same fields in a process of its own."""
    server = Server(url, key, loopback=True)
    begun = time.perf_counter()
    assert sum(1 for _ in tasks(server, int(project_id), INCLUDE)) == int(count)
    return {"seconds": time.perf_counter() - begun, "mb": memory()}


def memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Bench:
    """One server, the projects on it, and the lines of the result."""

    def __init__(self, study: Workspace, chosen: argparse.Namespace) -> None:
        self.study, self.chosen = study, chosen
        (study.root / "pictures").mkdir()
        settings = {"title": "Bench", "images": "pictures", "annotators": WRITERS}
        write_text(study.root / "annotation" / "bench.yaml", json.dumps(settings))
        self.project = load_project("bench", study)
        self.form = form_version(self.project.dimensions)
        self.random = random.Random(chosen.seed)
        self.lines = lines_of(RESULT)
        self.folders = 0

    def begin(self, server: Server) -> None:
        self.server = server
        self.key = json.loads((self.study.root / "data" / "admin.json").read_text())["token"]
        file = self.study.root / "logins.csv"
        self.people = logins(file, "bench", WRITERS)
        make_accounts(server, self.people, file)
        self.emails = {user["id"]: user["email"] for user in server.get_list("api/users/")}
        self.keys = [session_key(server, login) for login in self.people]

    # What is put on the server

    def text(self, count: int) -> str:
        return " ".join(self.random.choices(VOCABULARY, cum_weights=WEIGHTS, k=count))

    def result(self) -> list:
        ids = self.project.dimensions.ids
        stars = {each: self.random.randint(1, 5) for each in ids}
        notes = {each: self.text(6) for each in ids}
        return write_results(Answer(stars, notes, self.text(20), self.text(60), 3))

    def fill(self, count: int, answers: int) -> int:
        """A project with `count` tasks, each answered by `answers` people."""
        body = {"title": f"Bench {count}", "label_config": form_xml(self.project.dimensions)}
        project_id = self.server.send("POST", "api/projects/", body)["id"]
        ids = [number for number, email in self.emails.items() if "bench" in email]
        for start in range(0, count, 500):
            batch = []
            for number in range(start, min(start + 500, count)):
                data = {"image": "/x.png", "image_id": f"sha256:{number}", "name": f"{number}.png"}
                given = [
                    {
                        "result": self.result(),
                        "completed_by": ids[(number + each) % len(ids)],
                        "ground_truth": False,
                        "lead_time": 20.0,
                    }
                    for each in range(answers)
                ]
                batch.append({"data": data, "annotations": given})
            self.server.send("POST", f"api/projects/{project_id}/import", batch)
        return int(project_id)

    def folder(self) -> Path:
        self.folders += 1
        return self.study.root / "outputs" / "pulled" / str(self.folders)

    def take(self, project_id: int, log: Log, before=None):
        pulled = pull(self.server, project_id, "here", log, self.form)
        return pulled, rebuild(self.project, log, before)

    def truth(self, project_id: int) -> dict:
        """The newest answer that counts of each picture and annotator, as the server has it."""
        found = [
            (raw["updated_at"], raw["id"], task["data"]["image_id"], raw)
            for task in tasks(self.server, project_id, INCLUDE)
            for raw in task["annotations"]
            if not raw["was_cancelled"]
        ]
        return {
            (image_id, self.emails[raw["completed_by"]]): caption(raw["result"])
            for _, _, image_id, raw in sorted(found, key=lambda each: each[:2])
        }

    # What is measured

    def small(self) -> None:
        self.speed(self.chosen.small)

    def large(self) -> None:
        self.speed(self.chosen.large)

    def speed(self, count: int) -> None:
        project_id = self.fill(count, 2)
        kinds = {"plain": [count], "one": [], "found": []}
        runs: dict[str, list] = {kind: [] for kind in kinds}
        for _ in range(self.chosen.repeat):
            for kind, more in kinds.items():  # in turn, so that noise hits all alike
                place = more or [self.study.root, self.folder()]
                runs[kind].append(self.process(kind, project_id, *place))
        middle = {
            kind: statistics.median(each["seconds"] for each in done) for kind, done in runs.items()
        }
        most = {kind: max(each["mb"] for each in done) for kind, done in runs.items()}
        took = {kind: seconds([each["seconds"] for each in done]) for kind, done in runs.items()}
        self.say(
            f"full pull of {count} tasks, {2 * count} answers, in turn with plain paging",
            f"log and tables {took['one']}; plain paging {took['plain']}; ratio of the medians "
            f"{middle['one'] / middle['plain']:.2f}; {most['one']:.0f} MB. With findings "
            f"{took['found']}; ratio {middle['found'] / middle['plain']:.2f}; "
            f"{most['found']:.0f} MB",
        )

    def process(self, kind: str, project_id: int, *more: object) -> dict[str, float]:
        arguments = [kind, self.server.url, self.key, project_id, *more]
        command = [sys.executable, __file__, *map(str, arguments)]
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)

    def changes(self) -> None:
        sizes = [self.chosen.small, self.chosen.large]
        studies = [Pulled(self, count) for count in sizes]
        for _ in range(max(5, self.chosen.repeat)):
            for study in studies:  # in turn, so that noise hits both alike
                study.change()
            # The overlap is looked at again until it is old; wait, so that each has its own 100.
            time.sleep(OVERLAP.total_seconds())
            for study in studies:
                study.again()
        for study in studies:
            study.tell()

    def events(self) -> None:
        project_id = self.fill(5, 0)
        log = Log(self.folder())
        own = Server(self.server.url, self.keys[0], loopback=True)
        first, second = [task["id"] for task in tasks(own, project_id, "id")][:2]
        answers = {}

        def post(task: int, **more) -> None:
            body = {"result": self.result(), "lead_time": 9.0, **more}
            answers[task] = own.send("POST", f"api/tasks/{task}/annotations/", body)["id"]

        def again() -> None:
            data = {"image": "/x.png", "image_id": "sha256:1", "name": "1.png"}
            given = {"result": self.result(), "completed_by": 2, "ground_truth": False}
            body = [{"data": data, "annotations": [given]}]
            self.server.send("POST", f"api/projects/{project_id}/import", body)

        result = {"result": self.result()}
        steps = {
            "create": lambda: post(first),
            "edit": lambda: own.send("PATCH", f"api/annotations/{answers[first]}/", result),
            "edit by another": lambda: self.server.send(
                "PATCH", f"api/annotations/{answers[first]}/", {"result": self.result()}
            ),
            "skip": lambda: post(second, was_cancelled=True),
            "delete an answer": lambda: own.send("DELETE", f"api/annotations/{answers[first]}/"),
            "create again": lambda: post(first),
            "delete a task": lambda: self.server.send("DELETE", f"api/tasks/{first}/"),
            "re-import": again,
        }
        seen, states = [], 0
        for name, step in steps.items():
            step()
            pulled, now = self.take(project_id, log)
            states += pulled.appended
            if pulled.appended == 1 and table(log.path.parent) == self.truth(project_id):
                seen.append(name)
        reasons = [past.reason for past in now.history]
        self.say(
            f"{', '.join(steps)}",
            f"{len(seen)} of {len(steps)} visible after the next pull; {states} states in the log, "
            f"history: {', '.join(reasons)}",
        )

    def writers(self) -> None:
        equal, states, rounds = 0, 0, 0
        project_id = self.fill(200, 1)
        for _ in range(self.chosen.runs):
            log, now, done = Log(self.folder()), None, threading.Event()
            threads = [
                threading.Thread(target=self.work, args=(project_id, key, done))
                for key in self.keys
            ]
            for thread in threads:
                thread.start()
            end = time.monotonic() + 6
            while time.monotonic() < end:
                pulled, now = self.take(project_id, log, now)
                states, rounds = states + pulled.appended, rounds + 1
            done.set()
            for thread in threads:
                thread.join()
            now = self.take(project_id, log, now)[1]
            equal += table(log.path.parent) == self.truth(project_id)
        self.say(
            f"{WRITERS} writers during pulls (create, edit, skip, delete), then a last pull",
            f"final table equal to the server's in {equal} of {self.chosen.runs} runs "
            f"({rounds} pulls while they wrote, {states} states)",
        )

    def work(self, project_id: int, key: str, done: threading.Event) -> None:
        own, chance = Server(self.server.url, key, loopback=True), random.Random(key)
        ids = [task["id"] for task in tasks(own, project_id, "id")]
        mine: list[int] = []
        while not done.is_set():
            kind = chance.choice(["create", "create", "edit", "skip", "delete"])
            if kind in ("create", "skip") or not mine:
                body = {"result": self.result(), "was_cancelled": kind == "skip"}
                path = f"api/tasks/{chance.choice(ids)}/annotations/"
                mine.append(own.send("POST", path, body)["id"])
            elif kind == "edit":
                path = f"api/annotations/{chance.choice(mine)}/"
                own.send("PATCH", path, {"result": self.result()})
            else:
                own.send("DELETE", f"api/annotations/{mine.pop(chance.randrange(len(mine)))}/")

    def kills(self) -> None:
        project_id = self.fill(self.chosen.small, 2)
        page = list(tasks(self.server, project_id, "id,annotations"))
        log = Log(self.folder())
        first, last = self.written(project_id, log.path.parent)
        counts = {"torn": 0, "partial": 0, "equal": 0, "killed": 0}
        for number in range(self.chosen.kills):
            fresh = number < self.chosen.kills * 2 // 3
            if not fresh:
                for task in self.random.sample(page, 10):
                    path = f"api/annotations/{task['annotations'][0]['id']}/"
                    self.server.send("PATCH", path, {"result": self.result()})
            folder = self.folder() if fresh else log.path.parent
            after = self.random.uniform(first, last) if fresh else self.random.uniform(0, first)
            self.kill_one(project_id, folder, after, counts)
            self.take(project_id, Log(folder))
            if not fresh or number == 0:  # as often as the server has changed
                undisturbed = Log(self.folder())
                self.take(project_id, undisturbed)
            for line in (folder / "log.jsonl").read_bytes().splitlines():
                json.loads(line)
            counts["equal"] += same_table(folder, undisturbed.path.parent)
        self.say(
            f"SIGKILL {self.chosen.kills} times during a pull ({self.chosen.small} tasks, while "
            "the log is written; a third of them during pulls of few changes)",
            f"{counts['killed']} killed at work ({counts['partial']} with a part of the log "
            f"written, {counts['torn']} with a cut last line, removed by the next pull); final "
            f"table equal to an undisturbed pull's in {counts['equal']} of {self.chosen.kills}",
        )

    def pulling(self, project_id: int, folder: Path) -> multiprocessing.Process:
        def child() -> None:
            self.server = Server(self.server.url, self.key, loopback=True)
            self.take(project_id, Log(folder))

        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        return process

    def written(self, project_id: int, folder: Path) -> tuple[float, float]:
        """Seconds after its start at which a pull begins and ends to write its log."""
        process, begun, times = self.pulling(project_id, folder), time.perf_counter(), [(0, 0.0)]
        while process.is_alive():
            if size(folder) != times[-1][0]:
                times.append((size(folder), time.perf_counter() - begun))
            time.sleep(0.005)
        return times[1][1], times[-1][1]

    def kill_one(self, project_id: int, folder: Path, after: float, counts: dict) -> None:
        before = size(folder)
        process = self.pulling(project_id, folder)
        process.join(after)
        counts["killed"] += process.is_alive()
        process.kill()
        process.join()
        content = (folder / "log.jsonl").read_bytes() if size(folder) else b""
        counts["partial"] += len(content) > before
        counts["torn"] += bool(content) and not content.endswith(b"\n")

    def say(self, work: str, measured: str) -> None:
        load = os.getloadavg()[0]
        self.lines[work] = f"{measured} | {load:.1f}"
        print(f"| {work} | {self.lines[work]} |", flush=True)
        rows = "\n".join(f"| {work} | {rest} |" for work, rest in self.lines.items())
        RESULT.write_text(
            f"# Pulling\n\n`python benchmarks/annotation_pull.py`, {time.strftime('%Y-%m-%d')}, "
            f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, "
            f"Label Studio {version()} on SQLite. What each line does is said at the head of the "
            f"script; load is what else the machine did (1 is one busy process, ours and the "
            f"server's included).\n\n| work | measured | load |\n|---|---|---|\n{rows}\n"
        )


class Pulled:
    """A project that was pulled whole, and how long later pulls in the same process take."""

    def __init__(self, bench: Bench, count: int) -> None:
        self.bench, self.count = bench, count
        self.project_id = bench.fill(count, 2)
        self.log = Log(bench.folder())
        self.now = None
        self.again()
        self.settling = self.again()
        time.sleep(OVERLAP.total_seconds())
        self.again()
        self.page = list(tasks(bench.server, self.project_id, "id,annotations"))
        self.times, self.logs, self.quiet = [], [], []

    def again(self) -> float:
        """Pull, and say how long it took."""
        begun = time.perf_counter()
        self.now = self.bench.take(self.project_id, self.log, self.now)[1]
        return time.perf_counter() - begun

    def change(self) -> None:
        bench = self.bench
        for task in bench.random.sample(self.page, CHANGES):
            path = f"api/annotations/{task['annotations'][0]['id']}/"
            bench.server.send("PATCH", path, {"result": bench.result()})
        begun = time.perf_counter()
        pulled = pull(bench.server, self.project_id, "here", self.log, bench.form)
        self.logs.append(time.perf_counter() - begun)
        self.now = rebuild(bench.project, self.log, self.now)
        self.times.append(time.perf_counter() - begun)
        assert pulled.appended == CHANGES

    def tell(self) -> None:
        quiet = statistics.median(self.again() for _ in range(5))
        same = table(self.log.path.parent) == self.bench.truth(self.project_id)
        self.bench.say(
            f"pull of {CHANGES} changes among {self.count} tasks, in one process, in turn with the "
            "other size",
            f"log and tables {seconds(self.times)} (median {statistics.median(self.times):.2f}), "
            f"of which the log {seconds(self.logs)}; equal to the server's: {same}",
        )
        self.bench.say(
            f"pull of no changes among {self.count} tasks (the median of five)",
            f"{quiet:.2f} s; the one right after the bulk import, in whose overlap all lie: "
            f"{self.settling:.1f} s",
        )


def lines_of(path: Path) -> dict[str, str]:
    """The lines of an earlier result: what was measured, by the work."""
    if not path.is_file():
        return {}
    rows = [line.strip("| ") for line in path.read_text().splitlines() if line.startswith("| ")]
    return dict(row.split(" | ", 1) for row in rows[1:])


def seconds(times: list[float]) -> str:
    return ", ".join(f"{each:.2f}" for each in times) + " s"


def caption(result: list) -> str:
    return next(each["value"]["text"][0] for each in result if each["from_name"] == "caption")


def table(folder: Path) -> dict:
    rows = parquet.read_table(folder / "table.parquet").to_pylist()
    return {(row["image_id"], row["annotator"]): row["caption"] for row in rows}


def same_table(one: Path, other: Path) -> bool:
    name = "table.parquet"
    return (one / name).read_bytes() == (other / name).read_bytes()


def size(folder: Path) -> int:
    path = folder / "log.jsonl"
    return path.stat().st_size if path.is_file() else 0


if __name__ == "__main__":
    main()
