"""The eight dimensions in which a picture's quality is annotated, read from `dimensions.yaml`."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from qreasoning.settings import Settings, load

COUNT = 8

# Names that the annotation form and the tables use for something else.
RESERVED = frozenset(
    {"image", "image_id", "name", "annotator", "project", "caption", "reasoning", "overall"}
    | {"seconds", "created", "updated", "form_version", "prelabelled", "findings", "split", "mos"}
    | {"guidelines_version", "labels", "reason", "place", "annotation_id", "task_id", "seen"}
)
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,29}")


def _identifier(value: str) -> str:
    if not _IDENTIFIER.fullmatch(value):
        raise ValueError(f"'{value}' must be a lower-case letter, then letters, digits or _")
    if value in RESERVED or value.endswith("_note"):
        raise ValueError(f"'{value}' is a column of its own, choose another id")
    return value


def _line(value: str) -> str:
    if not value.strip() or len(value) > 120:
        raise ValueError("must have 1 to 120 characters")
    if not value.isprintable():
        raise ValueError("must be one line of printable characters")
    if value.startswith("$"):
        raise ValueError("must not begin with $, which annotation servers read as a variable")
    return value


Line = Annotated[str, AfterValidator(_line)]


class Dimension(Settings):
    """One dimension: rated 1 to 5 by a person, with an optional note."""

    id: Annotated[str, AfterValidator(_identifier)]
    """Column and control name: `[a-z][a-z0-9_]*`, at most 30 characters."""
    label: Line
    """What annotators see."""
    hint: Line
    """What the note may say; shown in the empty note field."""
    hotkey: Annotated[str, Field(pattern=r"^[a-np-z]$")]
    """One lower-case letter, without o, which is the overall rating's."""
    low: Line
    """What a 1 means."""
    high: Line
    """What a 5 means."""


class Dimensions(Settings):
    """Exactly eight dimensions, with ids and hotkeys that differ."""

    version: int = Field(ge=1)
    """Raised when a dimension changes its meaning."""
    dimensions: tuple[Dimension, ...]
    """The eight, in the order in which annotators see them."""

    @model_validator(mode="after")
    def _eight_that_differ(self) -> "Dimensions":
        if len(self.dimensions) != COUNT:
            raise ValueError(f"there are {len(self.dimensions)} dimensions, there must be {COUNT}")
        for what in ("id", "label", "hotkey"):
            values = [getattr(each, what) for each in self.dimensions]
            repeated = next((value for value in values if values.count(value) > 1), None)
            if repeated is not None:
                raise ValueError(f"the {what} '{repeated}' is given to two dimensions, change one")
        return self

    @property
    def ids(self) -> tuple[str, ...]:
        """The eight ids in their order."""
        return tuple(each.id for each in self.dimensions)


def load_dimensions(path: Path) -> Dimensions:
    """Read a dimension schema. Raises SettingsError naming the file, the key and the remedy."""
    return load(path, Dimensions)
