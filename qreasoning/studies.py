"""Results of studies that train many times: sweeps and learning curves.

A study writes one `results.json`; the report reads it. All of them are judged on the validation
split, so that the test split stays unseen by every choice that is made from them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from qreasoning.errors import DataError
from qreasoning.files import write_json
from qreasoning.metrics.bootstrap import Estimate

SPLIT = "validation"
"""What studies are judged on."""
RESULTS = "results.json"
LABELS: Mapping[str, str] = {
    "rouge1": "ROUGE-1 F",
    "claim_f1": "claim F1",
    "contradiction_rate": "contradiction rate",
    "srcc": "SRCC",
    "srcc_caption": "SRCC from the caption",
    "plcc": "PLCC",
    "format_rate": "format rate",
}
"""The metrics of studies and what tables call them."""
SMALLER_IS_BETTER = frozenset({"contradiction_rate"})


@dataclass(frozen=True)
class About:
    """What a study is of; two studies with equal parts can be taken for one."""

    name: str
    recipe: str
    dataset: str
    version: str
    content_sha256: str | None
    simulated: bool


@dataclass(frozen=True)
class TrialResult:
    """One training run of a sweep: what was drawn for it and what came of it.

    `values` has every metric of `LABELS`, None where it is undefined; `why` says what went wrong
    with a trial that does not count.
    """

    number: int
    run: str | None
    parameters: Mapping[str, Any]
    values: Mapping[str, float | None]
    on_front: bool
    why: str | None = None


@dataclass(frozen=True)
class SweepResult:
    """A sweep as far as it is: its trials in order. `wanted` is how many there are to be."""

    about: About
    objectives: Sequence[str]
    parameters: Sequence[str]
    wanted: int
    trials: Sequence[TrialResult]

    @property
    def front(self) -> list[TrialResult]:
        """The trials that no other is better than in every objective, by the first of them."""
        first = self.objectives[0]
        return sorted(
            (trial for trial in self.trials if trial.on_front),
            key=lambda trial: trial.values[first] or 0.0,
        )


@dataclass(frozen=True)
class Point:
    """A fraction of the human chains: how many they are, and what training on them gave.

    `values` are means over the seeds with 95 % intervals over pictures and seeds together.
    """

    fraction: float
    chains: int
    pictures: int
    values: Mapping[str, Estimate]


@dataclass(frozen=True)
class CurveResult:
    """A learning curve. `gains` are the last point's values less those of the point before it that
    is nearest to half of it, paired over pictures and seeds."""

    about: About
    seeds: int
    runs: Sequence[str]
    points: Sequence[Point]
    gains: Mapping[str, Estimate]
    compared: tuple[int, int] | None
    """How many chains the two points of `gains` have."""


def gain_sentence(result: CurveResult) -> str:
    """What the last doubling of the human chains bought, as it is."""
    if result.compared is None:
        return "One fraction alone says nothing about what more annotations would bring."
    before, after = result.compared
    said = [_gain(LABELS[name], each) for name, each in result.gains.items()]
    return f"From {before:,} to {after:,} human chains, {'; '.join(said)}."


def _gain(label: str, gain: Estimate) -> str:
    if gain.value != gain.value:
        return f"{label} is undefined"
    way = "rose" if gain.value > 0 else "fell" if gain.value < 0 else "moved"
    if gain.low != gain.low:
        return f"{label} {way} by {abs(gain.value):.3f} (no interval)"
    chance = ", which may be chance" if gain.low <= 0 <= gain.high else ""
    return (
        f"{label} {way} by {abs(gain.value):.3f} "
        f"(95 % interval {gain.low:+.3f} to {gain.high:+.3f}{chance})"
    )


def write_results(folder: Path, result: SweepResult | CurveResult) -> None:
    """Write `results.json` into a study's folder, atomically; nan becomes null."""
    kind = "sweep" if isinstance(result, SweepResult) else "learning curve"
    write_json(folder / RESULTS, _plain({"kind": kind, **asdict(result)}))


def read_sweep(path: Path) -> SweepResult:
    """A sweep's `results.json`. Raises DataError where it is none."""
    content = _read(path, "sweep")
    try:
        trials = [TrialResult(**each) for each in content.pop("trials")]
        about = About(**content.pop("about"))
        return SweepResult(about=about, trials=trials, **content)
    except (KeyError, TypeError) as error:
        raise _damaged(path, error) from None


def read_curve(path: Path) -> CurveResult:
    """A learning curve's `results.json`. Raises DataError where it is none."""
    content = _read(path, "learning curve")
    try:
        points = [
            Point(**{**each, "values": _estimates(each["values"])})
            for each in content.pop("points")
        ]
        compared = content.pop("compared")
        return CurveResult(
            about=About(**content.pop("about")),
            points=points,
            gains=_estimates(content.pop("gains")),
            compared=None if compared is None else tuple(compared),
            **content,
        )
    except (KeyError, TypeError) as error:
        raise _damaged(path, error) from None


def _read(path: Path, kind: str) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from None
    if not isinstance(content, dict) or content.pop("kind", None) != kind:
        raise DataError(f"{path} is no {kind}'s result. Run the study again.")
    return content


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} cannot be read ({error}). Run the study again; it keeps its runs.")


def _estimates(content: Mapping[str, Any]) -> dict[str, Estimate]:
    nan = float("nan")
    found = {}
    for name, (value, low, high, n, left_out) in content.items():
        known = [nan if part is None else float(part) for part in (value, low, high)]
        found[name] = Estimate(known[0], known[1], known[2], n, left_out)
    return found


def _plain(value: Any) -> Any:
    """As JSON has it: no nan, tuples as lists."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and value != value else value
