"""Metrics beyond the run's own files: TensorBoard by default, any other by its name."""

from types import SimpleNamespace

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers.integrations import TensorBoardCallback

from qreasoning.errors import SettingsError
from qreasoning.training.recipe import Recipe, load_recipe
from qreasoning.training.reporting import check_reporting, report_into
from qreasoning.training.run import train
from qreasoning.workspace import shipped


def _recipe(base, **changes):
    content = load_recipe(shipped() / "training" / "tiny.yaml").model_dump()
    content["model"] = str(base)
    content["grpo"] |= {"steps": 2, "images_per_step": 2, "num_generations": 2, "warmup_steps": 0}
    content["grpo"]["max_completion_length"] = 8
    return Recipe.model_validate(content | changes)


def test_train_leaves_event_files_of_its_metrics_in_the_run(base, make_dataset, tmp_path):
    run = train(_recipe(base), make_dataset({"train": 2}), tmp_path / "runs", device="cpu").run
    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    assert [each.step for each in events.Scalars("train/rewards/format/mean")] == [2]


def test_report_into_a_run_that_goes_on_forgets_what_came_after_its_checkpoint(tmp_path):
    def events(first_step, steps):
        callback = TensorBoardCallback()
        trainer = SimpleNamespace(
            callback_handler=SimpleNamespace(callbacks=[callback]),
            accelerator=SimpleNamespace(is_main_process=True),
        )
        report_into(trainer, tmp_path, first_step)
        for step, value in steps.items():
            callback.tb_writer.add_scalar("loss", value, step)
        callback.tb_writer.close()

    events(0, {1: 0.5, 2: 0.5, 3: 0.5})
    events(1, {2: 0.25})
    found = EventAccumulator(str(tmp_path / "tensorboard"))
    found.Reload()
    assert [(each.step, each.value) for each in found.Scalars("loss")] == [(1, 0.5), (2, 0.25)]


def test_train_reporting_to_nothing_leaves_no_event_files(base, make_dataset, tmp_path):
    recipe = _recipe(base, report_to=[])
    run = train(recipe, make_dataset({"train": 2}), tmp_path / "runs", device="cpu").run
    assert not (run / "tensorboard").exists()


def test_train_reporting_to_a_package_that_is_missing_is_refused_before_any_work(
    base, make_dataset, tmp_path
):
    recipe = _recipe(base, report_to=["tensorboard", "wandb"])
    with pytest.raises(SettingsError, match="package of wandb is not installed"):
        train(recipe, make_dataset({"train": 2}), tmp_path / "runs", device="cpu")
    assert not (tmp_path / "runs").exists()


def test_check_reporting_of_an_unknown_name_lists_the_known_ones():
    with pytest.raises(SettingsError, match=r"no 'tensorbord', choose from .*tensorboard.*wandb"):
        check_reporting(["tensorbord"])
