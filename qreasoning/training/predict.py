"""A model's chains for a set of pictures: one row per picture and condition, decoded greedily.

The image condition is stage 1: the model sees the picture and writes a chain. The caption
condition is stage 2: it sees only the caption it wrote (the reasoning, where the format has no
caption) and rates again. What cannot be read stays in the table with its status.

Pictures are answered in shards. Which pictures are in a batch follows from their order and the
batch size alone, so every engine asks the model the same.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from qreasoning.files import replacing, sha256_bytes
from qreasoning.records import predictions_schema
from qreasoning.training.answering import Condition, Question, answer_shard, prompt_sha
from qreasoning.training.parts import Parts, parts_of
from qreasoning.training.self_consistency import expected_ratings
from qreasoning.training.source import Shard, Source, look_through
from qreasoning.training.speaker import Speaker, load_speaker
from qreasoning.training.two_stages import Say, Stage2

Engine = Literal["transformers", "vllm", "ray"]
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
    engine: Engine = "transformers",
    workers: int | None = None,
    say: Say = lambda _: None,
) -> PredictReport:
    """Write `predictions/<model>/<data>.parquet` for the pictures of a `Source`.

    `model` is a run's folder, a Hub id (at `revision`) or a model's folder. A run brings its format
    and completion length along; `format` (default q-reasoning) and `max_new_tokens` are for other
    models. `engine` says who answers: this process with transformers or vLLM, or `workers` of a Ray
    cluster. An interrupted call is taken up where it was by the same call.
    Raises SettingsError or DataError before any work where something does not fit, for unreadable
    pictures with a list of them.
    """
    question = Question(tuple(conditions), stage2, batch_size)
    if engine == "vllm":
        from qreasoning.training.vllm_engine import refuse_without_vllm

        refuse_without_vllm(question)
    if engine == "ray":
        from qreasoning.training.ray_engine import device_of_cluster, started

        started(say)
        device = device or device_of_cluster()
    source = Source(data, split)
    shards = look_through(source, batch_size)
    given = (model, format, max_new_tokens, device, revision)
    speaker = load_speaker(*given, engine=engine)
    if engine != "ray" and stage2 == "expect" and "caption" in conditions:
        # A tokenizer without digits of one token is refused now and not after stage 1.
        expected_ratings(speaker.model, speaker.processor, speaker.chain_format, ["?"])
    about = _about(speaker, stage2)
    path = predictions / speaker.name / f"{source.name}.parquet"
    if engine != "ray":
        # What cannot be loaded is refused before anything is written.
        _ = speaker.model
    with parts_of(path, {**about, **_here(speaker, shards, batch_size)}) as parts:
        todo = [shard for shard in shards if not parts.has(shard.number)]
        if engine == "ray":
            from qreasoning.training.ray_engine import answered

            answers = answered(given, source, todo, question, workers, say)
        else:
            answers = _answered(speaker, source, shards, todo, question, parts, say)
        for number, rows in answers:
            parts.finish(number, rows)
        statuses = _write(path, parts, len(shards), conditions, about)
        parts.remove()
    pictures = sum(shard.pictures for shard in shards)
    without = sum(shard.without for shard in shards)
    return PredictReport(path, speaker.name, source.name, pictures, without, statuses)


def _answered(
    speaker: Speaker,
    source: Source,
    shards: Sequence[Shard],
    todo: Sequence[Shard],
    question: Question,
    parts: Parts,
    say: Say,
) -> Iterator[tuple[int, pa.Table]]:
    """The rows of each shard, answered in this process."""
    *starts, total = accumulate((shard.pictures for shard in shards), initial=0)
    for shard in todo:

        def progress(text: str, before: int = starts[shard.number]) -> None:
            condition, _, done = text.partition(": ")
            say(f"{condition}: {before + int(done)} of {total} pictures")

        once = partial(parts.once, shard.number)
        yield (
            shard.number,
            answer_shard(speaker, source, shard, question, once=once, say=progress),
        )


def _write(
    path: Path, parts: Parts, shards: int, conditions: Sequence[Condition], about: Mapping[str, Any]
) -> dict[Condition, dict[str, int]]:
    """Put the shards together, one in memory at a time; returns the statuses per condition."""
    schema = predictions_schema().with_metadata({METADATA: json.dumps(about, sort_keys=True)})
    statuses: dict[Condition, dict[str, int]] = {}
    with replacing(path) as draft, pq.ParquetWriter(draft, schema) as writer:
        for condition in conditions:
            counts: Counter[str] = Counter()
            for rows in parts.rows(shards, condition):
                counts.update(rows["status"].to_pylist())
                writer.write_table(rows.replace_schema_metadata(schema.metadata))
            statuses[condition] = dict(counts)
    return statuses


def _about(speaker: Speaker, stage2: Stage2) -> dict[str, Any]:
    """What the answers depend on besides the pictures; the same on every machine."""
    form = speaker.chain_format
    packages = ["qreasoning", "torch", "transformers"]
    if speaker.engine == "vllm":
        packages.append("vllm")
    return {
        "model_id": speaker.model_id,
        "revision": speaker.revision,
        "adapter_sha": speaker.adapter_sha,
        "format": form.name,
        "prompt_sha": prompt_sha(speaker, form.prompt),
        "stage2_prompt_sha": prompt_sha(speaker, form.stage2_prompt),
        "stage2": stage2,
        "max_new_tokens": speaker.max_new_tokens,
        "dtype": speaker.dtype,
        "versions": {name: version(name) for name in packages},
    }


def _here(speaker: Speaker, shards: Sequence[Shard], batch_size: int) -> dict[str, Any]:
    """What else tells this call from another one on this machine."""
    ids = "\n".join(window for shard in shards for window in shard.windows)
    return {
        "pictures": sha256_bytes(ids.encode()),
        "batch_size": batch_size,
        "device": speaker.device,
        "weights": list(speaker.weights),
    }
