"""The two stages of a prediction, batch by batch; finished batches are kept and not repeated."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Literal, Protocol, TypeVar

from qreasoning import images
from qreasoning.training.generate import prompt_text
from qreasoning.training.self_consistency import ANSWER_TOKENS, expected_ratings
from qreasoning.training.source import Picture, pixels_of
from qreasoning.training.speaker import Speaker

Stage2 = Literal["generate", "expect"]
Answer = str | float | None
"""What stage 2 says: a text, or a rating that was read from the logits."""
Say = Callable[[str], None]
Item = TypeVar("Item")


class Once(Protocol):
    """Gives the answers of the batch `name`: those kept of an earlier call, else made anew."""

    def __call__(self, name: str, answer: Callable[[], Sequence[Any]]) -> list[Any]:
        """The answers, in the order of the batch."""
        ...


def always(name: str, answer: Callable[[], Sequence[Any]]) -> list[Any]:
    """Keeps nothing."""
    return list(answer())


def write_chains(
    speaker: Speaker, windows: Iterator[list[Picture]], once: Once, size: int, say: Say
) -> Iterator[tuple[Picture, str]]:
    """Stage 1: what the model writes about each picture, in their order.

    Within a window pictures of about one size go together.
    """
    done = 0
    for pictures in windows:
        written: dict[int, str] = {}
        pixels = [pixels_of(each) for each in pictures]
        alike = sorted(range(len(pictures)), key=lambda row: (pixels[row], row))
        for batch in _batches(alike, size):
            chosen = [pictures[row] for row in batch]
            answers = once(f"image-{done:08d}", partial(_look_at, speaker, chosen))
            written.update(zip(batch, answers, strict=True))
            done += len(batch)
            say(f"image condition: {done}")
        for row, picture in enumerate(pictures):
            # Its bytes are not needed any more.
            yield Picture(picture.image_id, picture.name, b""), written[row]


def rate_captions(
    speaker: Speaker, stage2: Stage2, captions: Sequence[str], once: Once, size: int, say: Say
) -> dict[str, Answer]:
    """Stage 2: the answer to each distinct caption, a text (`generate`) or a rating (`expect`).

    Captions of about one length go together, so that a batch holds little padding.
    """
    answers: dict[str, Answer] = {}
    for batch in _batches(_by_length(speaker, captions), size):
        name = f"caption-{len(answers):08d}"
        found = once(name, partial(_rate, speaker, stage2, batch))
        answers.update(zip(batch, found, strict=True))
        say(f"caption condition: {len(answers)}")
    return answers


def _look_at(speaker: Speaker, pictures: Sequence[Picture]) -> list[str]:
    form = speaker.chain_format
    prompt = prompt_text(speaker.processor, form, form.prompt, picture=True)
    decoded = [images.decode(picture.content, picture.name) for picture in pictures]
    return speaker.write([prompt] * len(decoded), decoded, speaker.max_new_tokens)


def _rate(speaker: Speaker, stage2: Stage2, captions: Sequence[str]) -> Sequence[Answer]:
    form, processor = speaker.chain_format, speaker.processor
    if stage2 == "expect":
        return expected_ratings(speaker.model, processor, form, captions)
    prompts = [prompt_text(processor, form, form.ask_again(c), picture=False) for c in captions]
    return speaker.write(prompts, None, ANSWER_TOKENS)


def _by_length(speaker: Speaker, captions: Sequence[str]) -> list[str]:
    distinct = sorted(set(captions))
    if not distinct:
        return []
    tokens = speaker.processor.tokenizer(distinct, add_special_tokens=False)["input_ids"]
    lengths = {caption: len(ids) for caption, ids in zip(distinct, tokens, strict=True)}
    return sorted(distinct, key=lambda caption: (lengths[caption], caption))


def _batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))
