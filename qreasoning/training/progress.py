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
from qreasoning.training.signs import signs

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
        self.history: list[dict[str, Any]] = []
        self.warned: set[str] = set()
        self.at = (0.0, 0.0)

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Start the clock; a run that goes on remembers what it logged before."""
        self.started = time.monotonic()
        self.first_step = state.global_step
        self.history = read_metrics(self.run)
        self.warned = {kind for line in self.history for kind in line.get("warnings", ())}
        self.at = (self.started, float(state.num_input_tokens_seen))

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any
    ) -> None:
        """Write a line of metrics, say one, and now and then a file of completions."""
        if not state.is_world_process_zero or not logs or "reward" not in logs:
            return
        self.last = {name: logs.get(f"rewards/{name}/mean") for name in self.rewards}
        line = {"step": state.global_step, **logs}
        self.history.append(line)
        new = [sign for sign in signs(self.history) if sign.kind not in self.warned]
        if new:
            line["warnings"] = {sign.kind: sign.text for sign in new}
            self.warned.update(line["warnings"])
        with (self.run / METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self.say(self._line(state, logs, args.beta))
        for sign in new:
            self.say(f"Warning, step {state.global_step}: {sign.text}")
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

    def _line(self, state: Any, logs: dict[str, Any], beta: float) -> str:
        means = [f"{name} {value:.2f}" for name, value in self.last.items() if value is not None]
        recent = [row for row in self.completions if row["step"] > state.global_step - LOG_EVERY]
        readable = sum(row["status"] == "ok" for row in recent) / max(1, len(recent))
        facts = [*means, f"{readable:.0%} readable"]
        facts.append(f"{logs['frac_reward_zero_std']:.0%} of groups without spread")
        if beta > 0:
            facts.append(f"KL {logs['kl']:.3g}")
        facts.append(f"{self._tokens_per_second(logs):.0f} tokens/s")
        facts.append(f"{self._minutes_left(state):.1f} min left")
        return f"step {state.global_step} of {state.max_steps}: {', '.join(facts)}"

    def _tokens_per_second(self, logs: dict[str, Any]) -> float:
        """Tokens of prompts and completions since the last line, on all processes."""
        (before, tokens), now = self.at, time.monotonic()
        self.at = (now, logs["num_tokens"])
        return (logs["num_tokens"] - tokens) / max(1e-9, now - before)

    def _minutes_left(self, state: Any) -> float:
        done = state.global_step - self.first_step
        seconds = time.monotonic() - self.started
        return seconds / done * (state.max_steps - state.global_step) / 60


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """The lines of a run's metrics, each with its `step`; [] where it has none yet."""
    path = run / METRICS
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
