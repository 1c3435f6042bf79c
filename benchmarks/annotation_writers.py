"""Six people at work while pulls go on: is the last table the server's?

python benchmarks/annotation_writers.py [--runs 20] [--seed 0]
"""

import argparse
import random
import threading
import time

from pulling.bench import WRITERS, Bench, bench, table
from pulling.result import Result

from qreasoning.annotation.client import Server, tasks
from qreasoning.annotation.log import Log

SECONDS = 6
"""How long they write in each run."""


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--runs", type=int, default=20)
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    result = Result(__file__, "Writers at work during pulls")
    equal, states, rounds = 0, 0, 0
    with bench(chosen.seed) as on:
        project_id = on.fill(200, 1)
        for _ in range(chosen.runs):
            log, now, done = Log(on.folder()), None, threading.Event()
            threads = [
                threading.Thread(target=work, args=(on, project_id, key, done)) for key in on.keys
            ]
            for thread in threads:
                thread.start()
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                pulled, now = on.take(project_id, log, now)
                states, rounds = states + pulled.appended, rounds + 1
            done.set()
            for thread in threads:
                thread.join()
            on.take(project_id, log, now)
            equal += table(log.path.parent) == on.truth(project_id)
    result.say(
        f"{WRITERS} writers during pulls (create, edit, skip, delete), then a last pull",
        f"final table equal to the server's in {equal} of {chosen.runs} runs "
        f"({rounds} pulls while they wrote, {states} states)",
    )


def work(on: Bench, project_id: int, key: str, done: threading.Event) -> None:
    """One person's, until it is done."""
    own, chance = Server(on.server.url, key, loopback=True), random.Random(key)
    ids = [task["id"] for task in tasks(own, project_id, "id")]
    mine: list[int] = []
    while not done.is_set():
        kind = chance.choice(["create", "create", "edit", "skip", "delete"])
        if kind in ("create", "skip") or not mine:
            body = {"result": on.result(), "was_cancelled": kind == "skip"}
            path = f"api/tasks/{chance.choice(ids)}/annotations/"
            mine.append(own.send("POST", path, body)["id"])
        elif kind == "edit":
            own.send("PATCH", f"api/annotations/{chance.choice(mine)}/", {"result": on.result()})
        else:
            own.send("DELETE", f"api/annotations/{mine.pop(chance.randrange(len(mine)))}/")


if __name__ == "__main__":
    main()
