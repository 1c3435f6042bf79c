"""Plots of a model's ratings against the MOS."""

from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from qreasoning.chain import RATING_MAX, RATING_MIN
from qreasoning.html import figure_uri

_ACCENT, _LINE, _SOFT = "#1d5a8c", "#d5dae0", "#59636e"


def scatter(mos: ArrayLike, ratings: ArrayLike, title: str, score: str) -> str:
    """A `data:` URI of a square plot with a point per picture that has a readable rating.

    `score` names the horizontal axis. Points are one small bitmap, so the size of the figure does
    not grow with their number.
    """
    figure = Figure(figsize=(3.4, 3.4), dpi=130)
    axes = figure.add_axes((0.14, 0.13, 0.83, 0.79))
    axes.plot([RATING_MIN, RATING_MAX], [RATING_MIN, RATING_MAX], color=_SOFT, lw=0.8, ls="--")
    axes.scatter(mos, ratings, s=12, color=_ACCENT, alpha=0.4, linewidths=0, rasterized=True)
    axes.set(xlim=(0.85, 5.15), ylim=(0.85, 5.15), aspect="equal")
    axes.set(xticks=range(1, 6), yticks=range(1, 6), xlabel=score, ylabel="model rating")
    axes.set_title(title, fontsize=10.5, loc="left")
    axes.grid(color=_LINE, lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure_uri(figure)
