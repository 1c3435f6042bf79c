"""`qr learning-curve`: what more human chains would bring.

A recipe is trained on fractions of the pictures with human chains, several seeds each; all other
pictures keep their MOS. Which pictures a fraction has is decided by their hashes, so each holds the
smaller ones. Intervals are over the pictures of the validation split and the seeds together; what
another choice of annotated pictures would have given is not in them.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from qreasoning.errors import SettingsError
from qreasoning.metrics.bootstrap import Estimate, Replicates, intervals, limits, over_seeds
from qreasoning.studies import SPLIT, CurveResult, Point, write_results
from qreasoning.study_figures import CURVES
from qreasoning.study_files import write_curve_files
from qreasoning.training.examples import Example
from qreasoning.training.measured import Measured, read_judge, replicates
from qreasoning.training.preflight import check_batches, usable_examples
from qreasoning.training.recipe import Recipe
from qreasoning.training.trials import Load, Say, about, finished_run, make_trial, studying
from qreasoning.workspace import Workspace

REPETITIONS = 10_000


def learning_curve(
    load: Load,
    dataset: Path,
    study: Workspace,
    *,
    name: str,
    fractions: Sequence[float],
    seeds: int,
    device: str | None = None,
    say: Say = lambda _: None,
) -> CurveResult:
    """Train what is not trained yet; the results are in `outputs/learning-curves/<name>`.

    `load` gives the recipe with changes. Each run is `outputs/runs/<name>.<fraction>.<seed>/001`,
    so that more seeds or fractions go on with what there is. Raises SettingsError or DataError
    before any work where something does not fit, or a run of that name is of another recipe.
    """
    fractions = sorted(set(fractions))
    _refuse_fractions(fractions)
    recipe = load(())
    recipes = {
        (fraction, seed): _recipe(load, recipe, name, fraction, seed)
        for seed in range(seeds)
        for fraction in fractions
    }
    used = {fraction: usable_examples(recipes[fraction, 0], dataset)[0] for fraction in fractions}
    for fraction in fractions:
        check_batches(recipes[fraction, 0], used[fraction], 1)
    _refuse_equal(used)
    judge = read_judge(dataset, SPLIT)
    folder = study.learning_curves / name
    with studying(folder, device, recipe):
        for each in recipes.values():
            finished_run(each, dataset, study.runs)
        runs: list[str] = []
        found: dict[float, list[Measured]] = {fraction: [] for fraction in fractions}
        for (fraction, seed), each in recipes.items():
            count = _chains(used[fraction])
            say(f"{count} human chains, seed {seed}: run {len(runs) + 1} of {len(recipes)}")
            trial = make_trial(each, dataset, study, judge, device=device, say=say)
            runs.append(trial.run)
            found[fraction].append(trial.measured)
            if fraction == fractions[-1]:
                # All fractions have this seed.
                points, gains, compared = _points(found, used)
                result = CurveResult(
                    about(name, recipe, dataset), seed + 1, runs, points, gains, compared
                )
                write_curve_files(folder, result)
                write_results(folder, result)
    return result


def _refuse_fractions(fractions: Sequence[float]) -> None:
    if not fractions or not all(0 < each <= 1 for each in fractions):
        raise SettingsError("Fractions are above 0 and at most 1, such as 0.125,0.25,0.5,1.")


def _recipe(load: Load, recipe: Recipe, name: str, fraction: float, seed: int) -> Recipe:
    return load(
        [
            f"data.annotated={np.format_float_positional(fraction)}",
            f"grpo.seed={recipe.grpo.seed + seed}",
            f"name={name}.{fraction:g}.{seed}",
        ]
    )


def _refuse_equal(used: dict[float, list[Example]]) -> None:
    counts = {fraction: _pictures(rows) for fraction, rows in used.items()}
    for one, other in zip(list(counts)[:-1], list(counts)[1:], strict=True):
        if counts[one] == counts[other]:
            raise SettingsError(
                f"The fractions {one:g} and {other:g} keep the same {counts[one]} pictures with "
                "human chains. Take fractions that are further apart."
            )


def _chains(rows: Sequence[Example]) -> int:
    return sum(len(row.chains) for row in rows)


def _pictures(rows: Sequence[Example]) -> int:
    return sum(bool(row.chains) for row in rows)


def _points(
    found: dict[float, list[Measured]], used: dict[float, list[Example]]
) -> tuple[list[Point], dict[str, Estimate], tuple[int, int] | None]:
    """The points, what the last doubling gave, and the numbers of chains that are compared."""
    drawn = {
        metric: {
            fraction: over_seeds(replicates(metric, runs, REPETITIONS))
            for fraction, runs in found.items()
        }
        for metric in CURVES
    }
    points = [
        Point(
            fraction=fraction,
            chains=_chains(used[fraction]),
            pictures=_pictures(used[fraction]),
            values={metric: intervals(drawn[metric][fraction])[0] for metric in CURVES},
        )
        for fraction in found
    ]
    if len(points) < 2:
        return points, {}, None
    last = points[-1]
    half = min(points[:-1], key=lambda each: abs(each.chains - last.chains / 2))
    gains = {
        metric: _difference(drawn[metric][last.fraction], drawn[metric][half.fraction])
        for metric in CURVES
    }
    return points, gains, (half.chains, last.chains)


def _difference(after: Replicates, before: Replicates) -> Estimate:
    """Paired: both have drawn the same pictures and seeds."""
    value = float(after.values[0] - before.values[0])
    n, left_out = int(after.n[0]), int(after.n_left_out[0])
    draws = after.draws[:, 0] - before.draws[:, 0]
    return Estimate(value, *limits(value, draws, n), n, left_out)
