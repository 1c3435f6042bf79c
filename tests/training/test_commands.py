"""`qr train` and `qr predict` with their options, as a user types them."""

import shutil

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from qreasoning.cli import app
from qreasoning.errors import DataError, SettingsError
from qreasoning.files import read_manifest
from qreasoning.training import run as run_module


@pytest.fixture
def call(study, base, finished_run, monkeypatch):
    """Run `qr` in a study that has the small dataset; the recipe is the tiny one on `base`."""
    shutil.copytree(finished_run.parents[2] / "datasets", study.root / "outputs" / "datasets")
    path = study.root / "training" / "tiny.yaml"
    path.write_text(path.read_text().replace("model: tiny-simulated", f"model: {base}"))
    monkeypatch.chdir(study.root)

    def call(*arguments):
        done = CliRunner().invoke(app, list(arguments))
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.output

    return call


SMALL = [
    *("--set", "grpo.images_per_step=2", "--set", "grpo.num_generations=2"),
    *("--set", "grpo.warmup_steps=0", "--set", "grpo.max_completion_length=24"),
    *("--device", "cpu"),
]


def test_qr_train_dry_run_shows_the_run_and_does_nothing(call, study):
    said = call("train", "tiny", *SMALL, "--set", "grpo.steps=4", "--dry-run")
    assert "max_completion_length: 24" in said
    assert "1 picture of 16 tokens" in said
    assert "Format reward of the prompt's own example: 1.0" in said
    assert "A step: 2 groups of 2 completions on each of 1 process" in said
    # 4 pictures with chains, three times each, 2 a step: 6 steps an epoch.
    assert "4 steps, 0.67 epochs" in said
    assert "Memory per process, roughly" in said
    assert not (study.root / "outputs" / "runs").exists()


def test_qr_train_sets_merges_and_predict_reads_the_run(call, study):
    said = call("train", "tiny", *SMALL, "--set", "grpo.steps=1", "--merge")
    run = study.root / "outputs" / "runs" / "tiny" / "001"
    assert "merged holds the merged model" in said
    assert read_manifest(run)["steps"] == 1
    assert read_manifest(run / "merged")["recipe"] == "tiny"

    pictures = ("--images", str(study.root / "pictures"))
    (study.root / "pictures").mkdir()
    dataset = next((study.root / "outputs" / "datasets").glob("*/*/data/chains/*.parquet"))
    (row,) = pq.read_table(dataset)["image"].slice(0, 1).to_pylist()
    (study.root / "pictures" / "one.png").write_bytes(row["bytes"])
    call("predict", "--model", "tiny/001", *pictures, "--stage2", "expect", "--condition", "image")
    (path,) = (study.root / "outputs" / "predictions" / "tiny-001").iterdir()
    assert pq.read_table(path)["condition"].to_pylist() == ["image"]


def test_qr_train_resume_goes_on_where_it_was(call, study, monkeypatch):
    changes = [*SMALL, "--set", "grpo.steps=2", "--set", "grpo.save_steps=1"]

    class Stopped(Exception):
        pass

    class Stopping(run_module.Progress):
        def on_step_begin(self, args, state, control, **_):
            if state.global_step == 1:
                raise Stopped

    with monkeypatch.context() as patched:
        patched.setattr(run_module, "Progress", Stopping)
        with pytest.raises(Stopped):
            call("train", "tiny", *changes)
    assert "going on with 001 from checkpoint-1" in call("train", "tiny", *changes, "--resume")
    assert read_manifest(study.root / "outputs" / "runs" / "tiny" / "001")["steps"] == 2


def test_qr_train_dry_run_of_a_recipe_that_starts_from_another_shows_both(call, study, base):
    (study.root / "training" / "second.yaml").write_text("extends: tiny\ninit_from: first\n")
    (study.root / "training" / "first.yaml").write_text(
        "extends: tiny\nmodel: nowhere\ngrpo: {images_per_step: 2, num_generations: 2}\n"
    )
    said = call("train", "second", *SMALL, "--set", f"model={base}", "--dry-run")
    assert "second starts from a run of first, and there is none: made first" in said
    assert said.count("The recipe:") == 2
    assert said.count(f"model: {base}") == 2


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        (["train", "tiny", "--set", "grpo.stepz=5"], SettingsError, r"unknown key 'grpo\.stepz'"),
        (["train", "tiny", "--set", "grpo.steps"], SettingsError, "is no assignment"),
        (["train", "tiny", *SMALL, "--resume"], DataError, "no unfinished run"),
        (["train", "tiny", "--push-to-hub", "name"], SettingsError, "Give it as ORG/NAME"),
        (
            ["predict", "--condition", "caption,picture"],
            SettingsError,
            "takes image or caption, not caption, picture",
        ),
        (["predict", "--engine", "spark"], SettingsError, "takes transformers or vllm or ray"),
        (["predict", "--workers", "2"], SettingsError, "Add --engine ray"),
        (["sweep", "tiny", "--name", "../out"], SettingsError, "letters, digits"),
        (["sweep", "tiny", "nowhere"], SettingsError, "no sweep 'nowhere'"),
        (["learning-curve", "tiny", "--fractions", "half"], SettingsError, r"write 0\.125"),
    ],
)
def test_qr_options_that_cannot_be_are_errors(call, study, options, error, says):
    with pytest.raises(error, match=says):
        call(*options)
    assert not (study.root / "outputs" / "runs").exists()
