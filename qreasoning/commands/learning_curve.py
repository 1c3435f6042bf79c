"""`qr learning-curve`."""

from typing import Annotated

import typer

from qreasoning.commands import DatasetOption, DeviceOption, study_here
from qreasoning.commands.sweep import study_name
from qreasoning.commands.train import with_base
from qreasoning.console import say
from qreasoning.errors import SettingsError


def learning_curve(
    recipe: Annotated[str, typer.Argument(help="A recipe: the name of a file in training/.")],
    fractions: Annotated[
        str, typer.Option(help="Shares of the annotated pictures, with commas between.")
    ] = "0.125,0.25,0.5,1",
    seeds: Annotated[int, typer.Option(min=1, help="Runs per fraction.")] = 3,
    dataset: DatasetOption = None,
    device: DeviceOption = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change the recipe of all runs; may be repeated."
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The curve's folder; RECIPE-curve if left out.")
    ] = None,
) -> None:
    """Train on fractions of the human chains, and show what more annotations would bring.

    Each fraction holds the smaller ones; other pictures keep their MOS. Judged on the validation
    split and never on the test split. Table and picture are in outputs/learning-curves/NAME.
    Interrupted, the same command goes on where it was; with more seeds or fractions, so does a
    finished one.
    """
    from qreasoning.training.recipe import load_recipe

    try:
        shares = [float(each) for each in fractions.split(",")]
    except ValueError:
        raise SettingsError(f"--fractions {fractions}: write 0.125,0.25,0.5,1.") from None
    study = study_here()
    path = study.settings("training", recipe, "recipe")
    called = study_name(name or f"{path.stem}-curve")
    data = study.dataset(dataset)
    from qreasoning.console import show_curve
    from qreasoning.training.learning_curve import learning_curve as run_curve

    base = with_base(load_recipe(path, changes or ()))
    result = run_curve(
        lambda more: load_recipe(path, [*(changes or ()), f"model={base.model}", *more]),
        data,
        study,
        name=called,
        fractions=shares,
        seeds=seeds,
        device=device,
        say=say,
    )
    show_curve(result, study.learning_curves / called)
