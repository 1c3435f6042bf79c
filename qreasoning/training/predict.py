"""A model's chains for a set of pictures: one row per picture and condition, decoded greedily.

The image condition is stage 1: the model sees the picture and writes a chain. The caption
condition is stage 2: it sees only the caption it wrote (the reasoning, where the format has no
caption) and rates again. What cannot be read stays in the table with its status.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from qreasoning import images
from qreasoning.chain import ChainFormat, Parsed
from qreasoning.errors import DataError
from qreasoning.files import replacing, sha256_bytes
from qreasoning.records import predictions_schema
from qreasoning.training.examples import read_examples
from qreasoning.training.generate import complete, prompt_text
from qreasoning.training.self_consistency import ANSWER_TOKENS
from qreasoning.training.speaker import Speaker, load_speaker
from qreasoning.workspace import slug

Condition = Literal["image", "caption"]


@dataclass(frozen=True)
class PredictReport:
    """What was written where.

    `statuses` counts the readings per condition; `left_out` rows have no picture in the dataset.
    """

    path: Path
    model: str
    data: str
    images: int
    left_out: int
    statuses: Mapping[Condition, Mapping[str, int]]


@dataclass(frozen=True)
class Picture:
    """A picture to predict for."""

    image_id: str
    name: str
    content: bytes


def predict(
    model: str | Path,
    data: Path,
    predictions: Path,
    *,
    split: str = "test",
    conditions: Sequence[Condition] = ("image", "caption"),
    format: str | None = None,
    max_new_tokens: int = 512,
    batch_size: int = 16,
    device: str | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> PredictReport:
    """Write `predictions/<model>/<data>.parquet` for a dataset version's split or a folder.

    `model` is a run's folder, a Hub id or a model's folder. A run brings its format and completion
    length along; `format` (default q-reasoning) and `max_new_tokens` are for other models.
    Raises SettingsError or DataError before any work where something does not fit.
    """
    pictures, left_out, data_name = _pictures(data, split)
    speaker = load_speaker(model, format, max_new_tokens, device)
    stage1 = _see(speaker, pictures, batch_size, say)
    rows: list[dict[str, object]] = []
    if "image" in conditions:
        rows += [
            _image_row(speaker, picture, *seen)
            for picture, seen in zip(pictures, stage1, strict=True)
        ]
    if "caption" in conditions:
        rows += _caption_rows(speaker, pictures, [parsed for _, parsed in stage1], batch_size, say)
    path = predictions / speaker.name / f"{data_name}.parquet"
    with replacing(path) as draft:
        pq.write_table(pa.Table.from_pylist(rows, schema=predictions_schema()), draft)
    statuses = {
        condition: dict(Counter(str(r["status"]) for r in rows if r["condition"] == condition))
        for condition in conditions
    }
    return PredictReport(path, speaker.name, data_name, len(pictures), left_out, statuses)


def _pictures(data: Path, split: str) -> tuple[list[Picture], int, str]:
    """Pictures of a dataset version's split or of a folder, the number without, and their name."""
    if (data / "data" / "chains").is_dir():
        examples = read_examples(data, split)
        pictures = [Picture(row.image_id, row.name, row.image) for row in examples.rows]
        name = slug(f"{data.parent.name}-{data.name}-{split}")
        left_out = examples.without_picture
    else:
        paths = images.list_pictures(data)
        contents = ((path, path.read_bytes()) for path in paths)
        pictures = [
            Picture(images.identity(content), path.relative_to(data).as_posix(), content)
            for path, content in contents
        ]
        name, left_out = slug(data.resolve().name), 0
    if not pictures:
        raise DataError(f"{data} holds no pictures to predict for. Name another folder or split.")
    return pictures, left_out, name


def _batches(count: int, size: int) -> Iterable[slice]:
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def _see(
    speaker: Speaker, pictures: Sequence[Picture], size: int, say: Callable[[str], None]
) -> list[tuple[str, Parsed]]:
    """Stage 1: what the model wrote about each picture, and how it was read."""
    form = speaker.chain_format
    prompt = prompt_text(speaker.processor, form, form.prompt, picture=True)
    seen: list[tuple[str, Parsed]] = []
    for batch in _batches(len(pictures), size):
        decoded = [images.decode(picture.content, picture.name) for picture in pictures[batch]]
        prompts = [prompt] * len(decoded)
        texts = complete(speaker.model, speaker.processor, prompts, decoded, speaker.max_new_tokens)
        seen += [(text, form.parse(text)) for text in texts]
        say(f"image condition: {len(seen)} of {len(pictures)} pictures")
    return seen


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


def _caption_rows(
    speaker: Speaker,
    pictures: Sequence[Picture],
    seen: Sequence[Parsed],
    size: int,
    say: Callable[[str], None],
) -> list[dict[str, object]]:
    """Stage 2; where stage 1 wrote nothing to go by, its status is kept and there is no rating."""
    form = speaker.chain_format
    texts = [form.stage2_input(parsed.chain) for parsed in seen]
    given = sorted({text for text in texts if text})
    answers: dict[str, str] = {}
    for batch in _batches(len(given), size):
        prompts = [
            prompt_text(speaker.processor, form, form.ask_again(text), picture=False)
            for text in given[batch]
        ]
        replies = complete(speaker.model, speaker.processor, prompts, None, ANSWER_TOKENS)
        answers.update(zip(given[batch], replies, strict=True))
        say(f"caption condition: {len(answers)} of {len(given)} captions")
    return [
        {
            **_identity(speaker, picture, form.stage2_prompt),
            "condition": "caption",
            **_reading(form, answers.get(text) if text else None, parsed.status),
            "input_caption": text,
        }
        for picture, text, parsed in zip(pictures, texts, seen, strict=True)
    ]


def _reading(form: ChainFormat, raw: str | None, stage1_status: str) -> dict[str, object]:
    if raw is None:
        return {"raw": None, "rating": None, "status": stage1_status, "stage2": None}
    parsed = form.parse_rating(raw)
    rating = parsed.chain.rating if parsed.ok else None
    return {"raw": raw, "rating": rating, "status": parsed.status, "stage2": "generate"}


def _identity(speaker: Speaker, picture: Picture, prompt: str) -> dict[str, object]:
    whole = "\n".join(text for text in (speaker.chain_format.system, prompt) if text)
    return {
        "image_id": picture.image_id,
        "name": picture.name,
        "model_id": speaker.model_id,
        "adapter_sha": speaker.adapter_sha,
        "prompt_sha": sha256_bytes(whole.encode()),
    }
