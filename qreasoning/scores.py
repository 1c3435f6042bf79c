"""MOS lists: what describes one, and mapping its unit to [1, 5] with the bounds that were used."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from qreasoning.errors import SettingsError
from qreasoning.settings import Settings

LOW, HIGH = 1.0, 5.0

Column = str | Annotated[int, Field(ge=1)]
"""A column's name or, in a file without a header, its number from 1."""


class ScoreColumns(Settings):
    """Which columns of a score list hold what."""

    image: Column = "image"
    """The picture's file name, relative to the pictures' folder."""
    mos: Column = "mos"
    """The mean opinion score in the set's own unit."""
    mos_std: Column | None = None
    """Its standard deviation, same unit."""
    mos_var: Column | None = None
    """Its variance, where that is what was published."""
    split: Column | None = None
    """A published split: train, validation or test; honoured where it is there."""
    reference: Column | None = None
    """The pristine picture that a distorted one comes from: all of them share a split."""

    @model_validator(mode="after")
    def _one_spread(self) -> "ScoreColumns":
        if self.mos_std is not None and self.mos_var is not None:
            raise ValueError("name mos_std or mos_var, not both")
        return self

    @property
    def named(self) -> Mapping[str, Column]:
        """The columns that are there, by what they hold."""
        return {what: column for what, column in vars(self).items() if column is not None}


class Licence(Settings):
    """The terms of a set, in words, and whether its pictures may be handed on."""

    scores: str
    """The licence of the scores, or what is known of it."""
    pictures: str
    """The licence of the pictures, or what is known of it."""
    share_pictures: bool = False
    """Whether the pictures' licence lets you publish copies; without it none is ever published."""


class ScoreFile(Settings):
    """How a score list is laid out. The scale is that of the list, higher or lower is better."""

    columns: ScoreColumns = ScoreColumns()
    """Its columns."""
    header: bool = True
    """Whether its first line names the columns; without one they are numbers from 1."""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    """What separates the columns: a comma in .csv and white space in .txt if not given."""
    reference_pattern: str | None = None
    """A regular expression whose one group is the reference in an image's name, for lists without
    such a column: "(?i)^(i\\d+)" for KADID-10k and TID2013."""
    split_names: Mapping[str, Literal["train", "validation", "test"]] = Field(default_factory=dict)
    """What the list calls its splits, by ours: {training: train}."""
    range: tuple[float, float] | None = None
    """The bounds of the unit (worst, best), mapped to 1 and 5; worst > best for a DMOS."""
    better: Literal["higher", "lower"] | None = None
    """The direction of the unit, if you want it checked against the range."""
    unit: str = ""
    """What one score is: "DMOS, 0 to 1"."""

    @model_validator(mode="after")
    def _one_group(self) -> "ScoreFile":
        if self.reference_pattern is None:
            return self
        if self.columns.reference is not None:
            raise ValueError("name columns.reference or reference_pattern, not both")
        try:
            count = re.compile(self.reference_pattern).groups
        except re.error as error:
            raise ValueError(f"reference_pattern is no regular expression ({error})") from None
        if count != 1:
            raise ValueError(f"reference_pattern needs one group, it has {count}")
        return self

    @model_validator(mode="after")
    def _columns_fit_header(self) -> "ScoreFile":
        wanted = str if self.header else int
        wrong = [each for each in self.columns.named.values() if not isinstance(each, wanted)]
        if wrong:
            raise ValueError(
                f"the column {wrong[0]!r} needs header: {'false' if self.header else 'true'}"
            )
        return self

    @model_validator(mode="after")
    def _direction(self) -> "ScoreFile":
        if self.range is None:
            return self
        worst, best = self.range
        if not all(map(math.isfinite, self.range)) or worst == best:
            raise ValueError("range needs two finite bounds that differ")
        if self.better not in (None, "higher" if best > worst else "lower"):
            raise ValueError(f"range is (worst, best), and {self.better} is better: turn it round")
        return self


class ScoreSet(ScoreFile):
    """One MOS list of a study, as `dataset.yaml` names it."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    """The set's name (`mos_set`): ranks and margins are compared only within it."""
    file: Path
    """CSV, TXT or Parquet, relative to the study; with a * in its name, several read as one."""
    set: str | None = None
    """A public set of `data_cards/benchmarks`, such as koniq-10k: it gives the layout, the range
    and the licence that are not given here, and its test list is honoured."""
    layout: str | None = None
    """Which of that set's layouts the file has: published (the default) or manifest."""
    images: Path | None = None
    """The folder of its pictures, relative to the study; none if only scores are at hand."""
    licence: Licence | None = None
    """The terms of scores and pictures."""

    @model_validator(mode="after")
    def _has_bounds(self) -> "ScoreSet":
        if self.range is None and self.set is None:
            raise ValueError("give the range (worst, best), or name a public set under 'set'")
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """The range. Raises SettingsError for a public set that was not resolved."""
        if self.range is None:
            raise SettingsError(f"The score set '{self.name}' has no range. Give (worst, best).")
        return self.range


def to_mos(raw: float, bounds: tuple[float, float]) -> float:
    """Map `raw` linearly from `bounds` (worst, best) to [1, 5]."""
    worst, best = bounds
    return LOW + (HIGH - LOW) * (raw - worst) / (best - worst)
