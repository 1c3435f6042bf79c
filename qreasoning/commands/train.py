"""`qr train`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qreasoning.commands import DatasetOption, DeviceOption, study_here
from qreasoning.console import say
from qreasoning.workspace import cache_folder

if TYPE_CHECKING:
    from qreasoning.training.recipe import Recipe


def train(
    recipe: Annotated[
        str, typer.Argument(help="A recipe: the name of a file in training/.")
    ] = "q-reasoning",
    dataset: DatasetOption = None,
    device: DeviceOption = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change the recipe: grpo.steps=5; may be repeated."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what the run would be and need.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the newest unfinished run of the recipe.")
    ] = False,
    merge: Annotated[
        bool, typer.Option("--merge", help="Also write the whole model, the adapter merged in.")
    ] = False,
    push_to_hub: Annotated[
        str | None,
        typer.Option(metavar="ORG/NAME", help="Publish the run on the Hugging Face Hub."),
    ] = None,
) -> None:
    """Train with GRPO and LoRA on a dataset; the run goes to outputs/runs/RECIPE/NUMBER.

    `qr train tiny` trains the demo's tiny model, which needs no GPU.
    """
    from qreasoning.training.recipe import load_recipe

    study = study_here()
    chosen = load_recipe(study.settings("training", recipe, "recipe"), changes or ())
    data = study.dataset(dataset)
    if push_to_hub is not None:
        from qreasoning.training.publish import check_repository

        check_repository(push_to_hub)
    from qreasoning.training.run import train as run_train
    from qreasoning.training.start import start_run

    chosen = with_base(chosen)
    if chosen.init_from is not None and start_run(chosen, study.runs) is None:
        say(f"{chosen.name} starts from a run of {chosen.init_from}, and there is none: made first")
        # It has to be of the same model, whatever else is changed here.
        model = [each for each in changes or () if each.startswith(("model=", "revision="))]
        train(chosen.init_from, dataset, device, changes=model, dry_run=dry_run)
    if dry_run:
        from qreasoning.console import show_dry_run
        from qreasoning.training.dry_run import dry_run as look_at

        show_dry_run(look_at(chosen, data, device))
        return
    report = run_train(chosen, data, study.runs, device=device, resume=resume, say=say)
    _follow_up(report.run, merge, push_to_hub)
    say(f"{report.run} is ready. Next: qr predict")


def with_base(recipe: "Recipe") -> "Recipe":
    """The recipe with the tiny model's folder where it names the tiny model, made if need be."""
    from qreasoning.training.recipe import TINY

    if recipe.model != TINY:
        return recipe
    from qreasoning.simulation.warm_up import WarmUp, ensure_base

    folder = ensure_base(cache_folder(), say, WarmUp(format=recipe.format))
    return recipe.model_copy(update={"model": str(folder)})


def _follow_up(run: Path, merge: bool, repository: str | None) -> None:
    """What is made of a finished run on request; of several processes, one does it."""
    from accelerate import PartialState

    if not PartialState().is_main_process:
        return
    if merge:
        from qreasoning.training.merge import merge as run_merge

        say(f"{run_merge(run)} holds the merged model")
    if repository is not None:
        from qreasoning.training.publish import push

        say(f"{push(run, repository)} holds the run")
