"""A shard of pictures as rows of a predictions file, whoever answers it and where."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from qreasoning.chain import Parsed
from qreasoning.files import sha256_bytes
from qreasoning.records import predictions_schema
from qreasoning.training.source import Picture, Shard, Source, windows
from qreasoning.training.speaker import Speaker
from qreasoning.training.two_stages import (
    Answer,
    Once,
    Say,
    Stage2,
    always,
    rate_captions,
    write_chains,
)

Condition = Literal["image", "caption"]


@dataclass(frozen=True)
class Question:
    """What is asked about each picture, and how many are answered at once."""

    conditions: tuple[Condition, ...]
    stage2: Stage2
    batch_size: int


def answer_shard(
    speaker: Speaker,
    source: Source,
    shard: Shard,
    question: Question,
    *,
    once: Once = always,
    say: Say = lambda _: None,
) -> pa.Table:
    """The rows of a shard: those of the image condition first, each in the pictures' order.

    Raises DataError where the pictures are not those that were looked through.
    """
    form, size = speaker.chain_format, question.batch_size
    pairs = list(write_chains(speaker, windows(source, shard, size), once, size, say))
    read = [form.parse(raw) for _, raw in pairs]
    rows: list[dict[str, object]] = []
    if "image" in question.conditions:
        rows += [
            _image_row(speaker, picture, raw, parsed)
            for (picture, raw), parsed in zip(pairs, read, strict=True)
        ]
    if "caption" in question.conditions:
        given = [form.stage2_input(parsed.chain) for parsed in read]
        texts = [text for text in given if text]
        answers = rate_captions(speaker, question.stage2, texts, once, size, say)
        rows += [
            _caption_row(speaker, picture, text, parsed, answers)
            for (picture, _), text, parsed in zip(pairs, given, read, strict=True)
        ]
    return pa.Table.from_pylist(rows, schema=predictions_schema())


def _image_row(speaker: Speaker, picture: Picture, raw: str, parsed: Parsed) -> dict[str, object]:
    return {
        **_identity(speaker, picture, speaker.chain_format.prompt),
        "condition": "image",
        "raw": raw,
        "caption": parsed.chain.caption,
        "reasoning": parsed.chain.reasoning,
        "rating": parsed.chain.rating if parsed.ok else None,
        "status": parsed.status,
    }


def _caption_row(
    speaker: Speaker,
    picture: Picture,
    text: str | None,
    stage1: Parsed,
    answers: Mapping[str, Answer],
) -> dict[str, object]:
    """Stage 2; where stage 1 wrote nothing to go by, its status is kept and there is no rating."""
    form = speaker.chain_format
    answer = answers[text] if text else None
    row: dict[str, object] = {"raw": None, "rating": None, "status": stage1.status, "stage2": None}
    if isinstance(answer, str):
        parsed = form.parse_rating(answer)
        rating = parsed.chain.rating if parsed.ok else None
        row = {"raw": answer, "rating": rating, "status": parsed.status, "stage2": "generate"}
    elif answer is not None:
        row = {"raw": None, "rating": answer, "status": "ok", "stage2": "expect"}
    return {
        **_identity(speaker, picture, form.stage2_prompt),
        "condition": "caption",
        **row,
        "input_caption": text,
    }


def _identity(speaker: Speaker, picture: Picture, prompt: str) -> dict[str, object]:
    return {
        "image_id": picture.image_id,
        "name": picture.name,
        "model_id": speaker.model_id,
        "adapter_sha": speaker.adapter_sha,
        "prompt_sha": prompt_sha(speaker, prompt),
    }


def prompt_sha(speaker: Speaker, prompt: str) -> str:
    """The hash of a prompt with its system message."""
    whole = "\n".join(text for text in (speaker.chain_format.system, prompt) if text)
    return sha256_bytes(whole.encode())
