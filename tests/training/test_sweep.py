"""Sweeps: trials drawn, run, found again after a kill, and never lost or run twice."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import optuna
import pyarrow.parquet as pq
import pytest

from qreasoning.errors import DataError, SettingsError, TrainingError
from qreasoning.studies import RESULTS, read_sweep
from qreasoning.training import sweep as sweep_module
from qreasoning.training import trials as trials_module
from qreasoning.training.recipe import load_recipe
from qreasoning.training.sweep import _assignments, sweep
from qreasoning.training.sweep_file import Sweep, load_sweep
from qreasoning.workspace import shipped

SMALL = {
    "steps": 1,
    "images_per_step": 2,
    "num_generations": 2,
    "warmup_steps": 0,
    "max_completion_length": 40,
}
SETTINGS = {
    "trials": 4,
    "startup": 2,
    "objectives": ["rouge1", "format_rate"],
    "parameters": {
        "rewards.reasoning.weight": {"low": 0.1, "high": 4.0, "log": True},
        "credit": {"choices": ["sequence", "span"]},
        "grpo.warmup_steps": {"low": 0, "high": 1, "integer": True},
    },
}


@pytest.fixture
def load(base, study):
    """The small recipe, with changes made to it as on the command line."""
    path = study.root / "training" / "small.yaml"
    grpo = ", ".join(f"{key}: {value}" for key, value in SMALL.items())
    path.write_text(f"extends: tiny\nmodel: {base}\ngrpo: {{{grpo}}}\n")
    return lambda changes: load_recipe(path, changes)


@pytest.fixture
def data(make_dataset):
    return make_dataset({"train": 4, "validation": 6, "test": 2})


@pytest.fixture
def run(load, data, study):
    def run(name="mine", **changes):
        settings = Sweep.model_validate(SETTINGS | changes)
        return sweep(settings, load, data, study, name=name, device="cpu")

    return run


def test_sweep_makes_a_run_and_validation_predictions_for_each_trial(run, study):
    result = run(trials=3)
    assert [trial.number for trial in result.trials] == [0, 1, 2]
    # The recipe's own settings come first.
    assert dict(result.trials[0].parameters) == {
        "rewards.reasoning.weight": 1.0,
        "credit": "sequence",
        "grpo.warmup_steps": 0,
    }
    for trial in result.trials:
        recipe = load_recipe(study.runs / trial.run / "recipe.yaml")
        assert recipe.rewards.reasoning.weight == trial.parameters["rewards.reasoning.weight"]
        assert recipe.credit == trial.parameters["credit"]
        name = trial.run.replace("/", "-")
        (path,) = (study.predictions / name).iterdir()
        assert path.name == "demo-simulated-1.0.0-validation.parquet"
        rows = [r for r in pq.read_table(path).to_pylist() if r["condition"] == "image"]
        assert len(rows) == 6
        ok = [row["status"] == "ok" for row in rows]
        assert trial.values["format_rate"] == pytest.approx(sum(ok) / 6)
    assert result.front
    folder = study.sweeps / "mine"
    assert read_sweep(folder / RESULTS).trials == result.trials
    assert result.about.simulated
    table = list(csv.DictReader((folder / "front.csv").open()))
    assert [row["trial"] for row in table] == ["0", "1", "2"]
    assert [float(row["rouge1"]) for row in table] == [t.values["rouge1"] for t in result.trials]
    assert (folder / "front.svg").read_bytes().startswith(b"<?xml")


class Killed(BaseException):
    pass


@pytest.mark.parametrize("where", ["train", "predict", "measure"])
def test_sweep_interrupted_anywhere_ends_as_it_would_have(run, study, monkeypatch, where):
    whole = run("whole", trials=3)
    ran = []
    original = getattr(trials_module, where)

    def killed_at_the_second(*given, **options):
        ran.append(1)
        if len(ran) == 2:
            raise Killed
        return original(*given, **options)

    with monkeypatch.context() as patched:
        patched.setattr(trials_module, where, killed_at_the_second)
        with pytest.raises(Killed):
            run("cut", trials=3)
    result = run("cut", trials=3)
    assert [t.parameters for t in result.trials] == [t.parameters for t in whole.trials]
    assert [t.values for t in result.trials] == [t.values for t in whole.trials]
    finished = sorted(path.parent for path in study.runs.glob("cut.*/*/manifest.json"))
    assert len(finished) == 3
    assert {path.parent.name for path in finished} == {f"cut.{n:03d}" for n in range(3)}
    # Once more: nothing is left to do.
    before = [path.stat().st_mtime_ns for path in finished]
    assert run("cut", trials=3).trials == result.trials
    assert [path.stat().st_mtime_ns for path in finished] == before


def test_sweep_with_more_trials_goes_on(run):
    first = run(trials=2)
    more = run(trials=3)
    assert [each.values for each in more.trials[:2]] == [each.values for each in first.trials]
    assert len(more.trials) == 3


def test_sweep_storage_of_another_recipe_or_sweep_is_refused(run, study, load, data):
    run(trials=1)
    with pytest.raises(SettingsError, match="holds a sweep of another sweep"):
        run(trials=1, seed=5)
    settings = Sweep.model_validate({**SETTINGS, "trials": 1})

    def other(changes):
        return load(["grpo.learning_rate=0.5", *changes])

    with pytest.raises(SettingsError, match=r"a sweep of another recipe.*another --name"):
        sweep(settings, other, data, study, name="mine", device="cpu")
    assert len(list(study.runs.glob("*/*"))) == 1


def test_sweep_a_trial_that_fails_is_kept_with_its_reason(run, monkeypatch):
    train = trials_module.train

    def failing(recipe, *given, **options):
        if recipe.name == "mine.001":
            raise TrainingError("The gradient is not a number.")
        return train(recipe, *given, **options)

    monkeypatch.setattr(trials_module, "train", failing)
    result = run(trials=3)
    assert [trial.why for trial in result.trials] == [None, "The gradient is not a number.", None]
    assert not result.trials[1].on_front
    assert len(run(trials=3).trials) == 3


def test_sweep_an_undefined_objective_does_not_count(run, make_dataset, study, load):
    data = make_dataset(
        {"train": 4, "validation": 3}, lambda row: {**row, "mos": 3.0}, name="flat-simulated"
    )
    settings = {**SETTINGS, "trials": 1, "objectives": ["rouge1", "srcc"]}
    result = sweep(Sweep.model_validate(settings), load, data, study, name="flat", device="cpu")
    assert result.trials[0].why == "SRCC undefined on these pictures"
    assert result.trials[0].values["srcc"] is None
    assert result.front == []


def test_sweep_without_a_validation_split_is_refused_before_any_work(load, make_dataset, study):
    data = make_dataset({"train": 4, "test": 2}, name="no-validation")
    with pytest.raises(DataError, match="no rows in the split 'validation'"):
        sweep(Sweep.model_validate(SETTINGS), load, data, study, name="mine", device="cpu")
    assert not study.sweeps.exists()
    assert not study.runs.exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"parameters": {"grpo.stepz": {"low": 1, "high": 2}}}, r"unknown key 'grpo\.stepz'"),
        ({"parameters": {"credit": {"choices": ["span", "spam"]}}}, "'credit'"),
        ({"parameters": {"grpo.epsilon": {"low": 0, "high": 2}}}, r"'grpo\.epsilon'"),
    ],
)
def test_sweep_settings_that_make_no_recipe_are_refused_before_any_work(run, study, change, says):
    with pytest.raises(SettingsError, match=says):
        run(**change)
    assert not study.runs.exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"parameters": {"credit": {"low": 2, "high": 1}}}, "low must be below high"),
        ({"parameters": {"a": {"low": 0, "high": 1, "log": True}}}, "log needs a low above 0"),
        ({"objectives": ["srcc", "srcc"]}, "given twice"),
        ({"parameters": {"name": {"choices": ["a", "b"]}}}, "no settings to choose between"),
    ],
)
def test_sweep_file_that_cannot_be_is_refused(tmp_path, change, says):
    path = tmp_path / "sweep.yaml"
    path.write_text(json.dumps(SETTINGS | change))
    with pytest.raises(SettingsError, match=says):
        load_sweep(path)


def test_shipped_sweeps_fit_the_shipped_recipe():
    for path in (shipped() / "training" / "sweeps").glob("*.yaml"):
        settings = load_sweep(path)
        recipe = shipped() / "training" / "q-reasoning.yaml"
        for changes in settings.corners():
            load_recipe(recipe, _assignments(changes))
        assert settings.own_values(load_recipe(recipe)) is not None


def test_sweep_draws_depend_on_the_number_of_the_trial_only():
    settings = Sweep.model_validate({**SETTINGS, "trials": 5})
    study = optuna.create_study(directions=["maximize", "maximize"])
    first = settings.drawn(sweep_module._next(study, settings))
    # Its process died: the same trial is taken up, with the same values.
    again = sweep_module._next(study, settings)
    assert (again.number, settings.drawn(again)) == (0, first)


def test_two_sweeps_on_one_folder_are_refused(run, study):
    code = (
        "import sys, time; from pathlib import Path; from qreasoning.files import held\n"
        "with held(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(study.sweeps / "mine")]
    other = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(SettingsError, match="Another process is at work"):
            run()
    finally:
        other.kill()
        other.wait()
    assert run(trials=1).trials


@pytest.mark.slow
def test_qr_sweep_killed_half_way_and_started_again_loses_and_repeats_nothing(
    load, data, study, base
):
    (study.root / "outputs").mkdir(exist_ok=True)
    data.parent.parent.rename(study.datasets)
    (study.root / "training" / "sweeps" / "mine.yaml").write_text(json.dumps(SETTINGS))
    command = [sys.executable, "-m", "qreasoning", "sweep", "small", "mine", "--device", "cpu"]
    runs = study.runs
    process = subprocess.Popen(command, cwd=study.root, env=os.environ, stdout=subprocess.DEVNULL)
    for _ in range(3000):
        # The second trial has begun.
        if (runs / "small-mine.001" / "001").is_dir() or process.poll() is not None:
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = subprocess.run(command, cwd=study.root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "4 trials on the front" in done.stdout
    result = read_sweep(study.sweeps / "small-mine" / RESULTS)
    assert [trial.number for trial in result.trials] == [0, 1, 2, 3]
    finished = [path.parent.parent.name for path in runs.glob("*/*/manifest.json")]
    assert sorted(finished) == [f"small-mine.{number:03d}" for number in range(4)]
