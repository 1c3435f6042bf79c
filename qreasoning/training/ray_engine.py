"""Prediction on the workers of a Ray cluster, this machine's if there is no other.

A worker loads the model once and answers shards; the rows come back to the process that asked,
which writes them. Pictures and the model are read where they lie, so the folders must be under the
same paths on every machine. A worker that dies is replaced, and its shard is answered anew.
"""

import json
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from qreasoning.errors import DataError, QReasoningError, SettingsError
from qreasoning.training.answering import Question, answer_shard
from qreasoning.training.source import Shard, Source
from qreasoning.training.speaker import Speaker, load_speaker
from qreasoning.training.two_stages import Say

Given = tuple[str | Path, str | None, int, str | None, str | None]
"""The arguments of `load_speaker`: model, format, completion length, device, revision."""
STORE = 200_000_000
"""Bytes of a local cluster's object store: shards of rows are small."""


def started(say: Say) -> None:
    """Connect to the cluster that RAY_ADDRESS names, or start one on this machine."""
    # Nothing is reported to Ray's makers.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Workers are as important as this process would be.
    os.environ.setdefault("RAY_worker_niceness", "0")
    import ray

    if ray.is_initialized():
        return
    # What Ray has to say while all is well is for its developers.
    logging.getLogger("ray").setLevel(logging.ERROR)
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if "RAY_ADDRESS" not in os.environ:
        options |= {"address": "local", "include_dashboard": False, "object_store_memory": STORE}
    try:
        ray.init(**options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise SettingsError(
            f"The Ray cluster cannot be reached ({str(error).splitlines()[0]}). Correct "
            "RAY_ADDRESS, or unset it to use this machine alone."
        ) from None
    nodes = sum(node["Alive"] for node in ray.nodes())
    resources = ray.cluster_resources()
    say(
        f"Ray: {nodes} machine{'s' if nodes > 1 else ''}, {resources.get('CPU', 0):.0f} cores, "
        f"{resources.get('GPU', 0):.0f} GPUs"
    )


def device_of_cluster() -> str:
    """`cuda` where the cluster has a GPU, else `cpu`."""
    import ray

    return "cuda" if ray.cluster_resources().get("GPU", 0) >= 1 else "cpu"


def answered(
    given: Given,
    source: Source,
    shards: Sequence[Shard],
    question: Question,
    workers: int | None,
    say: Say,
) -> Iterator[tuple[int, pa.Table]]:
    """The rows of each shard, as they are finished.

    Raises SettingsError for more workers than the cluster has room for, and DataError with what a
    worker says where it cannot go on.
    """
    if not shards:
        return
    import ray
    import ray.data

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    resource = "GPU" if given[3] == "cuda" else "CPU"
    room = int(ray.cluster_resources().get(resource, 0))
    if room < (workers or 1):
        raise SettingsError(
            f"The cluster has {room} {resource}s, and {workers or 1} workers are asked for. Take "
            "--workers down, or start Ray on more machines."
        )
    count = min(workers or room, len(shards))
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    jobs = ray.data.from_items(
        [{"shard": json.dumps(asdict(shard))} for shard in shards],
        override_num_blocks=len(shards),
    )
    rows = jobs.map_batches(
        Worker,
        fn_constructor_args=(given, source, question),
        batch_size=1,
        num_cpus=1,
        num_gpus=1 if resource == "GPU" else None,
        compute=ray.data.ActorPoolStrategy(size=count),
    )
    done, total = 0, sum(shard.pictures for shard in shards)
    sizes = {shard.number: shard.pictures for shard in shards}
    for row in rows.iter_rows():
        if row["problem"]:
            raise DataError(row["problem"])
        number = int(row["number"])
        yield number, pa.ipc.open_stream(row["rows"]).read_all()
        done += sizes[number]
        say(f"{done} of {total} pictures")


class Worker:
    """Loads the model once and answers the shards that it is given."""

    def __init__(self, given: Given, source: Source, question: Question) -> None:
        self.given = given
        self.source = source
        self.question = question

    @cached_property
    def speaker(self) -> Speaker:
        """The model, loaded with the first shard."""
        return load_speaker(*self.given)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Answer a batch of one shard. An error of ours is an answer too: Ray would wrap it."""
        content = json.loads(batch["shard"][0])
        shard = Shard(**{**content, "windows": tuple(content["windows"])})
        rows, problem = b"", ""
        try:
            rows = _packed(answer_shard(self.speaker, self.source, shard, self.question))
        except QReasoningError as error:
            problem = str(error)
        return {"number": [shard.number], "rows": [rows], "problem": [problem]}


def _packed(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows)
    return bytes(sink.getvalue().to_pybytes())
