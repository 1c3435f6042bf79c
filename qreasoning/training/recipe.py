"""A recipe: everything that decides a training run, in one YAML file. Needs no torch to read.

Sources in brackets: [H-IQA] arXiv 2512.16484, [Q-Insight] arXiv 2503.22679, [VisualQuality-R1]
arXiv 2505.14460, [MR-IQA] arXiv 2606.29760, [MR-IQA-2] arXiv 2608.18579, [GRPO] arXiv 2402.03300;
[ours] where none of them says. The GRPO settings have no defaults on purpose: a recipe pins every
one, because the library's defaults are no paper's.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from qreasoning.chain import FORMATS, ChainFormat
from qreasoning.errors import SettingsError
from qreasoning.settings import Settings, read_yaml, validate
from qreasoning.training.overrides import overridden
from qreasoning.workspace import shipped

TINY = "tiny-simulated"
"""The model name that stands for the tiny model; who starts the run replaces it by its folder."""

Credit = Literal["sequence", "span"]


class Data(Settings):
    """Which rows of the dataset are drawn, and how often."""

    split: Literal["train", "validation", "test"] = "train"
    """The split that is trained on. [ours]"""
    annotated: float = Field(default=1.0, gt=0, le=1)
    """The share of the pictures with human chains that keep them, chosen by the pictures' hashes:
    a smaller share lies within a larger one. Of the others only the MOS is used. [ours]"""
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


class ThresholdReward(Weighted):
    """A reward of 1 for a rating that is close enough."""

    threshold: float = Field(default=0.35, gt=0)
    """The error in MOS units below which the reward is 1. [Q-Insight: 0.35]"""


class ReasoningReward(Weighted):
    """A reward on what caption and reasoning say, against the human chains of the picture."""

    metric: Literal["rouge1", "claims"] = "rouge1"
    """`rouge1`: shared words [H-IQA]. `claims`: shared claims about the dimensions. [ours]"""
    contradiction_penalty: float = Field(default=1.0, ge=0)
    """For claims: what the share of contradicted claims takes off. [ours]"""


class MarginReward(Weighted):
    """A reward on the distances to the other pictures' ratings."""

    tau: float | Literal["human"] = Field(default=1.0)
    """How far a distance may be off; `human`: as far as the human scores spread. [MR-IQA: both]"""

    @field_validator("tau")
    @classmethod
    def _tau_is_positive(cls, tau: float | str) -> float | str:
        if isinstance(tau, float) and tau <= 0:
            raise ValueError("must be above 0")
        return tau


class Rewards(Settings):
    """The rewards in use; one that is left out is not computed."""

    format: Weighted | None = None
    """1 where the completion is exactly one chain of the format. [H-IQA]"""
    prediction: CosineReward | None = None
    """Stage 1's rating against the MOS. [H-IQA]"""
    threshold: ThresholdReward | None = None
    """1 where stage 1's rating is within a threshold of the MOS, else 0. [Q-Insight]"""
    rank: Weighted | None = None
    """Stage 1's ratings, compared between pictures: the better one higher. [VisualQuality-R1]"""
    margin: MarginReward | None = None
    """Stage 1's ratings, compared between pictures: as far apart as the MOS. [MR-IQA]"""
    self_consistency: CosineReward | None = None
    """Stage 2's rating, from the caption alone, against the MOS. [H-IQA]"""
    reasoning: ReasoningReward | None = None
    """Caption and reasoning against the human chains: ROUGE-1 F, mean over people. [H-IQA]"""

    @model_validator(mode="after")
    def _one_at_least(self) -> "Rewards":
        if not any(vars(self).values()):
            raise ValueError("no reward is given, add one (format, prediction, …)")
        return self

    @property
    def need_mos(self) -> bool:
        """Whether a reward on the rating is among them."""
        rated = (self.prediction, self.threshold, self.self_consistency)
        return any(rated) or self.compare_pictures

    @property
    def compare_pictures(self) -> bool:
        """Whether a reward compares the pictures of a batch with each other."""
        return self.rank is not None or self.margin is not None


class Lora(Settings):
    """Low-rank adapters on the projections of the language model; the vision tower is frozen."""

    rank: int = Field(ge=1)
    """Rank of each adapter. [ours]"""
    alpha: int = Field(ge=1)
    """Scale: an adapter's output is multiplied by alpha / rank. [ours]"""
    dropout: float = Field(ge=0, lt=1)
    """Dropout on the adapters' input. [ours]"""
    vision_tower: bool = False
    """Whether the vision tower is adapted as well. [ours: no, it stays frozen]"""


