"""A model's chains for a set of pictures: one row per picture and condition, decoded greedily.

The image condition is stage 1: the model sees the picture and writes a chain. The caption
condition is stage 2: it sees only the caption it wrote (the reasoning, where the format has no
caption) and rates again. What cannot be read stays in the table with its status.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from qreasoning.chain import Parsed
from qreasoning.files import replacing, sha256_bytes
from qreasoning.records import predictions_schema
from qreasoning.training.parts import parts_of
from qreasoning.training.self_consistency import expected_ratings
from qreasoning.training.source import Seen, Source, look_through
from qreasoning.training.speaker import Speaker, load_speaker
from qreasoning.training.two_stages import Answer, Say, Stage2, rate_captions, write_chains

Condition = Literal["image", "caption"]

METADATA = "qreasoning"
"""Under this key the metadata of the file say, as JSON, what made it."""


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


def predict(
    model: str | Path,
    data: Path,
    predictions: Path,
    *,
    split: str = "test",
    conditions: Sequence[Condition] = ("image", "caption"),
    stage2: Stage2 = "generate",
    format: str | None = None,
    max_new_tokens: int = 512,
    batch_size: int = 16,
    device: str | None = None,
    revision: str | None = None,
    say: Say = lambda _: None,
) -> PredictReport:
    """Write `predictions/<model>/<data>.parquet` for a dataset version's split or a folder.

    `model` is a run's folder, a Hub id (at `revision`) or a model's folder. A run brings its format
    and completion length along; `format` (default q-reasoning) and `max_new_tokens` are for other
    models. An interrupted call is taken up where it was by the same call.
    Raises SettingsError or DataError before any work where something does not fit, for unreadable
    pictures with a list of them.
    """
    source = Source(data, split)
    seen, left_out = look_through(source)
    speaker = load_speaker(model, format, max_new_tokens, device, revision)
    form = speaker.chain_format
    if stage2 == "expect" and "caption" in conditions:
        # A tokenizer without digits of one token is refused now and not after stage 1.
        expected_ratings(speaker.model, speaker.processor, form, ["?"])
    about = _about(speaker, stage2)
    path = predictions / speaker.name / f"{source.name}.parquet"
    with parts_of(path, {**about, **_here(speaker, seen, batch_size)}) as parts:
        raws = write_chains(speaker, source, seen, parts, batch_size, say)
        read = [form.parse(raw) for raw in raws]
        rows: list[dict[str, object]] = []
        if "image" in conditions:
            rows += [_image_row(speaker, *each) for each in zip(seen, raws, read, strict=True)]
        if "caption" in conditions:
            given = [form.stage2_input(parsed.chain) for parsed in read]
            texts = [text for text in given if text]
            answers = rate_captions(speaker, stage2, texts, parts, batch_size, say)
            rows += [
                _caption_row(speaker, picture, text, parsed, answers)
                for picture, text, parsed in zip(seen, given, read, strict=True)
            ]
        schema = predictions_schema().with_metadata({METADATA: json.dumps(about, sort_keys=True)})
        with replacing(path) as draft:
            pq.write_table(pa.Table.from_pylist(rows, schema=schema), draft)
        parts.remove()
    statuses = {
        condition: dict(Counter(str(r["status"]) for r in rows if r["condition"] == condition))
        for condition in conditions
    }
    return PredictReport(path, speaker.name, source.name, len(seen), left_out, statuses)


def _about(speaker: Speaker, stage2: Stage2) -> dict[str, Any]:
    """What the answers depend on besides the pictures; the same on every machine."""
    form = speaker.chain_format
    return {
        "model_id": speaker.model_id,
        "revision": speaker.revision,
        "adapter_sha": speaker.adapter_sha,
        "format": form.name,
        "prompt_sha": _prompt_sha(speaker, form.prompt),
        "stage2_prompt_sha": _prompt_sha(speaker, form.stage2_prompt),
        "stage2": stage2,
        "max_new_tokens": speaker.max_new_tokens,
        "dtype": str(speaker.model.dtype).removeprefix("torch."),
        "versions": {name: version(name) for name in ("qreasoning", "torch", "transformers")},
    }


def _here(speaker: Speaker, seen: Sequence[Seen], batch_size: int) -> dict[str, Any]:
    """What else tells this call from another one on this machine."""
    ids = "\n".join(each.image_id for each in seen)
    return {
        "pictures": sha256_bytes(ids.encode()),
        "batch_size": batch_size,
        "device": speaker.model.device.type,
        "weights": list(speaker.weights),
    }


def _image_row(speaker: Speaker, picture: Seen, raw: str, parsed: Parsed) -> dict[str, object]:
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
    picture: Seen,
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


def _identity(speaker: Speaker, picture: Seen, prompt: str) -> dict[str, object]:
    return {
        "image_id": picture.image_id,
        "name": picture.name,
        "model_id": speaker.model_id,
        "adapter_sha": speaker.adapter_sha,
        "prompt_sha": _prompt_sha(speaker, prompt),
    }


def _prompt_sha(speaker: Speaker, prompt: str) -> str:
    whole = "\n".join(text for text in (speaker.chain_format.system, prompt) if text)
    return sha256_bytes(whole.encode())
