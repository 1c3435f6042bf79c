"""From a recipe to a trainer: the rewards, the rows, the settings and the adapters."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from peft import LoraConfig
from transformers import PrinterCallback
from trl import GRPOConfig

from qreasoning.training.checkpoints import CHECKPOINTS, KEPT
from qreasoning.training.examples import Example, decoded_pictures
from qreasoning.training.generate import messages
from qreasoning.training.progress import LOG_EVERY
from qreasoning.training.recipe import Recipe
from qreasoning.training.rewards import (
    ClaimsReward,
    FormatReward,
    MarginReward,
    PredictionReward,
    RankReward,
    ReasoningReward,
    ThresholdReward,
)
from qreasoning.training.self_consistency import SelfConsistencyReward
from qreasoning.training.trainer import ChainTrainer

PROJECTIONS = r".*language_model.*\.(q|k|v|o|gate|up|down)_proj"
"""What the adapters are put on: the projections of the language model, in PEFT's pattern."""
VISION = r".*visual\.blocks.*\.(qkv|proj|gate_proj|up_proj|down_proj|linear_fc1|linear_fc2)"
"""The projections of the vision tower, where it is adapted too."""


def make_trainer(
    recipe: Recipe, examples: Sequence[Example], model: Any, processor: Any, run: Path
) -> ChainTrainer:
    """The trainer of a recipe over `examples`, writing into the folder `run`."""
    consistency = _self_consistency(recipe, processor)
    rewards = _rewards(recipe, consistency)
    trainer = ChainTrainer(
        model=model,
        reward_funcs=[reward for reward, _ in rewards],
        args=_arguments(recipe, [weight for _, weight in rewards], model.device.type, run),
        train_dataset=_rows(recipe, examples),
        processing_class=processor,
        peft_config=adapters(recipe),
        chain_format=recipe.chain_format,
        credit=recipe.credit,
        sets=[row.mos_set for row in examples] if recipe.rewards.compare_pictures else None,
    )
    trainer.remove_callback(PrinterCallback)
    if consistency is not None:
        consistency.policy = lambda: trainer.accelerator.unwrap_model(trainer.model)
    return trainer


def adapters(recipe: Recipe) -> LoraConfig:
    """The low-rank adapters of a recipe."""
    return LoraConfig(
        r=recipe.lora.rank,
        lora_alpha=recipe.lora.alpha,
        lora_dropout=recipe.lora.dropout,
        target_modules=f"{PROJECTIONS}|{VISION}" if recipe.lora.vision_tower else PROJECTIONS,
        task_type="CAUSAL_LM",
    )


def _self_consistency(recipe: Recipe, processor: Any) -> SelfConsistencyReward | None:
    settings = recipe.rewards.self_consistency
    if settings is None or recipe.stage2 == "off":
        return None
    return SelfConsistencyReward(recipe.chain_format, settings.threshold, recipe.stage2, processor)


def _rewards(
    recipe: Recipe, consistency: SelfConsistencyReward | None
) -> list[tuple[Callable[..., list[float | None]], float]]:
    """The recipe's rewards with their weights."""
    form, chosen = recipe.chain_format, recipe.rewards
    rewards: list[tuple[Callable[..., list[float | None]], float]] = []
    if chosen.format is not None:
        rewards.append((FormatReward(form), chosen.format.weight))
    if chosen.prediction is not None:
        reward = PredictionReward(form, chosen.prediction.threshold)
        rewards.append((reward, chosen.prediction.weight))
    if chosen.threshold is not None:
        rewards.append((ThresholdReward(form, chosen.threshold.threshold), chosen.threshold.weight))
    if chosen.rank is not None:
        rewards.append((RankReward(form), chosen.rank.weight))
    if chosen.margin is not None:
        tau = None if chosen.margin.tau == "human" else chosen.margin.tau
        rewards.append((MarginReward(form, tau), chosen.margin.weight))
    if chosen.self_consistency is not None and consistency is not None:
        rewards.append((consistency, chosen.self_consistency.weight))
    if chosen.reasoning is not None:
        by_claims = chosen.reasoning.metric == "claims"
        penalty = chosen.reasoning.contradiction_penalty
        judge = ClaimsReward(form, penalty) if by_claims else ReasoningReward(form)
        rewards.append((judge, chosen.reasoning.weight))
    return rewards


def _rows(recipe: Recipe, examples: Sequence[Example]) -> Dataset:
    """The dataset as TRL reads it; pictures are decoded when they are drawn."""
    form = recipe.chain_format
    columns = {
        "prompt": [messages(form, form.prompt)] * len(examples),
        "image": [example.image for example in examples],
        "image_id": [example.image_id for example in examples],
        "mos": [example.mos for example in examples],
        "mos_set": [example.mos_set for example in examples],
        "mos_std": [example.mos_std for example in examples],
        "references": [list(example.references) for example in examples],
    }
    drawn = [
        row
        for row, example in enumerate(examples)
        for _ in range(recipe.data.repeat_annotated if example.references else 1)
    ]
    return Dataset.from_dict(columns).select(drawn).with_transform(decoded_pictures)


def _arguments(recipe: Recipe, weights: list[float], device: str, run: Path) -> GRPOConfig:
    grpo = recipe.grpo
    on_gpu = device == "cuda"
    per_step = grpo.images_per_step * grpo.num_generations
    return GRPOConfig(
        output_dir=str(run / CHECKPOINTS),
        max_steps=grpo.steps or -1,
        num_train_epochs=grpo.epochs or 1,
        per_device_train_batch_size=per_step // grpo.gradient_accumulation_steps,
        gradient_accumulation_steps=grpo.gradient_accumulation_steps,
        num_generations=grpo.num_generations,
        num_iterations=grpo.num_iterations,
        max_completion_length=grpo.max_completion_length,
        temperature=grpo.temperature,
        beta=grpo.beta,
        epsilon=grpo.epsilon,
        loss_type=grpo.loss_type,
        scale_rewards=grpo.scale_rewards,
        reward_weights=weights,
        learning_rate=grpo.learning_rate,
        lr_scheduler_type=grpo.schedule,
        warmup_steps=grpo.warmup_steps,
        adam_beta2=grpo.adam_beta2,
        max_grad_norm=grpo.max_grad_norm,
        activation_checkpointing=grpo.gradient_checkpointing,
        seed=grpo.seed,
        bf16=on_gpu,
        use_cpu=not on_gpu,
        logging_steps=LOG_EVERY,
        save_strategy="steps",
        save_steps=grpo.save_steps,
        save_total_limit=KEPT,
        report_to=list(recipe.report_to),
        disable_tqdm=True,
        **_vllm(recipe),
    )


def _vllm(recipe: Recipe) -> dict[str, Any]:
    chosen = recipe.vllm
    if chosen is None:
        return {}
    return {
        "use_vllm": True,
        "vllm_mode": chosen.mode,
        "vllm_gpu_memory_utilization": chosen.gpu_memory_utilization,
        "vllm_tensor_parallel_size": chosen.tensor_parallel_size,
        "vllm_server_host": chosen.host,
        "vllm_server_port": chosen.port,
    }
