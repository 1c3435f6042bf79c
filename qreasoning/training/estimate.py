"""What a run is going to need: memory per process and time, roughly, without loading its weights.

Everything is counted from the model's configuration; what cannot be counted (how well kernels fill
the machine, what one layer of a decoding step costs) is a constant below. Take the figures as the
right order of magnitude: batches and lengths are taken at their limits.
"""

import re
import time
from dataclasses import dataclass
from math import ceil
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForImageTextToText

from qreasoning.training.grpo import PROJECTIONS
from qreasoning.training.recipe import Recipe
from qreasoning.training.self_consistency import ANSWER_TOKENS

FILLED = 0.4
"""Share of a plain matrix product's speed that a model's forward and backward passes reach."""
LAYER_SECONDS = {"cuda": 1e-3, "cpu": 3e-3}
"""What one layer of one decoding step takes at least, however small: starting its kernels."""
ADAPTER_BYTES = 16
"""Per adapter weight: itself, its gradient and Adam's two moments, in 32 bits each."""


@dataclass(frozen=True)
class Shape:
    """The sizes of a model that memory and time depend on, and the weights of its adapters."""

    parameters: int
    adapters: int
    layers: int
    hidden: int
    intermediate: int
    key_values: int
    vocabulary: int


@dataclass(frozen=True)
class Memory:
    """Bytes per process. `generating` and `learning` are not needed at the same time."""

    weights: float
    adapters: float
    generating: float
    learning: float

    @property
    def total(self) -> float:
        """Bytes that are needed at once."""
        return self.weights + self.adapters + max(self.generating, self.learning)


def shape_of(recipe: Recipe) -> Shape:
    """Count a model's parameters by its configuration alone; nothing is allocated."""
    config = AutoConfig.from_pretrained(recipe.model, revision=recipe.revision)
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(config)
    adapted: list[Any] = [
        module for name, module in model.named_modules() if re.fullmatch(PROJECTIONS, name)
    ]
    text = config.get_text_config()
    heads = text.num_attention_heads
    return Shape(
        parameters=sum(weight.numel() for weight in model.parameters()),
        adapters=sum(recipe.lora.rank * (each.in_features + each.out_features) for each in adapted),
        layers=text.num_hidden_layers,
        hidden=text.hidden_size,
        intermediate=text.intermediate_size,
        key_values=text.num_key_value_heads
        * (getattr(text, "head_dim", None) or text.hidden_size // heads),
        vocabulary=text.vocab_size,
    )


def memory(recipe: Recipe, shape: Shape, prompt_tokens: int, device: str) -> Memory:
    """Bytes per process for prompts of `prompt_tokens` (the picture's included)."""
    grpo = recipe.grpo
    number = 2 if device == "cuda" else 4
    completions = grpo.images_per_step * grpo.num_generations
    part = completions // grpo.gradient_accumulation_steps
    tokens = part * grpo.max_completion_length + _prompts(recipe, part) * prompt_tokens
    # Per token and layer: 8 times the hidden size in attention and norms, 4 times the MLP's.
    layer = (8 * shape.hidden + 4 * shape.intermediate) * number
    kept = shape.hidden * number * shape.layers + layer
    activations = kept if grpo.gradient_checkpointing else layer * shape.layers
    # Logits in the model's precision, then their logarithms and gradients in 32 bits.
    logits = grpo.max_completion_length * shape.vocabulary * (number + 8)
    # NF4 with doubly quantized scales: 4.13 bits; embeddings and the vision tower stay as they are.
    weight = 0.6 if recipe.quantization else number
    cached = completions * (prompt_tokens + grpo.max_completion_length)
    return Memory(
        weights=shape.parameters * weight,
        adapters=shape.adapters * ADAPTER_BYTES,
        generating=cached * 2 * shape.key_values * shape.layers * number,
        learning=tokens * activations + part * logits,
    )


def seconds_per_step(
    recipe: Recipe, shape: Shape, prompt_tokens: int, device: str, speed: float
) -> float:
    """Seconds of one optimiser step where a matrix product runs at `speed` operations a second.

    A pass forward takes 2 operations per parameter and token, a pass backward as many: the frozen
    weights need no gradients of their own. Checkpointing and a KL divergence are a pass each.
    """
    grpo = recipe.grpo
    completions = grpo.images_per_step * grpo.num_generations
    written = grpo.max_completion_length
    parts = grpo.gradient_accumulation_steps
    passes = 2 + grpo.gradient_checkpointing + (grpo.beta > 0)
    read = parts * _prompts(recipe, completions // parts) * prompt_tokens
    learned = passes * (completions * written + read)
    # A batch of completions serves `num_iterations` steps.
    generated = _prompts(recipe, completions) * prompt_tokens / grpo.num_iterations
    decoded = written / grpo.num_iterations
    if recipe.stage2 != "off":
        generated += completions * written / grpo.num_iterations
        decoded += (ANSWER_TOKENS if recipe.stage2 == "generate" else 2) / grpo.num_iterations
    operations = 2 * shape.parameters / (speed * FILLED)
    token = max(completions * operations, shape.layers * LAYER_SECONDS[device])
    return (learned + generated) * operations + decoded * token


def _prompts(recipe: Recipe, completions: int) -> int:
    """How many prompts are read for so many completions: one per group where they are shared."""
    if not recipe.efficiency.share_prompts:
        return completions
    return ceil(completions / recipe.grpo.num_generations)


def measured_speed(device: str) -> float:
    """Operations per second of a matrix product on this machine, in the precision of a run."""
    side = 8192 if device == "cuda" else 1024
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    one = torch.ones(side, side, device=device, dtype=dtype)
    taken = []
    for _ in range(4):
        started = time.perf_counter()
        # Reading a number back waits until the product is there.
        float((one @ one)[0, 0])
        taken.append(time.perf_counter() - started)
    return 2.0 * side**3 / min(taken)
