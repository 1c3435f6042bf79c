"""A recipe: everything that decides a training run, in one YAML file. Needs no torch to read.

Sources in brackets: [H-IQA] arXiv 2512.16484, [Q-Insight] arXiv 2503.22679, [MR-IQA-2]
arXiv 2608.18579, [GRPO] arXiv 2402.03300; [ours] where none of them says. The GRPO settings have
no defaults on purpose: a recipe pins every one, because the library's defaults are no paper's.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from qreasoning.chain import FORMATS, ChainFormat
from qreasoning.settings import Settings, read_yaml, validate

TINY = "tiny-simulated"
"""The model name that stands for the tiny model; who starts the run replaces it by its folder."""


class Data(Settings):
    """Which rows of the dataset are drawn, and how often."""

    split: Literal["train", "validation", "test"] = "train"
    """The split that is trained on. [ours]"""
    repeat_annotated: int = Field(default=1, ge=1)
    """How many times a picture with a human chain is drawn where another is drawn once. [ours]"""


class Weighted(Settings):
    """A reward and its weight in the total; H-IQA's total is the plain sum."""

    weight: float = Field(default=1.0, gt=0)
    """Factor of this reward in the total. [H-IQA: 1]"""


class CosineReward(Weighted):
    """A reward on the error of a rating: 1 at none, falling as a cosine to 0 at the threshold."""

    threshold: float = Field(default=1.0, gt=0)
    """The error in MOS units from which the reward is 0. [H-IQA names t; 1.0 is our reading]"""


class Rewards(Settings):
    """The rewards in use; one that is left out is not computed."""

    format: Weighted | None = None
    """1 where the completion is exactly one chain of the format. [H-IQA]"""
    prediction: CosineReward | None = None
    """Stage 1's rating against the MOS. [H-IQA]"""
    self_consistency: CosineReward | None = None
    """Stage 2's rating, from the caption alone, against the MOS. [H-IQA]"""
    reasoning: Weighted | None = None
    """ROUGE-1 F of caption and reasoning with the human chains, mean over people. [H-IQA]"""

    @model_validator(mode="after")
    def _one_at_least(self) -> "Rewards":
        if not any(vars(self).values()):
            raise ValueError("no reward is given, add one (format, prediction, …)")
        return self


class Lora(Settings):
    """Low-rank adapters on the projections of the language model; the vision tower is frozen."""

    rank: int = Field(ge=1)
    """Rank of each adapter. [ours]"""
    alpha: int = Field(ge=1)
    """Scale: an adapter's output is multiplied by alpha / rank. [ours]"""
    dropout: float = Field(ge=0, lt=1)
    """Dropout on the adapters' input. [ours]"""


class Grpo(Settings):
    """Group relative policy optimisation, as TRL's GRPOTrainer runs it."""

    steps: int = Field(ge=1)
    """Optimiser steps. [ours; the papers give epochs]"""
    images_per_step: int = Field(ge=1)
    """Pictures per step and process. [ours]"""
    num_generations: int = Field(ge=2)
    """K, completions per picture: the group that advantages are relative to. [Q-Insight: 8]"""
    gradient_accumulation_steps: int = Field(ge=1)
    """A step's completions are worked through in this many parts, to fit in memory. [ours]"""
    num_iterations: int = Field(ge=1)
    """Updates per generated batch. [MR-IQA-2: one is enough]"""
    max_completion_length: int = Field(ge=8)
    """Tokens after which a completion is cut off. [ours]"""
    temperature: float = Field(gt=0)
    """Sampling temperature of the completions. [ours]"""
    beta: float = Field(ge=0)
    """Weight of the KL divergence from the start model. [Q-Insight: 0.001]"""
    epsilon: float = Field(gt=0)
    """Clipping of the probability ratio. [GRPO: 0.2]"""
    loss_type: Literal["grpo", "dapo", "dr_grpo", "bnpo"]
    """How token losses are averaged. [GRPO: grpo, per completion]"""
    scale_rewards: Literal["group", "batch", "none"]
    """What a group's advantages are divided by. [GRPO: group, its standard deviation]"""
    learning_rate: float = Field(gt=0)
    """Peak learning rate of the adapters. [ours: H-IQA's LoRA rate is not public]"""
    schedule: Literal["linear", "cosine", "constant_with_warmup"]
    """How the rate changes after the warm-up. [ours]"""
    warmup_steps: int = Field(ge=0)
    """Steps in which the rate rises to its peak. [ours]"""
    adam_beta2: float = Field(gt=0, lt=1)
    """AdamW's second decay. [ours]"""
    max_grad_norm: float = Field(gt=0)
    """Gradients are scaled down to this norm. [ours]"""
    gradient_checkpointing: bool
    """Trade time for memory in the backward pass. [ours]"""
    seed: int = Field(ge=0)
    """Seed of adapters, sampling and the order of pictures. [ours]"""

    @model_validator(mode="after")
    def _parts_are_equal(self) -> "Grpo":
        completions = self.images_per_step * self.num_generations
        if completions % self.gradient_accumulation_steps:
            raise ValueError(
                f"gradient_accumulation_steps must divide the {completions} completions of a step "
                "(images_per_step x num_generations)"
            )
        return self


class Recipe(Settings):
    """One training run, fully described."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """The recipe's name; taken from its file."""
    model: str
    """The start model: a Hub id or a folder. [H-IQA: Qwen2.5-VL-7B-Instruct]"""
    format: str
    """The text format of the chains; one of `qreasoning.chain.FORMATS`."""
    max_pixels: int | None = Field(default=None, ge=1)
    """Larger pictures are scaled down to this many pixels before the model sees them. [ours]"""
    data: Data = Data()
    """Which rows are drawn."""
    rewards: Rewards
    """What is rewarded."""
    stage2: Literal["expect", "generate", "off"]
    """How stage 2 is read in training: from the logits, by generation, or not at all."""
    lora: Lora
    """The adapters."""
    grpo: Grpo
    """The optimisation."""

    @field_validator("format")
    @classmethod
    def _known_format(cls, name: str) -> str:
        if name not in FORMATS:
            raise ValueError(f"unknown format '{name}', choose from {', '.join(FORMATS)}")
        return name

    @model_validator(mode="after")
    def _stage2_is_used(self) -> "Recipe":
        if (self.stage2 == "off") != (self.rewards.self_consistency is None):
            raise ValueError("stage2 is off exactly where rewards.self_consistency is left out")
        return self

    @property
    def chain_format(self) -> ChainFormat:
        """The format object that owns prompt, parser and format check."""
        return FORMATS[self.format]


def load_recipe(path: Path) -> Recipe:
    """Read a recipe; its name is the file's. Raises SettingsError naming file, key and remedy."""
    content = read_yaml(path)
    if isinstance(content, dict):
        content = {"name": path.stem, **content}
    return validate(content, Recipe, path)
