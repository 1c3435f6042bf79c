"""What is judged: texts of models and of people about the pictures, as units to be answered."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

from qreasoning.annotation.items import Items, Shown, Unit
from qreasoning.annotation.pictures import Picture
from qreasoning.annotation.project_file import Judging
from qreasoning.chain import Chain
from qreasoning.errors import DataError
from qreasoning.predictions import read_chains
from qreasoning.workspace import Workspace, slug

HUMAN = "human:"
MODEL = "model:"


def judged_units(
    judging: Judging,
    pictures: Sequence[Picture],
    workspace: Workspace,
    before: Items,
    say: Callable[[str], None],
) -> list[Unit]:
    """A unit per picture and text, or with `choose` per picture and two texts.

    People whose texts were planned `before` stay chosen. Raises DataError where a source is missing
    or has a text of none of the pictures.
    """
    sources = [
        _model(name, read_chains(workspace.predictions, name)) for name in judging.predictions
    ]
    if judging.humans is not None:
        sources.append(_people(judging, workspace, before))
    for source, texts in sources:
        count = sum(bool(texts.get(each.image_id)) for each in pictures)
        if count == 0:
            raise DataError(f"{source} has no text about any of the pictures. Correct 'judge'.")
        if count < len(pictures):
            say(f"{source} has texts about {count} of {len(pictures)} pictures")
    size = 1 if judging.question == "rate" else 2
    return [
        Unit(each.image_id, each.name, shown)
        for each in pictures
        for shown in combinations(
            [text for _, texts in sources for text in texts.get(each.image_id, ())], size
        )
    ]


_Source = tuple[str, Mapping[str, Sequence[Shown]]]
"""What it is called, and its texts by image id."""


def _model(name: str, chains: Mapping[str, Chain]) -> _Source:
    texts = {
        image_id: [Shown(f"{MODEL}{name}", chain.caption or "", chain.reasoning or "")]
        for image_id, chain in chains.items()
    }
    return f"The model '{name}'", texts


def _people(judging: Judging, workspace: Workspace, before: Items) -> _Source:
    name = str(judging.humans)
    rows = _table(workspace.annotations / slug(name) / "table.parquet", name)
    texts: dict[str, list[Shown]] = {}
    for row in rows:
        shown = Shown(f"{HUMAN}{row['annotator']}", row["caption"] or "", row["reasoning"] or "")
        # What a model began or somebody was excluded for is no text of a person.
        if shown.text.strip() and not row["prelabelled"] and "excluded" not in row["labels"]:
            texts.setdefault(row["image_id"], []).append(shown)
    planned = {
        (item.unit.image_id, shown.author)
        for mine in before.values()
        for item in mine
        for shown in item.unit.shown
    }
    chosen = {
        image_id: _chosen(image_id, each, planned, judging) for image_id, each in texts.items()
    }
    return f"The project '{name}'", chosen


def _chosen(
    image_id: str, texts: Sequence[Shown], planned: set[tuple[str, str]], judging: Judging
) -> list[Shown]:
    by_chance = Random(f"{judging.seed} {image_id}").sample(list(texts), len(texts))
    by_chance.sort(key=lambda each: (image_id, each.author) not in planned)
    return by_chance[: judging.humans_per_image]


def _table(path: Path, name: str) -> Iterable[Mapping[str, Any]]:
    import pyarrow.parquet as pq

    if not path.is_file():
        raise DataError(
            f"{path} is missing, so there are no people's texts to be judged. "
            f"Pull them first: qr annotate pull --project {name}"
        )
    wanted = ["image_id", "annotator", "caption", "reasoning", "prelabelled", "labels"]
    rows: list[Mapping[str, Any]] = pq.read_table(path, columns=wanted).to_pylist()
    return sorted(rows, key=lambda row: (str(row["image_id"]), str(row["annotator"])))
