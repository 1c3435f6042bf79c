"""TRL's GRPOTrainer with what is ours: credit by field, batches in which every picture has somebody
to be compared with, a table of what was generated, and a sentence for a disk that is full.

Each is one override; nothing of TRL is copied. What they rest on in TRL 1.16: rewards are gathered
by `_calculate_rewards`, and `_compute_loss` takes advantages per token, (completions, tokens).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object

from qreasoning.chain import ChainFormat
from qreasoning.training.batches import PictureSampler
from qreasoning.training.checkpoints import writing_checkpoint
from qreasoning.training.credit import (
    equal_say,
    normalised,
    span_advantages,
    token_spans,
    token_weights,
)
from qreasoning.training.recipe import Credit
from qreasoning.training.rewards import read, text_of
from qreasoning.training.sharing import SharingTrainer


class ChainTrainer(SharingTrainer):
    """GRPOTrainer that collects a row per completion in `completions`, on the main process.

    A row is {step, image_id, completion, status} and one value per reward (None: does not apply).
    `sets` is the score set of each dataset row where pictures are compared within their set, else
    None.
    """

    def __init__(
        self,
        *args: Any,
        chain_format: ChainFormat,
        credit: Credit = "sequence",
        sets: Sequence[str | None] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self.chain_format = chain_format
        self.credit = credit
        self.sets = sets
        self.completions: list[dict[str, Any]] = []
        self._rewards_by_name = torch.empty(0)

    def _get_train_sampler(self, dataset: Any = None) -> PictureSampler:
        rows = len(dataset if dataset is not None else self.train_dataset)
        return PictureSampler(
            sets=self.sets or [None] * rows,
            compared=self.sets is not None,
            pictures=self.args.generation_batch_size // self.num_generations,
            completions=self.num_generations,
            repeats=self.num_iterations * self.args.steps_per_generation,
            seed=self.args.seed,
        )

    def _calculate_rewards(
        self, inputs: list[dict[str, Any]], prompts: Any, completions: Sequence[Any], ids: Any
    ) -> torch.Tensor:
        rewards: torch.Tensor = super()._calculate_rewards(inputs, prompts, completions, ids)
        self._rewards_by_name = rewards
        texts = gather_object([text_of(completion) for completion in completions])
        image_ids = gather_object([each["image_id"] for each in inputs])
        if self.accelerator.is_main_process:
            self._collect(image_ids, texts, rewards.tolist())
        return rewards

    def _save_checkpoint(self, *args: Any, **options: Any) -> None:
        with writing_checkpoint(Path(self.args.output_dir), self.state.global_step):
            super()._save_checkpoint(*args, **options)

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        batch: dict[str, Any] = super()._generate_and_score_completions(inputs)
        if self.credit != "sequence":
            batch["advantages"] = self._field_advantages(batch)
        return batch

    def _field_advantages(self, batch: dict[str, Any]) -> torch.Tensor:
        """(completions of this process, tokens)."""
        own = len(batch["completion_ids"])
        first = self.accelerator.process_index * own
        averaged = self.credit == "span"
        advantages = normalised(self._rewards_by_name, self.num_generations)
        if not averaged:
            advantages = advantages * equal_say(self._rewards_by_name)
        advantages = (advantages * self.reward_weights.to(advantages))[first : first + own]
        counts = batch["completion_mask"].sum(1).tolist()
        weights = []
        for ids, count in zip(batch["completion_ids"].tolist(), counts, strict=True):
            tokens = token_spans(self._tokenizer, ids[:count])
            text = self._tokenizer.decode(ids[:count], skip_special_tokens=True)
            parsed = self.chain_format.parse(text)
            names, form = self.reward_func_names, self.chain_format
            weights.append(token_weights(parsed, tokens, names, form, averaged=averaged))
        divisors = self._divisors(batch)
        lengths = divisors if averaged else torch.ones_like(divisors)
        return span_advantages(advantages, weights, lengths, batch["completion_ids"].shape[1])

    def _divisors(self, batch: dict[str, Any]) -> torch.Tensor:
        """What the loss divides the sum over each completion by, per completion."""
        lengths: torch.Tensor = batch["completion_mask"].sum(1).clamp(min=1).float()
        if self.loss_type == "dapo":
            # All tokens of the generation batch over all its completions.
            return torch.full_like(
                lengths, float(batch["num_items_in_batch"]) / len(self._rewards_by_name)
            )
        if self.loss_type == "dr_grpo":
            return torch.full_like(lengths, float(self.max_completion_length))
        return lengths

    def _collect(
        self, image_ids: Sequence[str], texts: Sequence[str], rewards: Sequence[Sequence[float]]
    ) -> None:
        statuses = (parsed.status for parsed in read(self.chain_format, texts))
        rows = zip(image_ids, texts, statuses, rewards, strict=True)
        for image_id, text, status, values in rows:
            known = [None if value != value else value for value in values]
            self.completions.append(
                {
                    "step": self.state.global_step + 1,
                    "image_id": image_id,
                    "completion": text,
                    "status": status,
                    **dict(zip(self.reward_func_names, known, strict=True)),
                }
            )