class Grpo(Settings):
    """Group relative policy optimisation, as TRL's GRPOTrainer runs it."""

    steps: int | None = Field(default=None, ge=1)
    """Optimiser steps; or else `epochs`."""
    epochs: float | None = Field(default=None, gt=0)
    """How often each picture is drawn; or else `steps`. [Q-Insight, VisualQuality-R1: 10]"""
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
    save_steps: int = Field(default=100, ge=1)
    """Steps between two checkpoints, from which an interrupted run goes on. [ours]"""
    seed: int = Field(ge=0)
    """Seed of adapters, sampling and the order of pictures. [ours]"""

    @model_validator(mode="after")
    def _steps_or_epochs(self) -> "Grpo":
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("give one of steps and epochs")
        return self

    @model_validator(mode="after")
    def _parts_are_equal(self) -> "Grpo":
        completions = self.images_per_step * self.num_generations
        if completions % self.gradient_accumulation_steps:
            raise ValueError(
                f"gradient_accumulation_steps must divide the {completions} completions of a step "
                "(images_per_step x num_generations)"
            )
        return self


class Efficiency(Settings):
    """What the completions of a group share; neither changes what is computed.

    Both are tried on two pictures before the first step, and switched off with a sentence where
    the model's log-probabilities would not be those of the plain way.
    """

    share_prompts: bool = True
    """Read each prompt once for all its completions. [ours]"""
    share_pictures: bool = True
    """Encode each picture once per step; needs a frozen vision tower. [ours]"""
    cache_pictures: float | None = Field(default=None, gt=0)
    """Keep encoded pictures on disk, at most this many GB, so that each is encoded once per run and
    by no later run of the same weights; needs a frozen vision tower. null: nowhere. [ours]"""


class Vllm(Settings):
    """Completions written by vLLM instead of the model in training; needs a GPU and the package."""

    mode: Literal["colocate", "server"] = "colocate"
    """`colocate`: on the GPUs that train, in turn; `server`: `trl vllm-serve` on others. [ours]"""
    gpu_memory_utilization: float = Field(default=0.3, gt=0, le=1)
    """colocate: the share of each GPU's memory that vLLM takes. [ours]"""
    tensor_parallel_size: int = Field(default=1, ge=1)
    """colocate: GPUs that one copy is split over. [ours]"""
    host: str = "127.0.0.1"
    """server: its address. [ours]"""
    port: int = Field(default=8000, ge=1, le=65535)
    """server: its port. [ours]"""


class Sft(Settings):
    """A warm-up on the human chains before the first step of GRPO: the model learns to write them.

    Only the completion is learned, by adapters of their own, which are merged in.
    """

    epochs: float = Field(default=1.0, gt=0)
    """How often each human chain is shown. [ours]"""
    learning_rate: float = Field(default=1e-4, gt=0)
    """Peak learning rate of the adapters. [ours]"""
    batch: int = Field(default=8, ge=1)
    """Chains per optimiser step and process. [ours]"""


