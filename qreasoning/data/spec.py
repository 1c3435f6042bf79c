"""What a dataset is made of: the model of `annotation/dataset.yaml`."""

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from qreasoning.data.leaks import LeakSettings
from qreasoning.data.rules import DatasetRules
from qreasoning.scores import Licence, ScoreSet
from qreasoning.settings import Settings, load
from qreasoning.workspace import Workspace

SPLITS = ("train", "validation", "test")


class Fractions(Settings):
    """How pictures without a published split are divided."""

    train: float = Field(default=0.7, ge=0, le=1)
    """Share of the training split. The defaults are KonIQ-10k's 7,058 / 1,000 / 2,015, rounded."""
    validation: float = Field(default=0.1, ge=0, le=1)
    """Share of the validation split."""
    test: float = Field(default=0.2, ge=0, le=1)
    """Share of the test split."""
    seed: int = 0
    """Another seed gives another division."""

    @model_validator(mode="after")
    def _sum_is_one(self) -> "Fractions":
        if not math.isclose(self.train + self.validation + self.test, 1, abs_tol=1e-9):
            raise ValueError("train, validation and test must add up to 1")
        return self


class BuildSpec(Settings):
    """The model of `annotation/dataset.yaml`."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    """The dataset's name; versions are `outputs/datasets/<name>/<version>`."""
    projects: tuple[str, ...] = ()
    """Annotation projects whose pulled annotations go in; none for scores alone."""
    dimensions: str = "dimensions"
    """The file in `annotation/` with the eight dimensions of these projects."""
    rules: DatasetRules | None = None
    """What an annotation must satisfy; one that does not goes to `quarantine.parquet`. Left out:
    each project's own rules, with the severities of a dataset."""
    score_sets: tuple[ScoreSet, ...] = ()
    """MOS lists, with or without their pictures."""
    splits: Fractions = Fractions()
    """How pictures without a published split are divided."""
    leaks: LeakSettings = LeakSettings()
    """Which benchmarks' test images are kept out of train and validation."""
    licences: dict[str, Licence] = Field(default_factory=dict)
    """The terms of the projects' annotations and pictures; a score set has its own."""
    pictures: Literal["embed", "none"] = "embed"
    """`none`: the pictures of the projects are not at hand; texts and scores go in without them."""
    human_scores: Literal["mean", "bias_removed", "p910"] = "mean"
    """How the ratings of several people become one: their plain mean; the mean after each person's
    bias is taken off; or the P.910 model where its conditions hold (else the bias is taken off)."""
    simulated: bool = False
    """Set it if scores or pictures are simulated; a simulated project sets it by itself."""

    @model_validator(mode="after")
    def _something_once(self) -> "BuildSpec":
        if not self.projects and not self.score_sets:
            raise ValueError("name at least one of projects or score_sets")
        for what, names in (
            ("project", self.projects),
            ("score set", tuple(each.name for each in self.score_sets)),
        ):
            repeated = next((name for name in names if names.count(name) > 1), None)
            if repeated is not None:
                raise ValueError(f"the {what} '{repeated}' is named twice, remove one")
        return self


def read_spec(workspace: Workspace, name: str = "dataset") -> BuildSpec:
    """Read `annotation/<name>.yaml` of the study. Raises SettingsError naming file and key."""
    return load(workspace.settings("annotation", name, "dataset specification"), BuildSpec)
