"""What has to change on a server so that a project is as its file says, and what may not."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qreasoning.annotation.accounts import accounts, addresses, logins
from qreasoning.annotation.client import Server, tasks
from qreasoning.annotation.forms import project_form, rated_fields
from qreasoning.annotation.instructions import instructions_html
from qreasoning.annotation.items import ITEMS
from qreasoning.annotation.lookup import Task, find_project, project_tasks
from qreasoning.annotation.pictures import Pictures
from qreasoning.annotation.project import Project, marker
from qreasoning.annotation.showing import Showing, served, showings, upload_key
from qreasoning.annotation.suggestions import suggestions
from qreasoning.files import sha256_bytes


@dataclass(frozen=True)
class Plan:
    """The way from what is on a server to what a project file says. Nothing is done by it."""

    found: Mapping[str, Any] | None
    """The project as the server has it; None where it has none yet."""
    settings: Mapping[str, Any]
    """Of the project, those that differ."""
    shown: tuple[Showing, ...]
    """All that the project shows, in order."""
    there: tuple[Task, ...]
    """Every picture of this project on the server, by rising id."""
    missing: tuple[Showing, ...]
    """Pictures to be imported."""
    moved: tuple[tuple[Task, Showing], ...]
    """Pictures to be shown from another file."""
    leaving: tuple[Task, ...]
    """Pictures that the project no longer has and that nobody has answered."""
    people: tuple[str, ...]
    """E-mail addresses of annotators whose accounts are ours to make, or were made by us."""
    changes: tuple[str, ...]
    """What will be done, a sentence each; empty where all is as it should be."""
    refused: tuple[str, ...]
    """What will not be done because it would lose answers; then nothing else is done either."""


def plan(server: Server, project: Project, pictures: Pictures, logins_file: Path) -> Plan:
    """Compare a project with a server, changing neither.

    Raises ServerError where the server has the project more than once.
    """
    found = find_project(server, project, logins_file.parent)
    settings = {
        key: value for key, value in _settings(project).items() if _differs(found, key, value)
    }
    there = project_tasks(server, found)
    known = {task.key for task in there}
    shown = showings(project, pictures, suggestions(project, pictures))
    wanted = {each.key: each for each in shown}
    missing = tuple(each for each in shown if each.key not in known)
    moved = tuple(
        (task, wanted[task.key])
        for task in there
        if task.key in wanted and not _shows(server, project, task, wanted[task.key])
    )
    gone = tuple(task for task in there if task.key not in wanted)
    answered = _answered(server, found) if gone else set()
    leaving = tuple(task for task in gone if task.id not in answered)
    people = _people(server, project, logins_file)
    held = tuple(task for task in gone if task.id in answered)
    return Plan(
        found=found,
        settings=settings,
        shown=tuple(shown),
        there=there,
        missing=missing,
        moved=moved,
        leaving=leaving,
        people=people,
        changes=(
            *_setting_changes(project, found, settings),
            *_picture_changes(missing, moved, leaving),
            *_people_changes(server, people),
        ),
        refused=(
            *_refused_strangers(server, project, there),
            *_refused_pictures(project, held),
            *_refused_form(server, project, found),
        ),
    )


def _settings(project: Project) -> dict[str, Any]:
    version = project.guidelines_version
    told = "" if version is None else f" Guidelines {version}, {_guidelines_hash(project)}."
    return {
        "title": project.file.title,
        "description": f"{marker(project)} Made by qreasoning; edit {project.path.name} instead."
        + told,
        "label_config": project_form(project),
        "expert_instruction": instructions_html(
            project.guidelines,
            None if project.file.kind == "judge" else project.dimensions,
            project.consent,
            version,
        ),
        # Unasked only where there is something to agree to.
        "show_instruction": bool(project.consent),
        "maximum_annotations": project.file.annotators_per_image,
        "show_skip_button": True,
        "enable_empty_annotation": False,
        "show_collab_predictions": project.file.prelabel is not None,
        **({} if project.file.prelabel is None else {"model_version": project.file.prelabel}),
    }


def _guidelines_hash(project: Project) -> str:
    return sha256_bytes(f"{project.consent}\0{project.guidelines}".encode())[:12]


def _differs(found: Mapping[str, Any] | None, key: str, value: Any) -> bool:
    return found is None or found.get(key) != value


def _shows(server: Server, project: Project, task: Task, showing: Showing) -> bool:
    if server.loopback:
        return task.address == served(project, showing)
    return upload_key(showing) in task.address


def _answered(server: Server, found: Mapping[str, Any] | None) -> set[int]:
    if found is None:
        return set()
    include = "id,total_annotations,cancelled_annotations,drafts"
    return {
        task["id"]
        for task in tasks(server, int(found["id"]), include)
        if task["total_annotations"] or task["cancelled_annotations"] or task["drafts"]
    }


def _people(server: Server, project: Project, logins_file: Path) -> tuple[str, ...]:
    wanted = addresses(project.name, project.file.annotators)
    ours = {login.email for login in logins(logins_file, project.name, 0)}
    there = accounts(server) if wanted else set()
    return tuple(each for each in wanted if each in ours or each not in there)


def _setting_changes(
    project: Project, found: Mapping[str, Any] | None, settings: Mapping[str, Any]
) -> Iterable[str]:
    title = project.file.title
    if found is None:
        yield f"The project '{title}' is made."
        return
    if "title" in settings:
        yield f"The project's title becomes '{title}' (it was '{found['title']}')."
    if "label_config" in settings:
        yield "The form changes; answers to the old one are kept and marked."
    if "expert_instruction" in settings or "show_instruction" in settings:
        yield f"The instructions become those of version {project.guidelines_version}."
    if "maximum_annotations" in settings:
        before, now = found["maximum_annotations"], settings["maximum_annotations"]
        yield f"Each picture is for {now} annotators (it was for {before})."
    if settings and not settings.keys() - {"description"}:
        yield "The project's description is brought up to date."


def _picture_changes(
    missing: Sequence[Showing],
    moved: Sequence[tuple[Task, Showing]],
    leaving: Sequence[Task],
) -> Iterable[str]:
    if missing:
        yield f"{_pictures(len(missing))} imported."
    if moved:
        yield f"{_pictures(len(moved))} shown from another file; the answers stay."
    if leaving:
        yield f"{_pictures(len(leaving))} removed, to which there is no answer."


def _pictures(count: int) -> str:
    return "1 picture is" if count == 1 else f"{count} pictures are"


def _people_changes(server: Server, people: Sequence[str]) -> Iterable[str]:
    there = accounts(server) if people else set()
    count = sum(each not in there for each in people)
    if count:
        yield f"{count} log-in{'s are' if count > 1 else ' is'} made."


def _refused_strangers(server: Server, project: Project, there: Sequence[Task]) -> Iterable[str]:
    strangers = (
        []
        if project.desk is None
        else [task for task in there if task.key not in project.desk.names]
    )
    if strangers:
        yield (
            f"The project '{project.file.title}' on {server.url} has {len(strangers)} tasks that "
            f"are not in outputs/annotations/{project.slug}/{ITEMS}: copy that file from the "
            "machine that made them, or from a backup."
        )


def _refused_pictures(project: Project, held: Sequence[Task]) -> Iterable[str]:
    if held:
        first = held[0].name if project.desk is None else project.desk.names.get(held[0].key)
        yield (
            f"{_pictures(len(held))} no longer in the project but have answers, the first is "
            f"{first}: take back the change of {project.path} or put the pictures back."
        ).replace("is no longer in the project but have", "is no longer in the project but has")


def _refused_form(
    server: Server, project: Project, found: Mapping[str, Any] | None
) -> Iterable[str]:
    if found is None:
        return
    form = found["parsed_label_config"]
    rated = [name for name, control in form.items() if control["type"] == "Rating"]
    lost = [name for name in rated if name not in rated_fields(project)]
    version = project.guidelines_version
    said, before = f"Guidelines {version}, ", str(found["description"] or "")
    same = version is not None and said in before
    reworded = same and said + _guidelines_hash(project) not in before
    if not (lost or reworded) or not _has_answers(server, found):
        return
    if lost:
        yield (
            f"The dimension '{lost[0]}' has answers and is no longer in the schema of "
            f"{project.path}: put it back, or begin a project of its own (another file name)."
        )
    if reworded:
        yield (
            f"The guidelines of {project.path} have another text but still version {version}, "
            "under which answers were given: raise guidelines.version."
        )


def _has_answers(server: Server, found: Mapping[str, Any]) -> bool:
    if found["total_annotations_number"] or found["skipped_annotations_number"]:
        return True
    return any(True for _ in tasks(server, int(found["id"]), "id", with_drafts=True))
