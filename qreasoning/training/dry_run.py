"""`qr train --dry-run`: what can be known of a run before it begins; nothing is done."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import yaml
from accelerate import PartialState

from qreasoning import images
from qreasoning.errors import SettingsError
from qreasoning.training.batches import PictureSampler
from qreasoning.training.estimate import (
    Memory,
    measured_speed,
    memory,
    seconds_per_step,
    shape_of,
)
from qreasoning.training.examples import Example
from qreasoning.training.generate import prompt_text
from qreasoning.training.model import (
    choose_device,
    commit_of,
    load_processor,
    without_4_bits,
    without_gpu,
)
from qreasoning.training.preflight import check_batches, check_pictures, drawn, usable_examples
from qreasoning.training.recipe import Recipe
from qreasoning.training.reporting import check_reporting
from qreasoning.training.rewards import FormatReward

SHOWN = 2
"""Prompts that are rendered."""


@dataclass(frozen=True)
class Prompt:
    """A prompt as the model reads it; the picture's tokens are written once, with their number."""

    name: str
    text: str
    pictures: int
    picture_tokens: int
    tokens: int


@dataclass(frozen=True)
class DryRun:
    """What a run would be. `example_reward` is the format reward of the prompt's own example.

    `steps` and `epochs` follow from each other; `seconds` is for all steps. `missing` says what the
    run needs and this machine lacks; `prompts`, `memory` and `seconds` are empty or None where that
    keeps them from being known. `question` is the prompt before it is rendered.
    """

    recipe: str
    pictures: str
    question: str
    prompts: tuple[Prompt, ...]
    example_reward: float | None
    processes: int
    groups: int
    completions: int
    steps: int
    epochs: float
    device: str
    memory: Memory | None
    seconds: float | None
    missing: tuple[str, ...]


@dataclass(frozen=True)
class _Model:
    """What the files of the model tell."""

    recipe: Recipe
    prompts: tuple[Prompt, ...]
    memory: Memory
    seconds: float | None


def dry_run(recipe: Recipe, dataset: Path, device: str | None = None) -> DryRun:
    """Look at a run before it is begun, also where its GPU or its model is not.

    Raises what `train` would raise before any work for recipe and dataset.
    """
    examples, _ = usable_examples(recipe, dataset)
    no_gpu = without_gpu(recipe.model, device)
    device = "cuda" if no_gpu else choose_device(recipe.model, device)
    processes = PartialState(cpu=no_gpu is not None or device == "cpu").num_processes
    check_batches(recipe, examples, processes)
    check_pictures(examples)
    check_reporting(recipe.report_to)
    steps, epochs = steps_and_epochs(recipe, examples, processes)
    no_4_bits = without_4_bits(device) if recipe.quantization else None
    missing = [each for each in (no_gpu, no_4_bits) if each]
    model = None
    try:
        model = _look_at_model(recipe, examples, device, here=no_gpu is None)
    except SettingsError as error:
        missing.append(f"Prompts, memory and time are not known: {error}")
    form = recipe.chain_format
    (reward,) = FormatReward(form)([form.render(form.example)])
    resolved = (model.recipe if model else recipe).model_dump(mode="json")
    return DryRun(
        recipe=yaml.safe_dump(resolved, sort_keys=False, allow_unicode=True),
        pictures=drawn(recipe, examples),
        question=form.prompt,
        prompts=model.prompts if model else (),
        example_reward=reward,
        processes=processes,
        groups=recipe.grpo.images_per_step,
        completions=recipe.grpo.num_generations,
        steps=steps,
        epochs=epochs,
        device=device,
        memory=model.memory if model else None,
        seconds=steps * model.seconds if model and model.seconds is not None else None,
        missing=tuple(missing),
    )


def _look_at_model(
    recipe: Recipe, examples: Sequence[Example], device: str, *, here: bool
) -> _Model:
    """Raises SettingsError where the model cannot be had; `here`: the device is on this machine."""
    recipe = recipe.model_copy(update={"revision": commit_of(recipe.model, recipe.revision)})
    processor = load_processor(recipe.model, recipe.max_pixels, revision=recipe.revision)
    prompts = tuple(_rendered(recipe, processor, each) for each in examples[:SHOWN])
    shape = shape_of(recipe)
    tokens = max(prompt.tokens for prompt in prompts)
    step = seconds_per_step(recipe, shape, tokens, device, measured_speed(device)) if here else None
    return _Model(recipe, prompts, memory(recipe, shape, tokens, device), step)


def _rendered(recipe: Recipe, processor: Any, example: Example) -> Prompt:
    text = prompt_text(processor, recipe.chain_format, recipe.chain_format.prompt, picture=True)
    picture = images.decode(example.image, example.name)
    inputs = processor(text=[text], images=[[picture]], return_tensors="pt")
    ids = inputs["input_ids"][0]
    return Prompt(
        name=example.name,
        text=text,
        pictures=len(inputs["image_grid_thw"]),
        picture_tokens=int((ids == processor.image_token_id).sum()),
        tokens=len(ids),
    )


def steps_and_epochs(
    recipe: Recipe, examples: Sequence[Example], processes: int
) -> tuple[int, float]:
    """Optimiser steps, and how often each row is drawn in them.

    A batch of completions is learned from `num_iterations` times, a step each.
    """
    grpo = recipe.grpo
    often = recipe.data.repeat_annotated
    sets = [row.mos_set for row in examples for _ in range(often if row.references else 1)]
    sampler = PictureSampler(
        sets=sets,
        compared=recipe.rewards.compare_pictures,
        pictures=grpo.images_per_step * processes,
        completions=1,
        repeats=1,
        seed=grpo.seed,
    )
    per_epoch = len(sampler) // sampler.pictures * grpo.num_iterations
    steps = grpo.steps or ceil((grpo.epochs or 0) * per_epoch)
    return steps, steps / per_epoch
