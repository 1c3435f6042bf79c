"""One training run: GRPO with LoRA on a vision-language model, from a recipe and a dataset.

Deviations from H-IQA, all in the recipe: stage 2 may be read from the logits instead of being
generated, and pictures with a human chain may be drawn more often.
"""

import shutil
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from accelerate import PartialState
from accelerate.utils import broadcast_object_list

from qreasoning.errors import DataError
from qreasoning.files import read_manifest, write_manifest
from qreasoning.training.card import write_card
from qreasoning.training.checkpoints import (
    CHECKPOINTS,
    Checkpoints,
    FiniteGradients,
    begin,
    resumable,
    step_of,
    take_back,
)
from qreasoning.training.grpo import adapters, make_trainer
from qreasoning.training.model import (
    choose_device,
    commit_of,
    load_model,
    load_processor,
    save_model,
)
from qreasoning.training.preflight import (
    check_batches,
    check_pictures,
    check_vllm,
    drawn,
    usable_examples,
)
from qreasoning.training.progress import Progress
from qreasoning.training.recipe import Recipe
from qreasoning.training.reporting import check_reporting, report_into
from qreasoning.training.start import learn_chains, merged, start_run, take_over
from qreasoning.training.trainer import ChainTrainer
from qreasoning.workspace import cache_folder, is_simulated


@dataclass(frozen=True)
class TrainReport:
    """A finished run. `rewards` are the last logged means by name (None: never applied)."""

    run: Path
    recipe: str
    model: str
    steps: int
    images: int
    annotated: int
    left_out: int
    rewards: dict[str, float | None]
    seconds: float


def train(
    recipe: Recipe,
    dataset: Path,
    runs: Path,
    *,
    device: str | None = None,
    resume: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> TrainReport:
    """Train by `recipe` on a dataset version; the run is `runs/<recipe>/<number>`.

    `device` is `cpu`, `cuda` or None (the GPU if there is one). With `resume` the newest
    unfinished run of the recipe goes on from its newest checkpoint, and ends as it would have
    without the interruption. Raises SettingsError or DataError before any work where recipe,
    dataset and machine do not fit, TrainingError where a gradient is no number. The manifest is
    written last.
    """
    started = time.monotonic()
    examples, left_out = usable_examples(recipe, dataset)
    device = choose_device(recipe.model, device)
    state = PartialState(cpu=device == "cpu")
    check_batches(recipe, examples, state.num_processes)
    check_pictures(examples)
    check_reporting(recipe.report_to)
    check_vllm(recipe, device)
    recipe = pinned(recipe)
    facts = facts_at_start(dataset)
    folder = runs / recipe.name
    unfinished = resumable(folder, recipe, facts) if resume else None
    earlier = _earlier(recipe, runs)
    say(f"loading {Path(recipe.model).name} on {device}")
    say(drawn(recipe, examples))
    processor = load_processor(recipe.model, recipe.max_pixels, revision=recipe.revision)
    model = load_model(
        recipe.model, device, revision=recipe.revision, quantization=recipe.quantization
    )
    run, checkpoint = unfinished or (_new_run(folder, state, recipe, facts), None)
    if checkpoint is None:
        if earlier is not None and state.is_main_process:
            take_over(earlier, run)
        state.wait_for_everyone()
    model = merged(model, run)
    if checkpoint is None and recipe.sft is not None:
        say("warming up on the human chains")
        model = learn_chains(recipe, examples, model, processor, adapters(recipe), run)
    if checkpoint is not None:
        say(f"going on with {run.name} from {checkpoint.name}")
        if state.is_main_process:
            take_back(run, checkpoint)
    with warnings.catch_warnings():
        # TRL 1.16 asks for a name that transformers is about to drop, several times a step.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        trainer = make_trainer(recipe, examples, model, processor, run)
        progress = Progress(run, trainer.reward_func_names, trainer.completions, say)
        for callback in (progress, Checkpoints(progress), FiniteGradients(progress)):
            trainer.add_callback(callback)
        chosen = recipe.efficiency
        for problem in trainer.share(chosen.share_prompts, chosen.share_pictures):
            say(f"not shared within a group, {problem}")
        if chosen.cache_pictures is not None:
            limit = round(chosen.cache_pictures * 1e9)
            trainer.keep_pictures(cache_folder() / "pictures", limit, say)
        report_into(trainer, run, step_of(checkpoint) if checkpoint else 0)
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    report = TrainReport(
        run=run,
        recipe=recipe.name,
        model=_shown(recipe.model),
        steps=trainer.state.global_step,
        images=len(examples),
        annotated=sum(bool(example.references) for example in examples),
        left_out=left_out,
        rewards=progress.last,
        seconds=time.monotonic() - started,
    )
    if trainer.accelerator.is_main_process:
        _save(trainer, processor, dataset, report, recipe)
    return report


def pinned(recipe: Recipe) -> Recipe:
    """The recipe as its run keeps it: with the commit that its model's revision came to."""
    return recipe.model_copy(update={"revision": commit_of(recipe.model, recipe.revision)})


def _earlier(recipe: Recipe, runs: Path) -> Path | None:
    """The run to start from, where the recipe names one."""
    if recipe.init_from is None:
        return None
    found = start_run(recipe, runs)
    if found is None:
        raise DataError(
            f"There is no finished run '{recipe.init_from}' in {runs} to start from. Make one: "
            f"qr train {recipe.init_from}"
        )
    return found


def facts_at_start(dataset: Path) -> dict[str, Any]:
    """What a run keeps of its dataset, to tell it from another one."""
    built = read_manifest(dataset) or {}
    return {
        "dataset": f"{dataset.parent.name}@{dataset.name}",
        "dataset_content": built.get("content_sha256"),
    }


def _new_run(folder: Path, state: PartialState, recipe: Recipe, facts: dict[str, Any]) -> Path:
    """Make the next free `001`, `002`, … in a recipe's folder; unfinished runs count.

    With several processes the first one makes it, and all go into the same.
    """
    made: list[Any] = [None]
    if state.is_main_process:
        run = _next_folder(folder)
        resolved = yaml.safe_dump(recipe.model_dump(), sort_keys=False, allow_unicode=True)
        begin(run, resolved, facts)
        made = [str(run)]
    return Path(broadcast_object_list(made)[0])


def _next_folder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        taken = [int(each.name) for each in folder.iterdir() if each.name.isdigit()]
        run = folder / f"{max(taken, default=0) + 1:03d}"
        try:
            run.mkdir()
        except FileExistsError:  # by another command, in the same moment
            continue
        return run


def _save(
    trainer: ChainTrainer, processor: Any, dataset: Path, report: TrainReport, recipe: Recipe
) -> None:
    run, model = report.run, trainer.accelerator.unwrap_model(trainer.model)
    save_model(model, run)
    processor.save_pretrained(str(run))
    facts = {
        "recipe": report.recipe,
        "model": report.model,
        "model_revision": recipe.revision,
        **facts_at_start(dataset),
        "simulated": is_simulated(dataset),
        "steps": report.steps,
        "images": report.images,
        "annotated": report.annotated,
        "left_out": report.left_out,
        "rewards": report.rewards,
        "versions": {name: version(name) for name in ("torch", "transformers", "trl", "peft")},
    }
    write_card(run, recipe, facts, model.config.model_type)
    shutil.rmtree(run / CHECKPOINTS, ignore_errors=True)
    write_manifest(run, facts)


def _shown(model: str) -> str:
    """A Hub id as it is; of a folder its name only, which is the same on every machine."""
    return Path(model).name if Path(model).is_dir() else model
