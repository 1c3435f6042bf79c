"""What a run leaves behind while it goes: a metrics line, a progress line, the completions."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from transformers import TrainerCallback

from qreasoning.files import replacing

METRICS = "metrics.jsonl"
COMPLETIONS = "completions"
LOG_EVERY = 5
"""Steps per line of metrics and progress."""
COMPLETIONS_EVERY = 50
"""Steps per file of completions; a multiple of `LOG_EVERY`."""


class Progress(TrainerCallback):
    """Writes `metrics.jsonl` and `completions/*.parquet` into a run and reports through `say`.

    `completions` is the trainer's list, emptied whenever a file is written; `last` holds the
    latest mean of each reward.
    """

    def __init__(
        self,
        run: Path,
        rewards: Sequence[str],
        completions: list[dict[str, Any]],
        say: Callable[[str], None],
    ) -> None:
        self.run = run
        self.rewards = rewards
        self.completions = completions
        self.say = say
        self.started = 0.0
        self.first_step = 0
        self.last: dict[str, float | None] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Start the clock."""
        self.started = time.monotonic()
        self.first_step = state.global_step

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any
    ) -> None:
        """Write a line of metrics, say one, and now and then a file of completions."""
        if not state.is_world_process_zero or not logs or "reward" not in logs:
            return
        self.last = {name: logs.get(f"rewards/{name}/mean") for name in self.rewards}
        with (self.run / METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": state.global_step, **logs}) + "\n")
        self.say(self._line(state))
        if state.global_step % COMPLETIONS_EVERY == 0:
            self.write_completions()

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Write the completions that are left."""
        self.write_completions()

    def write_completions(self) -> None:
        """Write the completions collected since the last file, and forget them."""
        if not self.completions:
            return
        first, last = self.completions[0]["step"], self.completions[-1]["step"]
        with replacing(self.run / COMPLETIONS / f"{first:06d}-{last:06d}.parquet") as draft:
            pq.write_table(pa.Table.from_pylist(self.completions), draft)
        self.completions.clear()

    def means_of(self, step: int) -> dict[str, float]:
        """The mean of each reward over the completions of one step."""
        rows = [row for row in self.completions if row["step"] == step]
        known = {
            name: [row[name] for row in rows if row[name] is not None] for name in self.rewards
        }
        return {name: fmean(values) for name, values in known.items() if values}

    def _line(self, state: Any) -> str:
        means = ", ".join(
            f"{name} {value:.2f}" for name, value in self.last.items() if value is not None
        )
        recent = [row for row in self.completions if row["step"] > state.global_step - LOG_EVERY]
        readable = sum(row["status"] == "ok" for row in recent) / max(1, len(recent))
        seconds = time.monotonic() - self.started
        done = state.global_step - self.first_step
        left = seconds / done * (state.max_steps - state.global_step)
        return (
            f"step {state.global_step} of {state.max_steps}: {means}, "
            f"{readable:.0%} readable, {left / 60:.1f} min left"
        )
