"""Once per picture, once per prompt: what the K completions of a group share is computed once.

Each distinct prompt is read once with its picture, and its keys and values are handed to its
completions: in generation, and in the passes that score completions, where gradients flow back
through them. Under activation checkpointing, which keeps no keys and values, a group is packed into
one row instead, `prompt, completion 1, …, completion K`, under a mask in which every completion
sees the prompt and itself; that costs more attention. A picture is encoded once for all of that, as
long as the vision tower is frozen.
"""

from collections.abc import Callable, Sequence
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import pad as pad_with
from transformers.modeling_outputs import BaseModelOutputWithPooling
from trl import GRPOTrainer
from trl.data_utils import prepare_multimodal_messages
from trl.models import unwrap_model_for_generation
from trl.trainer.utils import pad

from qreasoning.files import sha256_bytes
from qreasoning.training.packing import Groups, pack
from qreasoning.training.picture_cache import PictureCache, weights_hash

TOLERANCE = 1e-4
"""How far log-probabilities in float32 may be from the plain way's for sharing to be used."""
HALF_TOLERANCE = 0.1
"""The same in half precision, where two ways of adding up differ in the second decimal."""
ALIKE = 16
"""Completions at least that are scored together, being of about one length."""


class SharingTrainer(GRPOTrainer):
    """GRPOTrainer that reads each prompt and each picture once.

    Nothing is shared before `share` was called. What cannot be (tools, several pictures in a
    prompt, vLLM) goes TRL's own way.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.share_prompts = False
        self.share_pictures = False
        self._features: dict[str, torch.Tensor] = {}
        self.picture_cache: PictureCache | None = None

    def share(self, prompts: bool, pictures: bool) -> list[str]:
        """Switch sharing on as far as the model allows it; returns why not, where it does not."""
        frozen = not any(each.requires_grad for each in _core(self, self.model).visual.parameters())
        problems = []
        if pictures and not frozen:
            problems = ["pictures: the vision tower is trained"]
        elif pictures and self._split_over_processes:
            problems = ["pictures: the vision tower is split over the processes"]
        self.share_pictures = pictures and not problems
        self.share_prompts = prompts
        problem = self._difference() if self._sharing else None
        if problem is not None:
            self.share_prompts = self.share_pictures = False
            problems.append(f"prompts and pictures: {problem}")
        self._features = {}
        return problems

    @property
    def _split_over_processes(self) -> bool:
        """Whether a process has only a part of the weights outside a forward pass."""
        plugin = self.accelerator.state.deepspeed_plugin if self.is_deepspeed_enabled else None
        return bool(self.is_fsdp_enabled or (plugin is not None and plugin.zero_stage == 3))

    @property
    def _sharing(self) -> bool:
        return self.share_prompts or self.share_pictures

    def _groups(self, keys: Sequence[Any]) -> Groups:
        return Groups.of(keys if self.share_prompts else range(len(keys)))

    def _difference(self) -> str | None:
        """Why two rows do not come out as they do the plain way; None if they do."""
        rows = [self.train_dataset[place] for place in (0, len(self.train_dataset) - 1)]
        prompts = [
            prepare_multimodal_messages(row["prompt"], images=[row["image"]]) for row in rows
        ]
        texts = [
            self.processing_class.apply_chat_template(
                each, tokenize=False, add_generation_prompt=True
            )
            for each in prompts
        ]
        inputs = self.processing_class(
            text=texts * 2,
            images=[[row["image"]] for row in rows] * 2,
            padding=True,
            return_tensors="pt",
        ).to(self.accelerator.device)
        # Any tokens will do: two completions of each prompt, of different lengths.
        width = 12
        completions = inputs["input_ids"][:, -1:].repeat(1, width) + torch.arange(width).to(
            inputs["input_ids"]
        )
        completions = completions % self._tokenizer.vocab_size
        mask = torch.ones_like(completions)
        mask[0, width // 2 :] = 0
        types = inputs.pop("mm_token_type_ids")
        arguments = {
            "input_ids": torch.cat([inputs.pop("input_ids"), completions], 1),
            "attention_mask": torch.cat([inputs.pop("attention_mask"), mask], 1),
            "logits_to_keep": width,
            "mm_token_type_ids": torch.cat([types, torch.zeros_like(completions)], 1),
            "num_images": [1] * len(completions),
            **inputs,
        }
        wanted, shared = self.share_prompts, self.share_pictures
        found = []
        try:
            for self.share_prompts, self.share_pictures in ((False, False), (wanted, shared)):
                with torch.no_grad():
                    found.append(
                        self._get_per_token_logps_and_entropies(self.model, **arguments)[0].float()
                    )
        except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
            return f"this model cannot ({type(error).__name__}: {str(error).splitlines()[0]})"
        finally:
            self.share_prompts, self.share_pictures = wanted, shared
        far = float(((found[0] - found[1]).abs() * mask).max())
        allowed = TOLERANCE if self.model.dtype == torch.float32 else HALF_TOLERANCE
        return None if far <= allowed else f"log-probabilities differ by {far:.2g}"

    def _get_per_token_logps_and_entropies(  # type: ignore[no-untyped-def]
        self,
        model,
        input_ids,
        attention_mask,
        logits_to_keep,
        batch_size=None,
        compute_entropy=False,
        compute_aux_loss=False,
        **fields,
    ):
        grid, pixels = fields.get("image_grid_thw"), fields.get("pixel_values")
        if not self._sharing or pixels is None or compute_aux_loss or len(grid) != len(input_ids):
            return super()._get_per_token_logps_and_entropies(
                model,
                input_ids,
                attention_mask,
                logits_to_keep,
                batch_size=batch_size,
                compute_entropy=compute_entropy,
                compute_aux_loss=compute_aux_loss,
                **fields,
            )
        pictures = pixels.split(grid.prod(-1).tolist())
        types = fields["mm_token_type_ids"]
        size = batch_size or len(input_ids)
        found: list[tuple[torch.Tensor, torch.Tensor]] = []
        for start in range(0, len(input_ids), size):
            part = slice(start, start + size)
            found.append(
                self._shared_logps(
                    model,
                    input_ids[part],
                    attention_mask[part],
                    logits_to_keep,
                    pictures[part],
                    grid[part],
                    types[part],
                )
            )
        logps = torch.cat([each[0] for each in found])
        return logps, torch.cat([each[1] for each in found]) if compute_entropy else None, None

    def _generate_single_turn(  # type: ignore[no-untyped-def]
        self, prompt_ids, images, fields, num_generations, has_tool_images=False
    ):
        self._features = {}
        if (
            not self._sharing
            or self.use_vllm
            or self._split_over_processes
            or self.use_transformers_continuous_batching
            or has_tool_images
            or "pixel_values" not in fields
            or any(len(each or ()) != 1 for each in images)
        ):
            return super()._generate_single_turn(
                prompt_ids, images, fields, num_generations, has_tool_images
            )
        tokens = [torch.tensor(ids) for ids in prompt_ids]
        types = [torch.tensor(ids) for ids in fields["mm_token_type_ids"]]
        device = self.accelerator.device
        batch = {
            "input_ids": pad(tokens, self._tokenizer.pad_token_id, padding_side="left"),
            "attention_mask": pad([torch.ones_like(ids) for ids in tokens], 0, padding_side="left"),
            "mm_token_type_ids": pad(types, 0, padding_side="left"),
            "image_grid_thw": torch.as_tensor(np.array(fields["image_grid_thw"])),
        }
        batch = {name: values.to(device) for name, values in batch.items()}
        pixels = torch.as_tensor(np.array(fields["pixel_values"])).to(device)
        pictures = pixels.split(batch["image_grid_thw"].prod(-1).tolist())
        with self._unwrapped_for_generation() as model, torch.no_grad():
            new = self._continue(model, batch, pictures)
        return [_until_end(row, self.eos_token_ids) for row in new.tolist()], None

    def _unwrapped_for_generation(self) -> Any:
        return unwrap_model_for_generation(
            self.model_wrapped,
            self.accelerator,
            gather_deepspeed3_params=self.args.ds3_gather_for_generation,
            generation_kwargs=self.generation_kwargs,
            gradient_checkpointing_kwargs=self.args.gradient_checkpointing_kwargs,
        )

    def _continue(
        self, model: Any, batch: dict[str, torch.Tensor], pictures: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        """New tokens of every row, from one prefill of each distinct prompt."""
        names = [_name(each) for each in pictures]
        keys = [(name, *ids) for name, ids in zip(names, batch["input_ids"].tolist(), strict=True)]
        groups = self._groups(keys)
        own = {name: values[groups.first] for name, values in batch.items()}
        core = _core(self, model)
        positions, deltas = core.get_rope_index(**own)
        seen = self._seen(
            model, [(names[row], pictures[row]) for row in groups.first], own["image_grid_thw"]
        )
        prefix = model(
            input_ids=own["input_ids"][:, :-1],
            attention_mask=own["attention_mask"][:, :-1],
            position_ids=positions[:, :, :-1],
            use_cache=True,
            logits_to_keep=1,
            **seen,
        )
        cache = prefix.past_key_values
        rows = torch.tensor(groups.of_row, device=batch["input_ids"].device)
        cache.batch_select_indices(rows)
        core.rope_deltas = deltas[rows]
        whole = model.generate(
            input_ids=batch["input_ids"],
            attention_mask=batch["attention_mask"],
            past_key_values=cache,
            generation_config=self.generation_config,
        )
        new: torch.Tensor = whole[:, batch["input_ids"].shape[1] :]
        return new

    def _shared_logps(
        self,
        model: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        width: int,
        pictures: Sequence[torch.Tensor],
        grid: torch.Tensor,
        types: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Log-probabilities and entropies of the completions' tokens, (rows, width) each."""
        names = [_name(each) for each in pictures]
        prompts = input_ids[:, :-width].tolist()
        groups = self._groups([(name, *ids) for name, ids in zip(names, prompts, strict=True)])
        positions, _ = _core(self, model).get_rope_index(
            input_ids, image_grid_thw=grid, attention_mask=attention_mask, mm_token_type_ids=types
        )
        seen = self._seen(
            model, [(names[row], pictures[row]) for row in groups.first], grid[groups.first]
        )
        if self.share_prompts and not self.args.activation_checkpointing:
            return self._after_prompts(
                model, input_ids, attention_mask, positions, width, groups, seen
            )
        packed = pack(input_ids, attention_mask, positions, width, groups)
        with self.accelerator.autocast():
            outputs = model(
                input_ids=packed.input_ids,
                attention_mask=packed.attention,
                position_ids=packed.positions,
                shift_labels=packed.shift_labels,
                fused_lm_head=True,
                **seen,
            )
        return (
            packed.unpacked(outputs.log_probs, groups, width),
            packed.unpacked(outputs.entropy, groups, width),
        )

    def _after_prompts(
        self,
        model: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        positions: torch.Tensor,
        width: int,
        groups: Groups,
        seen: dict[str, Any],
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """As `_shared_logps`: prompts once, then the completions upon their keys and values.

        A completion begins with the prompt's last token, which predicts its first token, and leaves
        out its last, which predicts nothing. Completions of about one length go together, so that
        little padding is computed.
        """
        start = input_ids.shape[1] - width - 1
        first = groups.first
        of_row = torch.tensor(groups.of_row, device=input_ids.device)
        labels = input_ids.masked_fill(attention_mask == 0, -100)
        lengths = attention_mask[:, -width:].sum(1)
        with self.accelerator.autocast():
            prefix = model(
                input_ids=input_ids[first, :start],
                attention_mask=attention_mask[first, :start],
                position_ids=positions[:, first, :start],
                use_cache=True,
                logits_to_keep=1,
                **seen,
            ).past_key_values
            places, found = [], []
            for rows in lengths.argsort().chunk(max(1, len(lengths) // ALIKE)):
                end = start + int(lengths[rows].max())
                # Gradients flow back through the keys and values.
                cache = copy(prefix)
                cache.layers = [copy(layer) for layer in prefix.layers]
                cache.batch_select_indices(of_row[rows])
                outputs = model(
                    input_ids=input_ids[rows, start:end],
                    attention_mask=attention_mask[rows, :end],
                    position_ids=positions[:, rows, start:end],
                    past_key_values=cache,
                    shift_labels=labels[rows, start + 1 : end + 1],
                    fused_lm_head=True,
                )
                beyond = (0, width - (end - start))
                places.append(rows)
                found.append(
                    (pad_with(outputs.log_probs, beyond), pad_with(outputs.entropy, beyond))
                )
        order = torch.cat(places).argsort()
        logps, entropy = (torch.cat(each)[order] for each in zip(*found, strict=True))
        return logps, entropy

    def _seen(
        self, model: Any, pictures: Sequence[tuple[str, torch.Tensor]], grid: torch.Tensor
    ) -> dict[str, Any]:
        """What tells the model of its pictures: their features, or the pictures themselves."""
        if not self.share_pictures:
            return {
                "pixel_values": torch.cat([each for _, each in pictures]),
                "image_grid_thw": grid,
            }
        if self.picture_cache is not None:
            for (name, picture), size in zip(pictures, grid, strict=True):
                kept = None if name in self._features else self.picture_cache.get(_key(name, size))
                if kept is not None:
                    self._features[name] = kept.to(picture.device)
        unknown = [place for place, (name, _) in enumerate(pictures) if name not in self._features]
        if unknown:
            with torch.no_grad(), self.accelerator.autocast():
                made = _core(self, model).get_image_features(
                    torch.cat([pictures[place][1] for place in unknown]),
                    grid[unknown],
                    return_dict=True,
                )
            for place, features in zip(unknown, made.pooler_output, strict=True):
                self._features[pictures[place][0]] = features
                if self.picture_cache is not None:
                    self.picture_cache.put(_key(pictures[place][0], grid[place]), features)
        found = tuple(self._features[name] for name, _ in pictures)
        return {"mm_encoder_outputs": {"image": BaseModelOutputWithPooling(pooler_output=found)}}

    def keep_pictures(self, folder: Path, limit: int, say: Callable[[str], None]) -> None:
        """Keep encoded pictures in a folder, if pictures are shared."""
        if self.share_pictures:
            weights = weights_hash(_core(self, self.model).visual)
            autocast = f"{self.args.bf16} {self.args.fp16}"
            self.picture_cache = PictureCache(folder, limit, f"{weights} {autocast}", say)


def _until_end(tokens: list[int], ends: Sequence[int]) -> list[int]:
    """The tokens up to and with the first that ends a completion."""
    place = next((place for place, token in enumerate(tokens) if token in ends), len(tokens))
    return tokens[: place + 1]


def _core(trainer: GRPOTrainer, model: Any) -> Any:
    """The part of a model with its vision tower and its positions, without any wrapper."""
    inner = trainer.accelerator.unwrap_model(model)
    inner = inner.get_base_model() if hasattr(inner, "get_base_model") else inner
    return inner.model


def _name(picture: torch.Tensor) -> str:
    return sha256_bytes(picture.detach().float().cpu().numpy().tobytes())


def _key(name: str, grid: torch.Tensor) -> str:
    """A picture as the processor made it: its patches and how they lie."""
    return f"{name} {grid.tolist()}"
