"""One trial of a study: a run of a recipe, its predictions on the validation split, their worth.

What was finished once is found again and not repeated; what was interrupted goes on from its last
checkpoint. So a study that is started again ends as if it had not been interrupted.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from accelerate import PartialState

from qreasoning.errors import SettingsError
from qreasoning.files import held, read_manifest
from qreasoning.settings import load
from qreasoning.studies import SPLIT, About
from qreasoning.training.checkpoints import RECIPE, START, newest_checkpoint
from qreasoning.training.measured import Judge, Measured, measure
from qreasoning.training.model import choose_device
from qreasoning.training.predict import predict
from qreasoning.training.recipe import Recipe
from qreasoning.training.run import facts_at_start, pinned, train
from qreasoning.training.source import Source
from qreasoning.workspace import Workspace, is_simulated, run_names

Say = Callable[[str], None]
Load = Callable[[Sequence[str]], Recipe]
"""A study's recipe with changes (`key=value`) made to it."""


@dataclass(frozen=True)
class Trial:
    """A finished run and what it is worth on the validation split."""

    run: str
    measured: Measured


def make_trial(
    recipe: Recipe,
    dataset: Path,
    study: Workspace,
    judge: Judge,
    *,
    device: str | None = None,
    say: Say = lambda _: None,
) -> Trial:
    """The trial of a recipe, whose name no other recipe may have: made, finished, or found.

    Raises SettingsError where a run of that name was made from something else.
    """
    run = finished_run(recipe, dataset, study.runs)
    if run is None:
        started = sorted((study.runs / recipe.name).glob("*"))[-1:]
        resume = any(newest_checkpoint(each) is not None for each in started)
        run = train(recipe, dataset, study.runs, device=device, resume=resume, say=say).run
    name = run_names(run)[1]
    path = study.predictions / name / f"{Source(dataset, SPLIT).name}.parquet"
    if not path.is_file():
        predict(
            *(run, dataset, study.predictions),
            split=SPLIT,
            stage2="expect" if recipe.stage2 == "expect" else "generate",
            device=device,
            say=say,
        )
    return Trial(run_names(run)[0], measure(judge, path))


def finished_run(recipe: Recipe, dataset: Path, runs: Path) -> Path | None:
    """The finished run of a trial's recipe; None where there is none yet.

    Raises SettingsError where it was made from another recipe or dataset.
    """
    folder = runs / recipe.name
    run = next((each for each in sorted(folder.glob("*")) if read_manifest(each)), None)
    if run is None:
        return None
    begun = json.loads((run / START).read_text(encoding="utf-8"))
    if load(run / RECIPE, Recipe) != pinned(recipe) or begun != facts_at_start(dataset):
        raise SettingsError(
            f"{run} was made from another recipe or dataset than this study is of. Give the study "
            "another --name, or remove that run."
        )
    return run


def about(name: str, recipe: Recipe, dataset: Path) -> About:
    """What a study is of."""
    return About(
        name=name,
        recipe=recipe.name,
        dataset=dataset.parent.name,
        version=dataset.name,
        content_sha256=facts_at_start(dataset)["dataset_content"],
        simulated=is_simulated(dataset),
    )


@contextmanager
def studying(folder: Path, device: str | None, recipe: Recipe) -> Iterator[None]:
    """No other process works on the study in `folder` inside the block, and this is one process.

    Raises SettingsError where that is not so.
    """
    if PartialState(cpu=choose_device(recipe.model, device) == "cpu").num_processes > 1:
        raise SettingsError(
            "A study runs its trials one after the other in one process. Start it without "
            "accelerate launch."
        )
    try:
        with held(folder):
            yield
    except BlockingIOError:
        raise SettingsError(
            f"Another process is at work on {folder}. Wait until it has ended, or give this study "
            "another --name."
        ) from None
