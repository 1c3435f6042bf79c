"""Figures of studies: a sweep's front, a learning curve."""

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from qreasoning.studies import LABELS, SMALLER_IS_BETTER, CurveResult, SweepResult

_ACCENT, _SOFT, _LINE = "#1d5a8c", "#59636e", "#d5dae0"
_COLOURS = ("#1d5a8c", "#9a5b00", "#3f7d4e", "#7a3b8f")
CURVES = ("rouge1", "claim_f1", "srcc")
"""What a learning curve shows."""


def front_figure(result: SweepResult) -> Figure:
    """Each trial as a point, those on the front joined and numbered.

    With more than two objectives, a panel for the first against each other; with one, its values by
    trial.
    """
    first, *rest = result.objectives
    others: list[str | None] = list(rest) or [None]
    figure = Figure(figsize=(4.6 * len(others), 3.9), dpi=120, layout="constrained")
    panels = figure.subplots(1, len(others), squeeze=False)[0]
    trials = [trial for trial in result.trials if trial.why is None]
    for axes, other in zip(panels, others, strict=True):
        points = [
            (trial.number if other is None else trial.values[other], trial.values[first])
            for trial in trials
        ]
        if points:
            axes.scatter(*zip(*points, strict=True), s=22, color=_SOFT, alpha=0.6, linewidths=0)
        best = sorted(
            (point, trial.number)
            for point, trial in zip(points, trials, strict=True)
            if trial.on_front
        )
        if best:
            axes.plot(
                *zip(*(point for point, _ in best), strict=True),
                color=_ACCENT,
                # Between three and more objectives the front is a surface, which no line shows.
                lw=1.4 if len(rest) == 1 else 0,
                marker="o",
                ms=5.5,
            )
        for point, number in best:
            axes.annotate(f"{number}", point, xytext=(5, 4), textcoords="offset points", fontsize=8)
        axes.set(xlabel="trial" if other is None else _label(other), ylabel=_label(first))
        axes.grid(color=_LINE, lw=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _label(metric: str) -> str:
    return f"{LABELS[metric]}{' (smaller is better)' if metric in SMALLER_IS_BETTER else ''}"


def curve_figure(result: CurveResult) -> Figure:
    """A panel per metric: its mean over the seeds with its interval, by the number of chains."""
    figure = Figure(figsize=(3.4 * len(CURVES), 3.1), dpi=120, layout="constrained")
    chains = [point.chains for point in result.points]
    for axes, metric, colour in zip(
        figure.subplots(1, len(CURVES)), CURVES, _COLOURS, strict=False
    ):
        found = [point.values[metric] for point in result.points]
        middle = [each.value for each in found]
        # Without an interval (nan) a bar has no length.
        below = [0.0 if each.low != each.low else each.value - each.low for each in found]
        above = [0.0 if each.high != each.high else each.high - each.value for each in found]
        limits = [[max(each, 0.0) for each in side] for side in (below, above)]
        axes.errorbar(chains, middle, limits, color=colour, lw=1.5, marker="o", ms=4.5, capsize=3)
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_locator(FixedLocator(chains))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticklabels([f"{each:,}" for each in chains])
        axes.set(xlabel="human chains", title=LABELS[metric])
        axes.grid(color=_LINE, lw=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    return figure
