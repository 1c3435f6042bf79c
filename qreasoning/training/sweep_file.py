"""A sweep's settings: `training/sweeps/<name>.yaml`. Needs neither torch nor Optuna to read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import Field, field_validator, model_validator

from qreasoning.settings import Settings, load
from qreasoning.training.recipe import Recipe

Metric = Literal[
    "rouge1", "claim_f1", "contradiction_rate", "srcc", "srcc_caption", "plcc", "format_rate"
]
Plain = str | int | float | bool | None


class _Drawing(Protocol):
    """The part of Optuna's Trial that draws."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool) -> float: ...
    def suggest_int(self, name: str, low: int, high: int, *, log: bool) -> int: ...
    def suggest_categorical(self, name: str, choices: tuple[Plain, ...]) -> Any: ...


class Range(Settings):
    """A setting that is a number."""

    low: float
    """The smallest value."""
    high: float
    """The largest value."""
    log: bool = False
    """Draw evenly on a logarithmic scale."""
    integer: bool = False
    """Draw whole numbers."""

    @model_validator(mode="after")
    def _is_a_range(self) -> "Range":
        if self.low >= self.high:
            raise ValueError("low must be below high")
        if self.log and self.low <= 0:
            raise ValueError("log needs a low above 0")
        if self.integer and not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError("low and high of an integer are whole numbers")
        return self


class Choice(Settings):
    """A setting that is one of several values."""

    choices: tuple[Plain, ...] = Field(min_length=2)
    """The values."""


class Sweep(Settings):
    """The model of `training/sweeps/<name>.yaml`."""

    trials: int = Field(ge=1)
    """How many runs there are in all; raise it to go on with a sweep."""
    seed: int = Field(default=0, ge=0)
    """Seed of what is drawn; the runs keep the recipe's own seed."""
    startup: int = Field(default=6, ge=1)
    """Trials that are drawn at random before what they gave is learned from."""
    objectives: tuple[Metric, ...] = Field(min_length=1)
    """What is asked for, all at once, on the validation split."""
    parameters: dict[str, Range | Choice] = Field(min_length=1)
    """Settings of the recipe, named as `--set` does, and what they are drawn from."""

    @field_validator("objectives")
    @classmethod
    def _objectives_differ(cls, objectives: tuple[Metric, ...]) -> tuple[Metric, ...]:
        if len(set(objectives)) < len(objectives):
            raise ValueError("an objective is given twice")
        return objectives

    @field_validator("parameters")
    @classmethod
    def _name_is_kept(cls, parameters: dict[str, Range | Choice]) -> dict[str, Range | Choice]:
        if "name" in parameters or "data.split" in parameters:
            raise ValueError("name and data.split are no settings to choose between")
        return parameters

    def drawn(self, trial: _Drawing) -> dict[str, Any]:
        """A value for each parameter."""
        return {name: _draw(trial, name, each) for name, each in self.parameters.items()}

    def corners(self) -> Iterator[dict[str, Any]]:
        """Settings that have each bound and each choice at least once, to be tried out."""
        ends = {name: _ends(each) for name, each in self.parameters.items()}
        for place in range(max(map(len, ends.values()))):
            yield {name: values[place % len(values)] for name, values in ends.items()}

    def own_values(self, recipe: Recipe) -> dict[str, Any] | None:
        """The recipe's own values of the parameters; None where one is not among those drawn."""
        found = {name: _value(recipe, name) for name in self.parameters}
        inside = all(_inside(each, found[name]) for name, each in self.parameters.items())
        return found if inside else None


def _draw(trial: _Drawing, name: str, each: Range | Choice) -> Any:
    if isinstance(each, Choice):
        return trial.suggest_categorical(name, each.choices)
    if each.integer:
        return trial.suggest_int(name, int(each.low), int(each.high), log=each.log)
    return trial.suggest_float(name, each.low, each.high, log=each.log)


def _ends(each: Range | Choice) -> list[Any]:
    if isinstance(each, Choice):
        return list(each.choices)
    return [int(each.low), int(each.high)] if each.integer else [each.low, each.high]


def _value(recipe: Recipe, name: str) -> Any:
    value: Any = recipe.model_dump(mode="json")
    for key in name.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _inside(each: Range | Choice, value: Any) -> bool:
    if isinstance(each, Choice):
        return value in each.choices
    return isinstance(value, int | float) and each.low <= value <= each.high


def load_sweep(path: Path) -> Sweep:
    """Read a sweep. Raises SettingsError naming file, key and remedy."""
    return load(path, Sweep)
