"""Public score sets as `data_cards/benchmarks` describes them: layouts, bounds, terms, test lists.

Each set has three files there: `<name>.yaml` (this model), the card that it points to and, where
only a part of the set is its test list, the list of names.
"""

import csv
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from qreasoning.errors import DataError, SettingsError
from qreasoning.scores import Licence, ScoreFile, ScoreSet
from qreasoning.settings import Settings, load, validate
from qreasoning.workspace import Workspace

BENCHMARKS = ("koniq-10k", "spaq", "kadid-10k", "pipal", "live-w", "agiqa-3k", "csiq")
"""The seven sets that are shipped."""

FOLDER = "data_cards"
UNLISTED = "unlisted"
"""What a list of names says of an image that no published list places: it may be a test image."""


class SetDescription(Settings):
    """The model of `data_cards/benchmarks/<name>.yaml`."""

    name: str
    """The set's name, as `set` and `leaks.benchmarks` give it."""
    title: str
    """What people call it."""
    card: str
    """Its card, a file beside this one."""
    images: Annotated[int, Field(gt=0)]
    """How many images the published results are reported on."""
    test: Literal["all", "listed"]
    """Whether every image of the set is a test image, or those of the list."""
    names: str | None = None
    """The list, a CSV file beside this one with the columns image and split."""
    licence: Licence
    """The terms of scores and pictures."""
    layouts: Annotated[Mapping[str, ScoreFile], Field(min_length=1)]
    """Its score files: as the authors publish it, and as the common evaluation manifests do."""

    @model_validator(mode="after")
    def _listed_needs_names(self) -> "SetDescription":
        if (self.test == "listed") != (self.names is not None):
            raise ValueError("give 'names' with test: listed, and only then")
        return self


@dataclass(frozen=True)
class ListedNames:
    """Which names of a set are test images. Compared without folder, suffix and case, since
    copies are often converted; `listed` is None where every name is."""

    listed: frozenset[str] | None
    unlisted: frozenset[str] = frozenset()

    def tests(self, name: str) -> bool:
        """Whether the image `name` of this set is a test image."""
        return self.listed is None or name_key(name) in self.listed

    def possibly(self, name: str) -> bool:
        """Whether no published list places `name`: it may be a test image."""
        return name_key(name) in self.unlisted


def name_key(name: str) -> str:
    """What two names of one set are compared by: no folder, no suffix, no case."""
    file = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    stem, _, suffix = file.rpartition(".")
    return unicodedata.normalize("NFC", stem if stem and suffix else file).casefold()


def describe(workspace: Workspace, name: str) -> SetDescription:
    """The description of a public set, the study's own before the shipped one.

    Raises SettingsError listing the sets that there are.
    """
    found = load(_file(workspace, name), SetDescription)
    if found.name != name:
        raise SettingsError(f"{_file(workspace, name)} names itself '{found.name}'. Write {name}.")
    return found


def _file(workspace: Workspace, name: str) -> Path:
    return workspace.settings(FOLDER, f"benchmarks/{name}", "public score set")


def read_names(workspace: Workspace, description: SetDescription) -> ListedNames:
    """The test list of a set. Raises DataError for a list that is missing or has other columns."""
    if description.names is None:
        return ListedNames(None)
    path = _file(workspace, description.name).parent / description.names
    if not path.is_file():
        raise DataError(f"The list of test images {path} is missing. Put it back.")
    with path.open(encoding="utf-8", newline="") as file:
        lines = csv.DictReader(file)
        if lines.fieldnames != ["image", "split"]:
            raise DataError(f"{path} needs the columns image and split, in this order.")
        splits = {name_key(line["image"]): line["split"] for line in lines}
    return ListedNames(
        listed=frozenset(name for name, split in splits.items() if split == "test"),
        unlisted=frozenset(name for name, split in splits.items() if split == UNLISTED),
    )


def resolve(score_set: ScoreSet, workspace: Workspace) -> ScoreSet:
    """A score set with what its public set says of it; what it says itself comes first.

    Raises SettingsError for a set or a layout that is not described.
    """
    if score_set.set is None:
        return score_set
    description = describe(workspace, score_set.set)
    layout = score_set.layout or next(iter(description.layouts))
    if layout not in description.layouts:
        raise SettingsError(
            f"The public set '{description.name}' has no layout '{layout}'. "
            f"It has: {', '.join(description.layouts)}."
        )
    given = score_set.model_dump(exclude_unset=True)
    shipped = description.layouts[layout].model_dump(exclude_unset=True)
    if "columns" in given:
        # Its file is laid out in a way of its own: only the unit is the published one.
        kept = {"range", "better", "unit"}
        if "reference" not in given["columns"]:
            kept.add("reference_pattern")
        shipped = {key: value for key, value in shipped.items() if key in kept}
    terms = {"licence": description.licence.model_dump(), "layout": layout}
    return validate({**terms, **shipped, **given}, ScoreSet, f"The score set '{score_set.name}'")
