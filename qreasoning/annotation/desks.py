"""A blind project as one project per annotator on the server, each with what is shown there."""

from collections.abc import Callable, Collection
from dataclasses import replace

from qreasoning.annotation.accounts import addresses
from qreasoning.annotation.items import Item, Items, Order, Unit, extended, missing_repeats
from qreasoning.annotation.judged import judged_units
from qreasoning.annotation.pictures import Pictures
from qreasoning.annotation.project import Desk, Project
from qreasoning.errors import SettingsError
from qreasoning.workspace import Workspace

LONGEST_TITLE = 50
"""Characters that Label Studio takes."""


def planned(
    project: Project, pictures: Pictures, before: Items, say: Callable[[str], None]
) -> dict[str, tuple[Item, ...]]:
    """What each annotator is shown, with what is new at the end. Nothing is written.

    Raises SettingsError for gold or pilot pictures that the project does not have.
    """
    order, people = order_of(project, pictures), annotators(project)
    items = extended(before, units_of(project, pictures, before, say), people, order)
    short = missing_repeats(items, people, order)
    if short:
        say(
            f"{short} of the repeats have no place yet that is {order.distance} pictures after "
            "their first showing"
        )
    return items


def units_of(
    project: Project, pictures: Pictures, before: Items, say: Callable[[str], None]
) -> list[Unit]:
    """What is to be answered: the pictures, or the texts about them that are judged."""
    judging = project.file.judge
    if judging is None:
        return [Unit(each.image_id, each.name) for each in pictures.pictures]
    return judged_units(judging, pictures.pictures, Workspace(project.root), before, say)


def order_of(project: Project, pictures: Pictures) -> Order:
    """How the project file wants the showings laid out."""
    repeats = project.file.repeats
    return Order(
        seed=project.file.seed,
        per_unit=project.file.annotators_per_image,
        first=_ids(project, pictures, "pilot", project.pilot),
        everybody=_ids(project, pictures, "gold", project.gold.keys()),
        repeats=0.0 if repeats is None else repeats.share,
        distance=0 if repeats is None else repeats.distance,
    )


def annotators(project: Project) -> list[str]:
    """The e-mail addresses of the project's annotators; of those it excludes no more is asked."""
    everybody = addresses(project.name, project.file.annotators)
    return [each for each in everybody if each not in project.excluded]


def desks(project: Project, items: Items, before: Items) -> list[Project]:
    """The project as each of its present annotators has it."""
    return [desk(project, person, items, before) for person in annotators(project)]


def former_desks(project: Project, items: Items) -> list[Project]:
    """The project as those had it who are no longer asked: their answers stay."""
    present = annotators(project)
    return [desk(project, person, items, {}) for person in items if person not in present]


def desk(project: Project, person: str, items: Items, before: Items) -> Project:
    """The project as one annotator has it: a title of its own, and what is shown there."""
    known = (*before.get(person, ()), *items.get(person, ()))
    whose = f" · {person.partition('@')[0]}"[: LONGEST_TITLE // 2]
    title = project.file.title[: LONGEST_TITLE - len(whose)].rstrip() + whose
    changes = {"title": title, "annotators": (person,), "annotators_per_image": 1}
    return replace(
        project,
        file=project.file.model_copy(update=changes),
        desk=Desk(person, items.get(person, ()), {item.id: item.unit.name for item in known}),
    )


def _ids(project: Project, pictures: Pictures, key: str, names: Collection[str]) -> frozenset[str]:
    by_name = {each.name: each.image_id for each in pictures.pictures}
    missing = sorted(set(names) - by_name.keys())
    if missing:
        raise SettingsError(
            f"{project.path}: '{key}' names {missing[0]}, which is none of the project's pictures "
            f"({len(missing)} such). Correct the list, or let the sampling plan take the picture."
        )
    return frozenset(by_name[name] for name in names)
