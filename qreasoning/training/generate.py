"""Greedy completions of chat prompts, with or without a picture, in left-padded batches."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from transformers import GenerationConfig

from qreasoning.chain import ChainFormat

if TYPE_CHECKING:
    from PIL.Image import Image


def messages(chain_format: ChainFormat, text: str) -> list[dict[str, Any]]:
    """The turns that ask with `text`: the format's system message, if it has one, and a user's."""
    system = [{"role": "system", "content": chain_format.system}] if chain_format.system else []
    return [*system, {"role": "user", "content": text}]


def prompt_text(processor: Any, chain_format: ChainFormat, text: str, *, picture: bool) -> str:
    """`messages` as the text that the model reads, ready for its answer."""
    turns = [
        {"role": turn["role"], "content": [{"type": "text", "text": turn["content"]}]}
        for turn in messages(chain_format, text)
    ]
    if picture:
        turns[-1]["content"].insert(0, {"type": "image"})
    return str(processor.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))


@torch.no_grad()
def complete(
    model: Any,
    processor: Any,
    prompts: Sequence[str],
    pictures: "Sequence[Image] | None",
    max_new_tokens: int,
) -> list[str]:
    """Greedy completions of `prompts` (one batch), one picture each or none at all.

    The model's own sampling settings (temperature, repetition penalty) are not used, so the same
    weights give the same text.
    """
    tokenizer = processor.tokenizer
    padded = {"padding": True, "padding_side": "left", "return_tensors": "pt"}
    if pictures is None:
        inputs = tokenizer(list(prompts), add_special_tokens=False, **padded)
    else:
        images = [[picture] for picture in pictures]
        inputs = processor(text=list(prompts), images=images, **padded)
    greedy = GenerationConfig(
        max_new_tokens=max_new_tokens,
        do_sample=False,
        eos_token_id=model.generation_config.eos_token_id or tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    outputs = model.generate(**inputs.to(model.device), generation_config=greedy)
    new = outputs[:, inputs["input_ids"].shape[1] :]
    texts: list[str] = tokenizer.batch_decode(new, skip_special_tokens=True)
    return texts
