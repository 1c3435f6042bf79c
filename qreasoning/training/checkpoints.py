"""Checkpoints: where a run that was interrupted goes on, as if nothing had happened.

A checkpoint counts once its manifest vouches for its files, so one that a killed process left
half-written is passed over. What the run had logged after it is taken back before it goes on.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch
from transformers import TrainerCallback

from qreasoning.errors import DataError, SettingsError, TrainingError
from qreasoning.files import (
    read_manifest,
    sha256_file,
    write_json,
    write_manifest,
    write_text,
)
from qreasoning.settings import load
from qreasoning.training.progress import COMPLETIONS, METRICS, Progress
from qreasoning.training.recipe import Recipe

CHECKPOINTS = "checkpoints"
START = "start.json"
RECIPE = "recipe.yaml"
KEPT = 2
"""Checkpoints kept: the newest, and one before it for as long as the newest is being written."""


class Checkpoints(TrainerCallback):
    """Vouches for each checkpoint once it is written, with everything logged so far."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Write the completions that are not on disk yet, then the checkpoint's manifest."""
        if state.is_world_process_zero:
            self.progress.write_completions()
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            write_manifest(folder, {"step": state.global_step})


class FiniteGradients(TrainerCallback):
    """Stops a run before a gradient that is no number spoils its weights."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_pre_optimizer_step(
        self, args: Any, state: Any, control: Any, model: Any = None, **_: Any
    ) -> None:
        """Raises TrainingError naming the step and the rewards."""
        gradients = [each.grad for each in model.parameters() if each.grad is not None]
        if all(bool(torch.isfinite(each).all()) for each in gradients):
            return
        step = state.global_step + 1
        rewards = ", ".join(
            f"{name} {value:.3g}" for name, value in self.progress.means_of(step).items()
        )
        raise TrainingError(
            f"The gradient of step {step} is not a number (rewards there: {rewards}). "
            f"{_kept(Path(args.output_dir))} Lower grpo.learning_rate or grpo.max_grad_norm, and "
            "train again."
        )


@contextmanager
def writing_checkpoint(checkpoints: Path, step: int) -> Iterator[None]:
    """Raises TrainingError where the block, which writes the checkpoint of a step, cannot."""
    try:
        yield
    except Exception as error:
        # What writes weights and tokenizer is Rust and raises errors of its own, which tell a full
        # disk in their text; what writes optimiser states raises RuntimeError.
        if not isinstance(error, OSError | RuntimeError) and "os error" not in str(error):
            raise
        reason = str(error).splitlines()[0]
        resume = " and --resume" if newest_checkpoint(checkpoints.parent) else ""
        raise TrainingError(
            f"The checkpoint of step {step} could not be written to {checkpoints} ({reason}). "
            f"{_kept(checkpoints)} Make room, then give the same command again{resume}."
        ) from error


def _kept(checkpoints: Path) -> str:
    newest = newest_checkpoint(checkpoints.parent)
    return f"The last good checkpoint is {newest}." if newest else "There is no checkpoint yet."


def begin(run: Path, recipe_text: str, facts: dict[str, Any]) -> None:
    """Write down what a new run is made from, before its first step."""
    write_text(run / RECIPE, recipe_text)
    write_json(run / START, facts)


def resumable(folder: Path, recipe: Recipe, facts: dict[str, Any]) -> tuple[Path, Path]:
    """The newest unfinished run in a recipe's folder, and its newest whole checkpoint.

    Raises DataError or SettingsError where there is none, or the run was begun with another recipe
    or dataset.
    """
    runs = [each for each in sorted(folder.glob("*")) if (each / START).is_file()]
    unfinished = [each for each in runs if read_manifest(each) is None]
    if not unfinished:
        raise DataError(f"There is no unfinished run in {folder}. Leave --resume out.")
    run = unfinished[-1]
    if load(run / RECIPE, Recipe) != recipe:
        raise SettingsError(
            f"{run} was begun with another recipe than this one (see its {RECIPE}). Undo the edit "
            "to go on, or leave --resume out."
        )
    begun = json.loads((run / START).read_text(encoding="utf-8"))
    if begun != facts:
        raise SettingsError(
            f"{run} was begun on {begun.get('dataset')}, not on {facts.get('dataset')} as it is "
            "now. Name that version with --dataset, or leave --resume out."
        )
    checkpoint = newest_checkpoint(run)
    if checkpoint is None:
        raise DataError(
            f"{run} has no checkpoint yet (the first comes after {recipe.grpo.save_steps} steps). "
            "Leave --resume out."
        )
    return run, checkpoint


def newest_checkpoint(run: Path) -> Path | None:
    """The checkpoint of the most steps whose files are all as its manifest says."""
    found = [each for each in (run / CHECKPOINTS).glob("checkpoint-*") if _is_whole(each)]
    return max(found, key=step_of, default=None)


def _is_whole(checkpoint: Path) -> bool:
    manifest = read_manifest(checkpoint)
    return manifest is not None and all(
        (checkpoint / name).is_file() and sha256_file(checkpoint / name) == wanted
        for name, wanted in manifest["files"].items()
    )


def step_of(checkpoint: Path) -> int:
    """The number of steps that a checkpoint was written after."""
    return int(checkpoint.name.removeprefix("checkpoint-"))


def take_back(run: Path, checkpoint: Path) -> None:
    """Remove what the run logged after a checkpoint; it is going to be logged again."""
    step = step_of(checkpoint)
    metrics = run / METRICS
    if metrics.is_file():
        # The last line may be torn.
        lines = metrics.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
        write_text(metrics, "".join(kept))
    for part in (run / COMPLETIONS).glob("*.parquet"):
        if max(pq.read_table(part, columns=["step"])["step"].to_pylist()) > step:
            part.unlink()
