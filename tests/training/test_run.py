"""A real GRPO run of two steps on a small model, and what is refused before one."""

import json
import shutil
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
import torch
import yaml
from safetensors.torch import load_file
from trl import GRPOTrainer

from qreasoning.errors import DataError, SettingsError, TrainingError
from qreasoning.files import read_manifest, sha256_file, write_manifest
from qreasoning.settings import load
from qreasoning.training.checkpoints import newest_checkpoint
from qreasoning.training.cohorts import Rated, score_rank
from qreasoning.training.examples import read_examples
from qreasoning.training.generate import prompt_text
from qreasoning.training.grpo import make_trainer
from qreasoning.training.model import load_model, load_processor
from qreasoning.training.predict import predict
from qreasoning.training.recipe import Recipe, Sft, load_recipe
from qreasoning.training.run import train
from qreasoning.training.start import chain_rows, merged
from qreasoning.training.trainer import ChainTrainer
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


@pytest.mark.parametrize(
    ("edit", "error", "says"),
    [
        ("finish", DataError, "no unfinished run"),
        ("recipe", SettingsError, "begun with another recipe"),
        ("dataset", SettingsError, "begun on demo-simulated@1.0.0"),
        ("torn", DataError, "no checkpoint yet"),
    ],
)
def test_train_resume_that_cannot_be_is_refused(recipe, make_dataset, tmp_path, edit, error, says):
    grpo = recipe.grpo.model_copy(update={"steps": 2, "save_steps": 1})
    recipe = recipe.model_copy(update={"grpo": grpo})
    dataset = make_dataset({"train": 4})

    def stop(text):
        if text.startswith("step 2") and edit != "finish":
            raise KeyboardInterrupt

    try:
        run = train(recipe, dataset, tmp_path / "runs", device="cpu", say=stop).run
    except KeyboardInterrupt:
        run = tmp_path / "runs" / "tiny" / "001"
    if edit == "recipe":
        changed = recipe.grpo.model_copy(update={"learning_rate": 1e-5})
        recipe = recipe.model_copy(update={"grpo": changed})
    if edit == "dataset":
        write_manifest(dataset, {"simulated": True, "content_sha256": "beef"})
    if edit == "torn":
        for weights in run.glob("checkpoints/*/adapter_model.safetensors"):
            weights.write_bytes(weights.read_bytes()[:-1])
    before = sorted(path.name for path in run.rglob("*"))
    with pytest.raises(error, match=says):
        train(recipe, dataset, tmp_path / "runs", device="cpu", resume=True)
    assert sorted(path.name for path in run.rglob("*")) == before


def test_train_gradient_that_is_no_number_stops_the_run(
    recipe, make_dataset, tmp_path, monkeypatch
):
    grpo = recipe.grpo.model_copy(update={"steps": 3, "save_steps": 1})
    recipe = recipe.model_copy(update={"grpo": grpo})
    compute = ChainTrainer._compute_loss

    def spoilt(trainer, model, inputs):
        loss = compute(trainer, model, inputs)
        return loss * float("nan") if trainer.state.global_step == 1 else loss

    monkeypatch.setattr(ChainTrainer, "_compute_loss", spoilt)
    with pytest.raises(TrainingError, match=r"step 2 is not a number \(rewards there: format"):
        train(recipe, make_dataset({"train": 4}), tmp_path / "runs", device="cpu")
    run = tmp_path / "runs" / "tiny" / "001"
    kept = newest_checkpoint(run)
    assert kept.name == "checkpoint-1"
    weights = load_file(kept / "adapter_model.safetensors")
    assert all(bool(each.isfinite().all()) for each in weights.values())


@pytest.mark.parametrize(
    ("pictures", "change", "error", "says"),
    [
        (1, {}, SettingsError, "Set grpo.images_per_step to 2"),
        (3, {}, SettingsError, "Set grpo.images_per_step to 4"),
        (8, {}, DataError, "Set grpo.images_per_step to 6 or less"),
        (2, {"mos_set": "alone"}, DataError, "'alone' has one picture"),
    ],
)
def test_train_batches_that_leave_a_picture_alone_are_refused(
    recipe, make_dataset, tmp_path, pictures, change, error, says
):
    content = recipe.model_dump()
    content["rewards"] = {"format": {"weight": 1.0}, "rank": {"weight": 1.0}}
    content["stage2"] = "off"
    content["data"]["repeat_annotated"] = 1
    content["grpo"]["images_per_step"] = pictures
    seen = iter(range(10))
    dataset = make_dataset({"train": 6}, lambda row: {**row, **change} if next(seen) == 0 else row)
    with pytest.raises(error, match=says):
        train(Recipe.model_validate(content), dataset, tmp_path / "runs", device="cpu")
    assert not (tmp_path / "runs").exists()


