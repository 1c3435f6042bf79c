"""What a study leaves for people beside its `results.json`: a table (CSV) and a picture (SVG)."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from qreasoning.files import write_bytes, write_text
from qreasoning.html import figure_svg
from qreasoning.spreadsheets import literal
from qreasoning.studies import LABELS, CurveResult, SweepResult
from qreasoning.study_figures import CURVES, curve_figure, front_figure

FRONT = "front"
CURVE = "curve"


def write_sweep_files(folder: Path, result: SweepResult) -> None:
    """Write `front.csv`, a row per trial, and `front.svg` into a sweep's folder."""
    header = ["trial", "on front", *result.parameters, *LABELS, "run", "why"]
    rows = (
        [
            *(trial.number, int(trial.on_front)),
            *(trial.parameters.get(name) for name in result.parameters),
            *(trial.values.get(name) for name in LABELS),
            *(trial.run, trial.why),
        ]
        for trial in result.trials
    )
    write_text(folder / f"{FRONT}.csv", _csv(header, rows))
    write_bytes(folder / f"{FRONT}.svg", figure_svg(front_figure(result)))


def write_curve_files(folder: Path, result: CurveResult) -> None:
    """Write `curve.csv`, a row per fraction, and `curve.svg` into a learning curve's folder."""
    header = ["fraction", "chains", "pictures"]
    header += [f"{name}{end}" for name in CURVES for end in ("", " low", " high")]
    rows = (
        [
            *(point.fraction, point.chains, point.pictures),
            *(None if x != x else x for name in CURVES for x in point.values[name][:3]),
        ]
        for point in result.points
    )
    write_text(folder / f"{CURVE}.csv", _csv(header, rows))
    write_bytes(folder / f"{CURVE}.svg", figure_svg(curve_figure(result)))


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([literal(cell) for cell in row] for row in rows)
    return buffer.getvalue()
