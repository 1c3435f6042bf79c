"""`qr sweep`: which settings of a recipe trade one goal for another, as a Pareto front.

Optuna draws the settings of each trial from what earlier ones gave; the trials themselves are runs
like any other, judged on the validation split. The storage is one SQLite file beside the results,
which other tools of Optuna's can read. What is drawn depends on the seed, the trial's number and
the trials before it alone, so an interrupted sweep ends as it would have.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from qreasoning.errors import SettingsError, TrainingError
from qreasoning.files import sha256_bytes
from qreasoning.studies import (
    LABELS,
    SMALLER_IS_BETTER,
    SPLIT,
    SweepResult,
    TrialResult,
    write_results,
)
from qreasoning.study_files import write_sweep_files
from qreasoning.training.measured import Judge, read_judge
from qreasoning.training.recipe import Recipe
from qreasoning.training.run import facts_at_start, pinned
from qreasoning.training.sweep_file import Sweep
from qreasoning.training.trials import Load, Say, about, make_trial, studying
from qreasoning.workspace import Workspace

STORAGE = "trials.db"
NAME = "sweep"
OWN = "settings"
"""The attribute under which the storage keeps what it is a sweep of."""


def sweep(
    settings: Sweep,
    load: Load,
    dataset: Path,
    study: Workspace,
    *,
    name: str,
    device: str | None = None,
    say: Say = lambda _: None,
) -> SweepResult:
    """Run the trials that `outputs/sweeps/<name>` does not have yet; the results are there too.

    `load` gives the recipe with changes. Each trial is `outputs/runs/<name>.<number>/001`. A trial
    whose training fails, or whose objectives are undefined, is kept with the reason and not run
    again. Raises SettingsError before any work for settings that make no recipe, and where the
    folder holds a sweep of something else.
    """
    recipe = load(())
    for changes in settings.corners():
        load(_assignments(changes))
    judge = read_judge(dataset, SPLIT)
    folder = study.sweeps / name
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with studying(folder, device, recipe):
        trials = _open(folder, settings, recipe, dataset)
        result = _result(trials, settings, name, recipe, dataset)
        while (trial := _next(trials, settings)) is not None:
            drawn = settings.drawn(trial)
            say(f"trial {trial.number} of {settings.trials}: {_shown(drawn) or 'the recipe'}")
            own = load([*_assignments(drawn), f"name={name}.{trial.number:03d}"])
            _run(trials, trial, settings, own, dataset, study, judge, device, say)
            result = _result(trials, settings, name, recipe, dataset)
            write_sweep_files(folder, result)
            write_results(folder, result)
            say(_outcome(result.trials[-1]))
    return result


def _open(folder: Path, settings: Sweep, recipe: Recipe, dataset: Path) -> optuna.Study:
    """The storage of a sweep, made if it is not there. Raises SettingsError for another's."""
    trials = optuna.create_study(
        storage=f"sqlite:///{folder / STORAGE}",
        study_name=NAME,
        directions=[
            "minimize" if each in SMALLER_IS_BETTER else "maximize" for each in settings.objectives
        ],
        load_if_exists=True,
    )
    content = {
        "recipe": pinned(recipe).model_dump(mode="json"),
        **facts_at_start(dataset),
        # More trials may be asked for later.
        "sweep": settings.model_dump(mode="json", exclude={"trials"}),
    }
    wanted = {
        key: sha256_bytes(json.dumps(value, sort_keys=True).encode())
        for key, value in content.items()
    }
    kept = trials.user_attrs.get(OWN)
    if kept is None:
        own = settings.own_values(recipe)
        if own is not None and not trials.get_trials(deepcopy=False):
            trials.enqueue_trial(own)
        trials.set_user_attr(OWN, wanted)
    elif kept != wanted:
        other = next(key for key in wanted if kept.get(key) != wanted[key]).replace("_", " ")
        raise SettingsError(
            f"{folder} holds a sweep of another {other}. Undo the change to go on with it, or give "
            "this one another --name."
        )
    return trials


def _next(trials: optuna.Study, settings: Sweep) -> optuna.Trial | None:
    """The trial that was interrupted, else a new one; None if there are enough."""
    there = trials.get_trials(deepcopy=False)
    # A process that died leaves its trial running.
    running = [each for each in there if each.state == TrialState.RUNNING]
    trials.sampler = optuna.samplers.TPESampler(
        seed=settings.seed + 1000 * (running[0].number if running else len(there)),
        n_startup_trials=settings.startup,
    )
    if running:
        return optuna.Trial(trials, running[0]._trial_id)
    if sum(each.state.is_finished() for each in there) >= settings.trials:
        return None
    return trials.ask()


def _run(
    trials: optuna.Study,
    trial: optuna.Trial,
    settings: Sweep,
    recipe: Recipe,
    dataset: Path,
    study: Workspace,
    judge: Judge,
    device: str | None,
    say: Say,
) -> None:
    try:
        made = make_trial(recipe, dataset, study, judge, device=device, say=say)
    except TrainingError as error:
        trial.set_user_attr("why", str(error))
        trials.tell(trial, state=TrialState.FAIL)
        return
    values = made.measured.values()
    # JSON has no nan.
    known = {key: None if value != value else value for key, value in values.items()}
    trial.set_user_attr("values", known)
    trial.set_user_attr("run", made.run)
    undefined = [LABELS[each] for each in settings.objectives if known[each] is None]
    if undefined:
        trial.set_user_attr("why", f"{' and '.join(undefined)} undefined on these pictures")
        trials.tell(trial, state=TrialState.FAIL)
        return
    trials.tell(trial, [values[each] for each in settings.objectives])


def _result(
    trials: optuna.Study, settings: Sweep, name: str, recipe: Recipe, dataset: Path
) -> SweepResult:
    ended = [each for each in trials.get_trials(deepcopy=False) if each.state.is_finished()]
    complete = [each for each in ended if each.state == TrialState.COMPLETE]
    front = {each.number for each in trials.best_trials} if complete else set()
    return SweepResult(
        about=about(name, recipe, dataset),
        objectives=list(settings.objectives),
        parameters=list(settings.parameters),
        wanted=settings.trials,
        trials=[_trial(each, each.number in front) for each in ended],
    )


def _trial(trial: FrozenTrial, on_front: bool) -> TrialResult:
    return TrialResult(
        number=trial.number,
        run=trial.user_attrs.get("run"),
        parameters=dict(trial.params),
        values=trial.user_attrs.get("values") or dict.fromkeys(LABELS),
        on_front=on_front,
        why=trial.user_attrs.get("why"),
    )


def _assignments(changes: Mapping[str, Any]) -> list[str]:
    """As `--set` takes them."""
    return [f"{key}={_yaml(value)}" for key, value in changes.items()]


def _yaml(value: Any) -> str:
    """A value in YAML: as in JSON, except that YAML takes 1e-05 for a text."""
    return np.format_float_positional(value) if isinstance(value, float) else json.dumps(value)


def _shown(parameters: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{key} {value:.3g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in parameters.items()
    )


def _outcome(trial: TrialResult) -> str:
    if trial.why:
        return f"trial {trial.number} does not count: {trial.why}"
    values = ", ".join(
        f"{LABELS[key]} {value:.3f}" for key, value in trial.values.items() if value is not None
    )
    return f"trial {trial.number}{', on the front' if trial.on_front else ''}: {values}"
