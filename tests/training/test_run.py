"""A real GRPO run of two steps on a small model, and what is refused before one."""

import json
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
import yaml
from safetensors.torch import load_file

from qreasoning.errors import DataError, SettingsError
from qreasoning.files import read_manifest, sha256_file
from qreasoning.settings import load
from qreasoning.training.examples import read_examples
from qreasoning.training.grpo import make_trainer
from qreasoning.training.model import load_model, load_processor
from qreasoning.training.predict import predict
from qreasoning.training.recipe import Recipe, load_recipe
from qreasoning.training.run import train
from qreasoning.workspace import Workspace, shipped

REWARDS = ["format", "prediction", "self_consistency", "reasoning"]


@pytest.fixture
def recipe(base):
    """The tiny recipe on the small model, two steps of two pictures."""
    content = load_recipe(shipped() / "training" / "tiny.yaml").model_dump()
    content["model"] = str(base)
    content["grpo"] |= {"steps": 2, "images_per_step": 2, "num_generations": 4, "warmup_steps": 0}
    content["grpo"]["temperature"] = 0.7  # cooler, so that the small model stays readable
    return Recipe.model_validate(content)


def test_train_writes_a_whole_run(recipe, make_dataset, tmp_path):
    dataset = make_dataset({"train": 6})
    said = []
    report = train(recipe, dataset, tmp_path / "runs", device="cpu", say=said.append)

    run = report.run
    assert run == tmp_path / "runs" / "tiny" / "001"
    assert (report.steps, report.images, report.annotated, report.left_out) == (2, 6, 6, 0)
    assert report.model.startswith("tiny-simulated-")
    assert load(run / "recipe.yaml", Recipe) == recipe

    manifest = read_manifest(run)
    on_disk = {p.relative_to(run).as_posix() for p in run.rglob("*") if p.is_file()}
    assert set(manifest["files"]) == on_disk - {"manifest.json"}
    assert all(sha256_file(run / name) == sha for name, sha in manifest["files"].items())
    assert manifest["simulated"] is True
    assert manifest["dataset"] == "demo-simulated@1.0.0"
    assert manifest["dataset_content"] == "c0ffee"

    adapter = load_file(run / "adapter_model.safetensors")
    assert adapter and all("language_model" in name for name in adapter)
    # An adapter's second factor starts at zero: it moved, so a reward reached the weights.
    assert max(float(v.abs().max()) for name, v in adapter.items() if "lora_B" in name) > 0

    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] == 2
    assert report.rewards == {name: lines[-1][f"rewards/{name}/mean"] for name in REWARDS}
    assert "step 2 of 2: format" in said[-1]


def test_train_keeps_every_completion_with_its_rewards(recipe, make_dataset, tmp_path):
    dataset = make_dataset({"train": 3})
    run = train(recipe, dataset, tmp_path / "runs", device="cpu").run
    table = pq.read_table(run / "completions").to_pylist()
    assert [row["step"] for row in table] == [1] * 8 + [2] * 8
    ids = {example.image_id for example in read_examples(dataset, "train").rows}
    for row in table:
        assert row["image_id"] in ids
        assert (row["format"] == 1.0) == (row["status"] == "ok")
        assert recipe.chain_format.parse(row["completion"]).status == row["status"]


def test_train_rewards_do_not_apply_where_there_is_no_mos_or_no_chain(
    recipe, make_dataset, tmp_path
):
    seen = iter(range(10))

    def alternate(row):
        return {**row, "mos": None} if next(seen) % 2 else {**row, "chains": []}

    dataset = make_dataset({"train": 4}, alternate)
    run = train(recipe, dataset, tmp_path / "runs", device="cpu").run
    for row in pq.read_table(run / "completions").to_pylist():
        assert row["format"] is not None
        assert (row["prediction"] is None) == (row["self_consistency"] is None)
        assert (row["prediction"] is None) != (row["reasoning"] is None)


def test_train_counts_the_rows_that_no_reward_applies_to(recipe, make_dataset, tmp_path):
    seen = iter(range(10))

    def change(row):
        number = next(seen)
        if number == 0:
            return {**row, "mos": None, "chains": []}
        return {**row, "image": None} if number == 1 else row

    report = train(recipe, make_dataset({"train": 6}, change), tmp_path / "runs", device="cpu")
    assert (report.images, report.left_out) == (4, 2)


def test_train_a_second_run_gets_the_next_number_and_the_newest_is_found(
    recipe, make_dataset, tmp_path
):
    dataset = make_dataset({"train": 3})
    unfinished = tmp_path / "outputs" / "runs" / "tiny" / "007"
    unfinished.mkdir(parents=True)
    run = train(recipe, dataset, unfinished.parent.parent, device="cpu").run
    assert run.name == "008"
    assert Workspace(tmp_path).run() == run


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [("mos", None, "has no MOS"), ("chains", [], "has no human chain")],
)
def test_train_where_a_reward_would_never_apply_is_refused_before_any_work(
    recipe, make_dataset, tmp_path, column, value, says
):
    dataset = make_dataset({"train": 3}, lambda row: {**row, column: value})
    with pytest.raises(DataError, match=says):
        train(recipe, dataset, tmp_path / "runs", device="cpu")
    assert not (tmp_path / "runs").exists()


