"""Everything that can happen to an answer, one after the other, each seen by the next pull?

python benchmarks/annotation_events.py [--seed 0]
"""

import argparse

from pulling.bench import bench, table
from pulling.result import Result

from qreasoning.annotation.client import Server, tasks
from qreasoning.annotation.log import Log


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--seed", type=int, default=0)
    result = Result(__file__, "What happens to answers")
    with bench(options.parse_args().seed) as on:
        project_id = on.fill(5, 0)
        log = Log(on.folder())
        own = Server(on.server.url, on.keys[0], loopback=True)
        first, second = [task["id"] for task in tasks(own, project_id, "id")][:2]
        answers = {}

        def post(task: int, **more) -> None:
            body = {"result": on.result(), "lead_time": 9.0, **more}
            answers[task] = own.send("POST", f"api/tasks/{task}/annotations/", body)["id"]

        def edit(by: Server) -> None:
            body = {"result": on.result()}
            by.send("PATCH", f"api/annotations/{answers[first]}/", body)

        def again() -> None:
            data = {"image": "/x.png", "image_id": "sha256:1", "name": "1.png"}
            given = {"result": on.result(), "completed_by": 2, "ground_truth": False}
            body = [{"data": data, "annotations": [given]}]
            on.server.send("POST", f"api/projects/{project_id}/import", body)

        steps = {
            "create": lambda: post(first),
            "edit": lambda: edit(own),
            "edit by another": lambda: edit(on.server),
            "skip": lambda: post(second, was_cancelled=True),
            "delete an answer": lambda: own.send("DELETE", f"api/annotations/{answers[first]}/"),
            "create again": lambda: post(first),
            "delete a task": lambda: on.server.send("DELETE", f"api/tasks/{first}/"),
            "re-import": again,
        }
        seen, states = [], 0
        for name, step in steps.items():
            step()
            pulled, now = on.take(project_id, log)
            states += pulled.appended
            if pulled.appended == 1 and table(log.path.parent) == on.truth(project_id):
                seen.append(name)
        reasons = [past.reason for past in now.history]
        result.say(
            f"{', '.join(steps)}",
            f"{len(seen)} of {len(steps)} visible after the next pull; {states} states in the log, "
            f"history: {', '.join(reasons)}",
        )


if __name__ == "__main__":
    main()