def test_train_two_score_sets_are_compared_within_each(recipe, make_dataset, tmp_path):
    content = recipe.model_dump()
    content["rewards"] = {"format": {"weight": 1.0}, "rank": {"weight": 1.0}}
    content["stage2"] = "off"
    content["data"]["repeat_annotated"] = 1
    content["grpo"] |= {"images_per_step": 4, "num_generations": 4}
    seen = iter(range(10))
    dataset = make_dataset(
        {"train": 8}, lambda row: {**row, "mos_set": "one" if next(seen) < 4 else "two"}
    )
    recipe = Recipe.model_validate(content)
    run = train(recipe, dataset, tmp_path / "runs", device="cpu").run
    sets = {row.image_id: row.mos_set for row in read_examples(dataset, "train").rows}
    mos = {row.image_id: row.mos for row in read_examples(dataset, "train").rows}
    table = pq.read_table(run / "completions").to_pylist()
    applied = 0
    for step in (1, 2):
        rows = [row for row in table if row["step"] == step]
        parsed = [recipe.chain_format.parse(row["completion"]) for row in rows]
        rated = [
            Rated(
                row["image_id"],
                sets[row["image_id"]],
                mos[row["image_id"]],
                each.chain.rating if each.ok else None,
            )
            for row, each in zip(rows, parsed, strict=True)
        ]
        assert [row["rank"] for row in rows] == pytest.approx(score_rank(rated), abs=1e-6)
        applied += sum(row["rank"] is not None for row in rows)
    assert applied


@pytest.mark.parametrize("credit", ["sequence", "span", "balanced"])
def test_train_credit_reaches_the_loss_as_computed_by_hand(
    recipe, make_dataset, tmp_path, monkeypatch, credit
):
    recipe = recipe.model_copy(update={"credit": credit})
    examples = read_examples(make_dataset({"train": 4}), "train").rows
    model, processor = load_model(recipe.model, "cpu"), load_processor(recipe.model)
    trainer = make_trainer(recipe, examples, model, processor, tmp_path)
    seen = {}
    compute = GRPOTrainer._compute_loss

    def watch(self, model, inputs):
        seen.setdefault("advantages", inputs["advantages"].clone())
        seen.setdefault("ids", inputs["completion_ids"])
        seen.setdefault("mask", inputs["completion_mask"])
        seen.setdefault("loss", compute(self, model, inputs))
        return seen["loss"]

    monkeypatch.setattr(GRPOTrainer, "_compute_loss", watch)
    monkeypatch.setattr(trainer.args, "max_steps", 1)
    trainer.train()
    advantages = seen["advantages"]
    if credit == "sequence":
        assert advantages.dim() == 1
        return
    assert advantages.shape == seen["ids"].shape, "TRL no longer takes advantages per token"
    # On the first step the ratio is 1, so DAPO's loss is −Σ advantages over all tokens' number.
    expected = -(advantages * seen["mask"]).sum() / seen["mask"].sum()
    assert float(seen["loss"]) == pytest.approx(float(expected), abs=1e-6)
    assert float(advantages.abs().sum()) > 0
    assert not (advantages * (1 - seen["mask"])).any()


