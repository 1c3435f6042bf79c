"""`qr sweep`."""

from pathlib import Path
from typing import Annotated

import typer

from qreasoning.commands import DatasetOption, DeviceOption, study_here
from qreasoning.commands.train import with_base
from qreasoning.console import say
from qreasoning.errors import SettingsError
from qreasoning.workspace import slug


def sweep(
    recipe: Annotated[str, typer.Argument(help="A recipe: the name of a file in training/.")],
    settings: Annotated[
        str, typer.Argument(help="A sweep: a file, or its name in training/sweeps/.")
    ] = "pareto",
    dataset: DatasetOption = None,
    device: DeviceOption = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help="How many runs in all, instead of the file's number.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change the recipe of all trials; may be repeated."
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The sweep's folder; RECIPE-SWEEP if left out.")
    ] = None,
) -> None:
    """Train a recipe many times with settings drawn anew, and show which trade-offs there are.

    Every trial is a run in outputs/runs, judged on the validation split and never on the test
    split. Table and picture of the front are in outputs/sweeps/NAME. Interrupted, the same command
    goes on where it was; with more --trials, so does a finished one.
    """
    from qreasoning.training.recipe import load_recipe
    from qreasoning.training.sweep_file import load_sweep

    study = study_here()
    path = study.settings("training", recipe, "recipe")
    spec_path = study.settings("training/sweeps", settings, "sweep")
    spec = load_sweep(spec_path)
    if trials is not None:
        spec = spec.model_copy(update={"trials": trials})
    data = study.dataset(dataset)
    called = study_name(name or f"{path.stem}-{spec_path.stem}")
    from qreasoning.console import show_sweep
    from qreasoning.training.sweep import sweep as run_sweep

    base = with_base(load_recipe(path, changes or ()))
    result = run_sweep(
        spec,
        lambda more: load_recipe(path, [*(changes or ()), f"model={base.model}", *more]),
        data,
        study,
        name=called,
        device=device,
        say=say,
    )
    show_sweep(result, study.sweeps / called)


def study_name(name: str) -> str:
    """The name of a study's folder and runs. Raises SettingsError for what is no folder's name."""
    if slug(name) != name or Path(name).name != name:
        raise SettingsError(f"--name {name}: take letters, digits, '.', '_' and '-' only.")
    return name
