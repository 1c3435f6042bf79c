"""Submitting answers through the server's API as the annotator whose log-in is given."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from qreasoning.annotation.accounts import Login, session_key
from qreasoning.annotation.answers import Answer, write_results
from qreasoning.annotation.client import Server, tasks
from qreasoning.errors import DataError


@dataclass(frozen=True)
class Submission:
    """An answer, and how long it took."""

    answer: Answer
    seconds: float


def submit_answers(
    server: Server,
    login: Login,
    project_id: int,
    submissions: Mapping[str, Submission],
    say: Callable[[str], None],
) -> int:
    """Submit an answer to each picture (by image id, in a blind project by item) as `login`; how
    many were submitted now.

    Pictures that this annotator has answered already are left alone, so a run that was cut off is
    finished by the next one. May run for several annotators at once, each in a thread. Raises
    DataError for a picture that the project does not have, ServerError where the server refuses.
    """
    own = Server(server.url, session_key(server, login), loopback=server.loopback)
    me = own.whoami()["id"]
    there, answered = {}, set()
    for task in tasks(own, project_id, "id,data,annotations,completed_by"):
        key = task["data"].get("item", task["data"].get("image_id"))
        there[key] = task["id"]
        if any(each["completed_by"] == me for each in task["annotations"]):
            answered.add(key)
    unknown = [image_id for image_id in submissions if image_id not in there]
    if unknown:
        raise DataError(
            f"{len(unknown)} answers are to pictures that the project does not have, the first to "
            f"{unknown[0]}. Import them first."
        )
    waiting = [image_id for image_id in submissions if image_id not in answered]
    for number, image_id in enumerate(waiting, start=1):
        _submit(own, there[image_id], submissions[image_id])
        if number % 20 == 0 or number == len(waiting):
            say(f"{login.label}: {number} of {len(waiting)} answers")
    return len(waiting)


def _submit(own: Server, task_id: int, submission: Submission) -> None:
    result = write_results(submission.answer)
    body = {"result": result, "lead_time": submission.seconds}
    own.send("POST", f"api/tasks/{task_id}/annotations/", body)