def test_chain_trainer_without_stage_2_is_the_plain_trainer(recipe, make_dataset, tmp_path):
    content = recipe.model_dump()
    del content["rewards"]["self_consistency"]
    content["stage2"] = "off"
    content["data"]["repeat_annotated"] = 1
    content["grpo"] |= {"steps": 3, "gradient_accumulation_steps": 2}
    recipe = Recipe.model_validate(content)
    examples = read_examples(make_dataset({"train": 6}), "train").rows
    losses = []
    for plain in (False, True):
        model, processor = load_model(recipe.model, "cpu"), load_processor(recipe.model)
        trainer = make_trainer(recipe, examples, model, processor, tmp_path / str(plain))
        if plain:
            # The same arguments, rewards and rows, and nothing of ours.
            trainer = GRPOTrainer(
                model=load_model(recipe.model, "cpu"),
                reward_funcs=trainer.reward_funcs,
                args=trainer.args,
                train_dataset=trainer.train_dataset,
                processing_class=processor,
                peft_config=trainer.model.peft_config["default"],
            )
        trainer.args.logging_steps = 1
        trainer.train()
        losses.append([row["loss"] for row in trainer.state.log_history if "loss" in row])
    assert len(losses[0]) == 3
    assert any(losses[0])
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)


def test_train_starts_from_an_earlier_run_and_keeps_its_adapter(recipe, make_dataset, tmp_path):
    dataset = make_dataset({"train": 4, "test": 2})
    runs = tmp_path / "runs"
    first = train(recipe.model_copy(update={"name": "first"}), dataset, runs, device="cpu").run
    second = recipe.model_copy(update={"init_from": "first"})
    # Nothing is learned, so the new run says what the earlier one says.
    frozen = second.grpo.model_copy(update={"learning_rate": 1e-12})
    second = train(second.model_copy(update={"grpo": frozen}), dataset, runs, device="cpu").run
    assert [path.name for path in (second / "start").iterdir()] == ["1-first-001"]
    shutil.rmtree(first)
    base, earlier = (load_model(recipe.model, "cpu") for _ in range(2))
    assert not same_weights(base, merged(earlier, second))
    third = recipe.model_copy(update={"init_from": str(second), "name": "third"})
    third = train(third, dataset, runs, device="cpu").run
    assert sorted(path.name for path in (third / "start").iterdir()) == [
        "1-first-001",
        "2-tiny-001",
    ]


def same_weights(one, other):
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(a.equal(b) for a, b in pairs)


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [("nowhere", DataError, "qr train nowhere"), ("other", SettingsError, "and the recipe starts")],
)
def test_train_start_that_cannot_be_is_refused(recipe, make_dataset, tmp_path, name, error, says):
    other = tmp_path / "runs" / "other" / "001"
    other.mkdir(parents=True)
    content = recipe.model_copy(update={"model": "another/model"}).model_dump()
    (other / "recipe.yaml").write_text(yaml.safe_dump(content))
    write_manifest(other, {})
    recipe = recipe.model_copy(update={"init_from": name})
    with pytest.raises(error, match=says):
        train(recipe, make_dataset({"train": 4}), tmp_path / "runs", device="cpu")
    assert not (tmp_path / "runs" / "tiny").exists()


def test_train_warm_up_on_human_chains_learns_to_write_them(recipe, make_dataset, tmp_path):
    sft = Sft(epochs=6, learning_rate=3e-3, batch=4)
    dataset = make_dataset({"train": 8})
    rows = chain_rows(recipe.chain_format, read_examples(dataset, "train").rows)
    assert len(rows) == 8
    parsed = [recipe.chain_format.parse(row["completion"][0]["content"]) for row in rows]
    assert all(each.ok for each in parsed)
    run = train(
        recipe.model_copy(update={"sft": sft}), dataset, tmp_path / "runs", device="cpu"
    ).run
    processor = load_processor(recipe.model)
    losses = []
    for model in (load_model(recipe.model, "cpu"), merged(load_model(recipe.model, "cpu"), run)):
        losses.append(sum(chain_loss(model, processor, recipe, row) for row in rows))
    assert losses[1] < 0.95 * losses[0]


def chain_loss(model, processor, recipe, row):
    """Mean negative log-probability of the human chain after the prompt with its picture."""
    form = recipe.chain_format
    prompt = prompt_text(processor, form, form.prompt, picture=True)
    inputs = processor(
        text=[prompt + row["completion"][0]["content"]],
        images=[[row["image"]]],
        return_tensors="pt",
    )
    start = processor(text=[prompt], images=[[row["image"]]], return_tensors="pt")
    labels = inputs["input_ids"].clone()
    labels[:, : start["input_ids"].shape[1]] = -100
    with torch.no_grad():
        return float(model(**inputs, labels=labels).loss)