class Recipe(Settings):
    """One training run, fully described."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """The recipe's name; taken from its file."""
    model: str
    """The start model: a Hub id or a folder. [H-IQA: Qwen2.5-VL-7B-Instruct]"""
    revision: str | None = None
    """Branch, tag or commit of a Hub model; the run keeps the commit it came to. [ours]"""
    quantization: Literal["4bit"] | None = None
    """`4bit`: the frozen weights in 4 bits (NF4), which needs a GPU and bitsandbytes. [ours]"""
    init_from: str | None = None
    """A warm-up by reinforcement: a run (RECIPE/NUMBER or its folder) whose adapter is merged in
    before new ones are put on; a recipe's name is its newest run, which is made first where there
    is none. The merged model is also what the KL divergence is measured from. [H-IQA]"""
    sft: Sft | None = None
    """A warm-up on the human chains, after `init_from`. [ours]"""
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
    credit: Credit = "sequence"
    """What a reward moves: the whole completion, or the tokens of the field that it judges.
    [H-IQA: sequence; MR-IQA-2: span]"""
    lora: Lora
    """The adapters."""
    efficiency: Efficiency = Efficiency()
    """What is computed once for a group."""
    grpo: Grpo
    """The optimisation."""
    vllm: Vllm | None = None
    """Who writes the completions in training; null: the model itself."""
    report_to: tuple[str, ...] = ("tensorboard",)
    """Where metrics are sent besides the run's own files: any name transformers knows. [ours]"""

    @field_validator("format")
    @classmethod
    def _known_format(cls, name: str) -> str:
        if name not in FORMATS:
            raise ValueError(f"unknown format '{name}', choose from {', '.join(FORMATS)}")
        return name

    @field_validator("stage2", mode="before")
    @classmethod
    def _off_is_a_word(cls, value: Any) -> Any:
        # YAML reads a bare off as false.
        return "off" if value is False else value

    @model_validator(mode="after")
    def _stage2_is_used(self) -> "Recipe":
        if (self.stage2 == "off") != (self.rewards.self_consistency is None):
            raise ValueError("stage2 is off exactly where rewards.self_consistency is left out")
        return self

    @model_validator(mode="after")
    def _cached_pictures_stay_the_same(self) -> "Recipe":
        if self.efficiency.cache_pictures is None:
            return self
        if self.lora.vision_tower:
            raise ValueError(
                "efficiency.cache_pictures does not go with lora.vision_tower: the encoding of a "
                "picture changes while the vision tower is trained"
            )
        if not self.efficiency.share_pictures:
            raise ValueError("efficiency.cache_pictures needs efficiency.share_pictures")
        return self

    @model_validator(mode="after")
    def _nothing_is_merged_into_4_bits(self) -> "Recipe":
        if self.quantization is not None and (self.init_from or self.sft):
            raise ValueError(
                "quantization does not go with init_from or sft, whose adapters would be rounded "
                "to 4 bits when they are merged in"
            )
        return self

    @model_validator(mode="after")
    def _vllm_has_whole_weights(self) -> "Recipe":
        if self.vllm is not None and self.quantization is not None:
            raise ValueError("vllm does not go with quantization: it is sent the merged weights")
        return self

    @model_validator(mode="after")
    def _compared_pictures_differ(self) -> "Recipe":
        if self.rewards.compare_pictures and self.data.repeat_annotated > 1:
            raise ValueError(
                "data.repeat_annotated must be 1 where rewards compare pictures: a picture drawn "
                "twice for one step would be compared with itself"
            )
        return self

    @model_validator(mode="after")
    def _credit_fits_the_loss(self) -> "Recipe":
        if self.credit == "span" and self.grpo.loss_type == "bnpo":
            raise ValueError(
                "credit: span does not go with loss_type bnpo, which divides by the tokens of "
                "whatever part a completion lands in; choose grpo, dapo or dr_grpo"
            )
        return self

    @property
    def chain_format(self) -> ChainFormat:
        """The format object that owns prompt, parser and format check."""
        return FORMATS[self.format]


def load_recipe(path: Path, changes: Sequence[str] = ()) -> Recipe:
    """Read a recipe with `changes` (`key.key=value` each) made to it; its name is the file's.

    A file with `extends: NAME` says only what differs from that recipe, which lies beside it, in
    the folder above, or is a shipped one; a key set to null there is taken out. Raises
    SettingsError naming file, key and remedy.
    """
    content = overridden(_extended(path, ()), changes)
    if isinstance(content, dict):
        content = {"name": path.stem, **content}
    return validate(content, Recipe, f"{path} with {' '.join(changes)}" if changes else path)


def _extended(path: Path, below: tuple[Path, ...]) -> Any:
    content = read_yaml(path)
    if not isinstance(content, dict) or "extends" not in content:
        return content
    name = content.pop("extends")
    places = (path.parent, path.parent.parent, shipped() / "training")
    found = next(
        (place / f"{name}.yaml" for place in places if (place / f"{name}.yaml").is_file()), None
    )
    if found is None:
        raise SettingsError(f"{path}: there is no recipe '{name}' to extend. Correct 'extends'.")
    if found in (path, *below):
        raise SettingsError(f"{path}: the recipes extend each other in a circle. Break it.")
    return _merged(_extended(found, (path, *below)), content)


def _merged(before: Any, changes: Any) -> Any:
    if not isinstance(before, dict) or not isinstance(changes, dict):
        return changes
    merged = {**before, **{key: _merged(before.get(key), changes[key]) for key in changes}}
    return {key: value for key, value in merged.items() if value is not None}
