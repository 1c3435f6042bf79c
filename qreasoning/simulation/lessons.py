"""What the tiny model is taught from: prompts with their replies as tokens, in batches."""

from collections.abc import Sequence
from random import Random

import torch
from transformers.models.qwen2.tokenization_qwen2 import Qwen2Tokenizer as Tokenizer

from qreasoning.chain import Chain, ChainFormat
from qreasoning.simulation import tiny
from qreasoning.simulation.annotators import Style, write
from qreasoning.simulation.photographs import Scene

Lesson = tuple[list[int], list[int]]
"""Token ids of a prompt and of its reply."""


def chain_text(scene: Scene, style: Style, form: ChainFormat, random: Random) -> str:
    """A scene's chain in one of the styles, as the model has to write it.

    A format without a caption has the whole text in its reasoning.
    """
    caption, reasoning = write(scene, style, random)
    if not form.has_caption:
        return form.render(Chain(None, f"{caption} {reasoning}", scene.mos))
    return form.render(Chain(caption, reasoning, scene.mos))


def chain_lesson(
    tokenizer: Tokenizer, scene: Scene, style: Style, form: ChainFormat, random: Random
) -> Lesson:
    """Stage 1: the prompt with the picture, answered with a whole chain."""
    content = [{"type": "image"}, {"type": "text", "text": form.prompt}]
    return _lesson(tokenizer, content, chain_text(scene, style, form, random))


def rating_lesson(
    tokenizer: Tokenizer, scene: Scene, style: Style, form: ChainFormat, random: Random
) -> Lesson:
    """Stage 2: a text without its picture, answered with the rating alone."""
    caption, reasoning = write(scene, style, random)
    text = caption if form.has_caption else f"{caption} {reasoning}"
    content = [{"type": "text", "text": form.ask_again(text)}]
    return _lesson(tokenizer, content, form.render_rating(scene.mos))


def _lesson(tokenizer: Tokenizer, content: list[dict[str, str]], reply: str) -> Lesson:
    """Prompt and reply as token ids."""
    turns = [{"role": "user", "content": content}]
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    text = text.replace(tiny.IMAGE, tiny.IMAGE * tiny.IMAGE_TOKENS)
    return tokenizer(text).input_ids, tokenizer(reply + tiny.TURN_END).input_ids


def batch(
    tokenizer: Tokenizer, lessons: Sequence[Lesson], pixels: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Lessons padded on the right; only replies are learned."""
    length = max(len(prompt) + len(reply) for prompt, reply in lessons)
    ids = torch.full((len(lessons), length), tokenizer.pad_token_id)
    labels = torch.full_like(ids, -100)
    mask = torch.zeros_like(ids)
    for row, (prompt, reply) in enumerate(lessons):
        end = len(prompt) + len(reply)
        ids[row, :end] = torch.tensor(prompt + reply)
        labels[row, len(prompt) : end] = ids[row, len(prompt) : end]
        mask[row, :end] = 1
    image = (ids == tokenizer.convert_tokens_to_ids(tiny.IMAGE)).long()
    made = {"input_ids": ids, "attention_mask": mask, "labels": labels, "mm_token_type_ids": image}
    if len(pixels):
        made["pixel_values"] = pixels.flatten(0, 1).float()
        made["image_grid_thw"] = grid(len(pixels))
    return made


def grid(count: int) -> torch.Tensor:
    """The patch grid of `count` pictures: one frame, height and width in patches."""
    side = tiny.SIDE // tiny.PATCH
    return torch.tensor([[1, side, side]]).repeat(count, 1)