def test_train_unknown_model_leaves_nothing_behind(recipe, make_dataset, tmp_path):
    recipe = recipe.model_copy(update={"model": str(tmp_path / "nowhere")})
    with pytest.raises(SettingsError, match="nowhere"):
        train(recipe, make_dataset({"train": 3}), tmp_path / "runs", device="cpu")
    assert not (tmp_path / "runs").exists()


def test_train_that_is_stopped_leaves_a_run_that_nobody_takes_for_finished(
    recipe, make_dataset, tmp_path
):
    def stop(text):
        if text.startswith("step"):
            raise KeyboardInterrupt

    dataset = make_dataset({"train": 3, "test": 1})
    with pytest.raises(KeyboardInterrupt):
        train(recipe, dataset, tmp_path / "outputs" / "runs", device="cpu", say=stop)
    stopped = tmp_path / "outputs" / "runs" / "tiny" / "001"
    assert load(stopped / "recipe.yaml", Recipe) == recipe
    with pytest.raises(DataError, match="no finished run"):
        Workspace(tmp_path).run()
    with pytest.raises(DataError, match="not finished"):
        predict(stopped, dataset, tmp_path / "out")


def test_train_on_what_is_no_dataset_is_an_error(recipe, tmp_path):
    with pytest.raises(DataError, match="no dataset version"):
        train(recipe, tmp_path, tmp_path / "runs", device="cpu")


def test_make_trainer_draws_annotated_pictures_more_often(recipe, make_dataset, tmp_path):
    seen = iter(range(10))
    dataset = make_dataset(
        {"train": 5}, lambda row: row if next(seen) < 2 else {**row, "chains": []}
    )
    recipe = recipe.model_copy(
        update={"data": recipe.data.model_copy(update={"repeat_annotated": 3})}
    )
    examples = read_examples(dataset, "train").rows
    processor = load_processor(recipe.model)
    model = load_model(recipe.model, "cpu")
    trainer = make_trainer(recipe, examples, model, processor, tmp_path)
    drawn = [row["image_id"] for row in trainer.train_dataset]
    # 2 annotated three times, 3 others once.
    assert [drawn.count(example.image_id) for example in examples] == [3, 3, 1, 1, 1]


def test_make_trainer_pins_every_setting_of_the_recipe(recipe, make_dataset, tmp_path):
    examples = read_examples(make_dataset({"train": 3}), "train").rows
    processor = load_processor(recipe.model)
    trainer = make_trainer(recipe, examples, load_model(recipe.model, "cpu"), processor, tmp_path)
    args, grpo = trainer.args, recipe.grpo
    assert args.max_steps == grpo.steps
    assert args.per_device_train_batch_size == 8  # 2 pictures x 4 completions
    assert args.lr_scheduler_type == grpo.schedule
    assert args.activation_checkpointing is grpo.gradient_checkpointing
    same = set(type(grpo).model_fields) - {
        "epochs",
        "steps",
        "images_per_step",
        "schedule",
        "gradient_checkpointing",
    }
    assert {name: getattr(args, name) for name in same} == {
        name: getattr(grpo, name) for name in same
    }
    assert trainer.reward_func_names == REWARDS


KILLED = """
import os, sys
from pathlib import Path
import qreasoning.training.progress as progress
from qreasoning.training.recipe import load_recipe
from qreasoning.training.run import train
path, dataset, runs = map(Path, sys.argv[1:])
class Killer(progress.Progress):
    def on_step_end(self, args, state, control, **_):
        if state.global_step == 3:
            os.kill(os.getpid(), 9)
import qreasoning.training.run as run
run.Progress = Killer
train(load_recipe(path), dataset, runs, device="cpu")
"""


def test_train_killed_and_resumed_ends_with_the_same_bits(recipe, make_dataset, tmp_path):
    grpo = recipe.grpo.model_copy(update={"steps": 4, "save_steps": 2})
    recipe = recipe.model_copy(update={"grpo": grpo})
    # Four pictures, two a step: the third step is the first of the second epoch.
    dataset = make_dataset({"train": 4})
    whole = train(recipe, dataset, tmp_path / "whole", device="cpu").run
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(recipe.model_dump()))
    done = subprocess.run(
        [sys.executable, "-c", KILLED, path, dataset, tmp_path / "killed"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == -9, done.stderr
    killed = tmp_path / "killed" / "tiny" / "001"
    assert read_manifest(killed) is None
    said = []
    resumed = train(
        recipe, dataset, tmp_path / "killed", device="cpu", resume=True, say=said.append
    ).run
    assert resumed == killed
    assert "going on with 001 from checkpoint-2" in said
    one, other = (load_file(run / "adapter_model.safetensors") for run in (whole, resumed))
    assert one.keys() == other.keys()
    assert all(one[name].equal(other[name]) for name in one)
    tables = [pq.read_table(run / "completions").to_pylist() for run in (whole, resumed)]
    assert tables[0] == tables[1]
    assert not (resumed / "checkpoints").exists()
