"""One training run: GRPO with LoRA on a vision-language model, from a recipe and a dataset.

Deviations from H-IQA, all in the recipe: stage 2 may be read from the logits instead of being
generated, and pictures with a human chain may be drawn more often.
"""

import re
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from safetensors import SafetensorError

from qreasoning.errors import DataError
from qreasoning.files import read_manifest, write_manifest, write_text
from qreasoning.training.examples import Example, read_examples
from qreasoning.training.grpo import make_trainer
from qreasoning.training.model import choose_device, find_config, load_model, load_processor
from qreasoning.training.progress import Progress
from qreasoning.training.recipe import Recipe
from qreasoning.training.trainer import ChainTrainer
from qreasoning.workspace import is_simulated


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
    say: Callable[[str], None] = lambda _: None,
) -> TrainReport:
    """Train by `recipe` on a dataset version; the run is `runs/<recipe>/<number>`.

    `device` is `cpu`, `cuda` or None (the GPU if there is one). Raises SettingsError or DataError
    before any work where recipe, dataset and machine do not fit. The manifest is written last.
    """
    started = time.monotonic()
    examples, left_out = _usable(recipe, dataset)
    device = choose_device(recipe.model, device)
    find_config(recipe.model)
    say(f"loading {Path(recipe.model).name} on {device}")
    say(_drawn(recipe, examples))
    processor = load_processor(recipe.model, recipe.max_pixels)
    model = load_model(recipe.model, device)
    run = _new_run(runs / recipe.name)
    resolved = yaml.safe_dump(recipe.model_dump(), sort_keys=False, allow_unicode=True)
    write_text(run / "recipe.yaml", resolved)
    with warnings.catch_warnings():
        # TRL 1.16 asks for a name that transformers is about to drop, several times a step.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        trainer = make_trainer(recipe, examples, model, processor, run)
        progress = Progress(run, trainer.reward_func_names, trainer.completions, say)
        trainer.add_callback(progress)
        trainer.train()
    report = TrainReport(
        run=run,
        recipe=recipe.name,
        model=_shown(recipe.model),
        steps=recipe.grpo.steps,
        images=len(examples),
        annotated=sum(bool(example.references) for example in examples),
        left_out=left_out,
        rewards=progress.last,
        seconds=time.monotonic() - started,
    )
    if trainer.accelerator.is_main_process:
        _save(trainer, processor, dataset, report)
    return report


def _usable(recipe: Recipe, dataset: Path) -> tuple[list[Example], int]:
    """The rows that a reward applies to, and the number of the others."""
    found = read_examples(dataset, recipe.data.split)
    rewards = recipe.rewards
    scored = rewards.prediction is not None or rewards.self_consistency is not None
    if scored and not any(row.mos is not None for row in found.rows):
        raise DataError(
            f"{dataset} has no MOS in the split '{recipe.data.split}', so the rating rewards would "
            "never apply. Name a score list in annotation/dataset.yaml and build it again."
        )
    if rewards.reasoning is not None and not any(row.references for row in found.rows):
        raise DataError(
            f"{dataset} has no human chain in the split '{recipe.data.split}', so the reasoning "
            "reward would never apply. Annotate some of them, or take it out of the recipe."
        )
    usable = [row for row in found.rows if row.mos is not None or row.references]
    return usable, found.without_picture + len(found.rows) - len(usable)


def _drawn(recipe: Recipe, examples: Sequence[Example]) -> str:
    annotated = sum(bool(example.references) for example in examples)
    often = recipe.data.repeat_annotated
    weight = f", each drawn {often} times as often as another" if often > 1 else ""
    return f"{len(examples)} pictures, {annotated} with human chains{weight}"


def _new_run(folder: Path) -> Path:
    """Make the next free `001`, `002`, … in a recipe's folder; unfinished runs count."""
    folder.mkdir(parents=True, exist_ok=True)
    taken = [int(each.name) for each in folder.iterdir() if each.name.isdigit()]
    run = folder / f"{max(taken, default=0) + 1:03d}"
    run.mkdir()
    return run


def _save(trainer: ChainTrainer, processor: Any, dataset: Path, report: TrainReport) -> None:
    run = report.run
    _save_adapter(trainer.accelerator.unwrap_model(trainer.model), run)
    processor.save_pretrained(str(run))
    built = read_manifest(dataset) or {}
    facts = {
        "recipe": report.recipe,
        "model": report.model,
        "dataset": f"{dataset.parent.name}@{dataset.name}",
        "dataset_content": built.get("content_sha256"),
        "simulated": is_simulated(dataset),
        "steps": report.steps,
        "images": report.images,
        "annotated": report.annotated,
        "left_out": report.left_out,
        "rewards": report.rewards,
        "versions": {name: version(name) for name in ("torch", "transformers", "trl", "peft")},
    }
    write_manifest(run, facts)


def _save_adapter(model: Any, run: Path) -> None:
    try:
        model.save_pretrained(str(run))
    except SafetensorError as error:
        # What the disk says is only in its text: "… (os error 28)".
        code = re.search(r"os error (\d+)", str(error))
        if code is None:
            raise
        raise OSError(int(code.group(1)), str(error), str(run)) from None


def _shown(model: str) -> str:
    """A Hub id as it is; of a folder its name only, which is the same on every machine."""
    return Path(model).name if Path(model).is_dir() else model
