"""The two stages of a prediction, batch by batch; finished batches are kept and not repeated."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Literal, TypeVar

from qreasoning import images
from qreasoning.errors import DataError
from qreasoning.training.generate import complete, prompt_text
from qreasoning.training.parts import Parts
from qreasoning.training.self_consistency import ANSWER_TOKENS, expected_ratings
from qreasoning.training.source import Picture, Seen, Source, windows
from qreasoning.training.speaker import Speaker

Stage2 = Literal["generate", "expect"]
Answer = str | float | None
"""What stage 2 says: a text, or a rating that was read from the logits."""
Say = Callable[[str], None]
Item = TypeVar("Item")

WINDOW = 4
"""Batches whose pictures are in memory at once, and are sorted by size among themselves."""


def write_chains(
    speaker: Speaker, source: Source, seen: Sequence[Seen], parts: Parts, size: int, say: Say
) -> list[str]:
    """Stage 1: what the model writes about each picture, in their order."""
    written = [""] * len(seen)
    done = 0
    spans = list(_spans(len(seen), size * WINDOW))
    for span, pictures in zip(spans, windows(source, [len(span) for span in spans]), strict=True):
        _same([seen[row] for row in span], pictures)
        alike = sorted(span, key=lambda row: (seen[row].pixels, row))
        for batch in _batches(alike, size):
            chosen = [pictures[row - span.start] for row in batch]
            name = f"image-{done:08d}"
            answers = parts.once(name, partial(_look_at, speaker, chosen))
            for row, answer in zip(batch, answers, strict=True):
                written[row] = answer
            done += len(batch)
            say(f"image condition: {done} of {len(seen)} pictures")
    return written


def rate_captions(
    speaker: Speaker, stage2: Stage2, captions: Sequence[str], parts: Parts, size: int, say: Say
) -> dict[str, Answer]:
    """Stage 2: the answer to each distinct caption, a text (`generate`) or a rating (`expect`).

    Captions of about one length go together, so that a batch holds little padding.
    """
    answers: dict[str, Answer] = {}
    for batch in _batches(_by_length(speaker, captions), size):
        name = f"caption-{len(answers):08d}"
        found = parts.once(name, partial(_rate, speaker, stage2, batch))
        answers.update(zip(batch, found, strict=True))
        say(f"caption condition: {len(answers)} captions rated")
    return answers


def _look_at(speaker: Speaker, pictures: Sequence[Picture]) -> list[str]:
    form = speaker.chain_format
    prompt = prompt_text(speaker.processor, form, form.prompt, picture=True)
    decoded = [images.decode(picture.content, picture.name) for picture in pictures]
    prompts = [prompt] * len(decoded)
    return complete(speaker.model, speaker.processor, prompts, decoded, speaker.max_new_tokens)


def _rate(speaker: Speaker, stage2: Stage2, captions: Sequence[str]) -> Sequence[Answer]:
    form, processor = speaker.chain_format, speaker.processor
    if stage2 == "expect":
        return expected_ratings(speaker.model, processor, form, captions)
    prompts = [prompt_text(processor, form, form.ask_again(c), picture=False) for c in captions]
    return complete(speaker.model, processor, prompts, None, ANSWER_TOKENS)


def _by_length(speaker: Speaker, captions: Sequence[str]) -> list[str]:
    distinct = sorted(set(captions))
    if not distinct:
        return []
    tokens = speaker.processor.tokenizer(distinct, add_special_tokens=False)["input_ids"]
    lengths = {caption: len(ids) for caption, ids in zip(distinct, tokens, strict=True)}
    return sorted(distinct, key=lambda caption: (lengths[caption], caption))


def _same(seen: Sequence[Seen], pictures: Sequence[Picture]) -> None:
    if [each.image_id for each in seen] != [each.image_id for each in pictures]:
        raise DataError(
            f"Pictures changed while they were read, {seen[0].name} or one soon after it. Run the "
            "command again."
        )


def _spans(count: int, size: int) -> Iterator[range]:
    return (range(start, min(start + size, count)) for start in range(0, count, size))


def _batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))
