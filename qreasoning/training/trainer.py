"""TRL's GRPOTrainer, keeping what it generates: the table that shows how a run goes wrong."""

from collections.abc import Sequence
from typing import Any

import torch
from accelerate.utils import gather_object
from trl import GRPOTrainer

from qreasoning.chain import ChainFormat
from qreasoning.training.rewards import read, text_of


class ChainTrainer(GRPOTrainer):
    """GRPOTrainer that collects a row per completion in `completions`, on the main process.

    A row is {step, image_id, completion, status} and one value per reward (None: does not apply).
    """

    def __init__(self, *args: Any, chain_format: ChainFormat, **options: Any) -> None:
        super().__init__(*args, **options)
        self.chain_format = chain_format
        self.completions: list[dict[str, Any]] = []

    def _calculate_rewards(
        self, inputs: list[dict[str, Any]], prompts: Any, completions: Sequence[Any], ids: Any
    ) -> torch.Tensor:
        rewards: torch.Tensor = super()._calculate_rewards(inputs, prompts, completions, ids)
        texts = gather_object([text_of(completion) for completion in completions])
        image_ids = gather_object([each["image_id"] for each in inputs])
        if self.accelerator.is_main_process:
            self._collect(image_ids, texts, rewards.tolist())
        return rewards

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
