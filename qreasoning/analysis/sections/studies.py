"""Section: what training many times showed, as tables and pictures."""

from typing import Any

from qreasoning.analysis.studies import Studies
from qreasoning.html import figure_uri
from qreasoning.studies import LABELS, CurveResult, SweepResult, gain_sentence
from qreasoning.study_figures import CURVES, curve_figure, front_figure


def studies_shown(studies: Studies) -> dict[str, Any]:
    """What the section shows of each study."""
    return {
        "sweeps": [_sweep(each) for each in studies.sweeps],
        "curves": [_curve(each) for each in studies.curves],
    }


def _sweep(result: SweepResult) -> dict[str, Any]:
    counted = [trial for trial in result.trials if trial.why is None]
    return {
        "about": result.about,
        "objectives": [LABELS[each] for each in result.objectives],
        "parameters": list(result.parameters),
        "wanted": result.wanted,
        "ended": len(result.trials),
        "counted": len(counted),
        "failed": [trial for trial in result.trials if trial.why is not None],
        "figure": figure_uri(front_figure(result)),
        "rows": [
            {
                "number": trial.number,
                "values": [trial.values[each] for each in result.objectives],
                "parameters": [_plain(trial.parameters.get(each)) for each in result.parameters],
                "run": trial.run,
            }
            for trial in result.front
        ],
    }


def _curve(result: CurveResult) -> dict[str, Any]:
    return {
        "about": result.about,
        "seeds": result.seeds,
        "labels": [LABELS[each] for each in CURVES],
        "figure": figure_uri(curve_figure(result)),
        "sentence": gain_sentence(result),
        "rows": [
            {
                "chains": point.chains,
                "pictures": point.pictures,
                "values": [point.values[each] for each in CURVES],
            }
            for point in result.points
        ],
    }


def _plain(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
