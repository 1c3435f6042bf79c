"""The literature's numbers, from `analysis/published.yaml`: never mixed with measured ones."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from qreasoning.settings import Settings, load

Metric = Literal["plcc", "srcc", "rouge1"]


class Source(Settings):
    """Where numbers were published, and how they were made."""

    citation: str
    """Authors, year and identifier."""
    protocol: str
    """What the metric was computed on, and how."""
    decoding: str
    """Greedy, sampled, or that it is not stated."""


class Entry(Settings):
    """What one source says of one system in one condition."""

    system: str
    """The system's name."""
    source: str
    """A key of `sources`."""
    condition: Literal["image", "caption"] = "image"
    """Whether the system saw the picture or its own caption only."""
    note: str | None = None
    """What a reader must know to compare the number."""
    values: dict[str, dict[Metric, float]] = Field(min_length=1)
    """Per set, the metrics that were published."""

    @model_validator(mode="after")
    def _values_are_correlations(self) -> "Entry":
        for name, metrics in self.values.items():
            if not metrics or any(not -1 <= value <= 1 for value in metrics.values()):
                raise ValueError(f"the values of {name} must be numbers between -1 and 1")
        return self


class Published(Settings):
    """The model of `analysis/published.yaml`."""

    sources: dict[str, Source]
    """Every source that an entry names."""
    entries: tuple[Entry, ...]
    """One per system, source and condition."""

    @model_validator(mode="after")
    def _sources_are_known(self) -> "Published":
        unknown = next((e.source for e in self.entries if e.source not in self.sources), None)
        if unknown is not None:
            raise ValueError(f"the source '{unknown}' is not listed under sources, add it there")
        return self

    @property
    def sets(self) -> tuple[str, ...]:
        """The sets that any entry has a number for, in the order of their first mention."""
        return tuple(dict.fromkeys(name for each in self.entries for name in each.values))


def read_published(path: Path) -> Published:
    """Read `published.yaml`. Raises SettingsError naming the file, the key and the remedy."""
    return load(path, Published)
