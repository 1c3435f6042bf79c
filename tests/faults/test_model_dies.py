"""Predictions and training runs that die anywhere: the next run ends as an undisturbed one."""

import importlib.util
from pathlib import Path

import pytest

from qreasoning.simulation.photographs import draw_scenes, picture

# The tests' folders are no packages.
_spec = importlib.util.spec_from_file_location(
    "training_fixtures", Path(__file__).parents[1] / "training" / "conftest.py"
)
_there = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_there)
base = _there.base

LOAD = ["torch", "transformers", "peft", "qreasoning.training.predict", "PIL.Image"]
TRAINS = [*LOAD, "trl", "datasets", "accelerate", "qreasoning.training.run"]
SMALL = [
    *(
        "--set",
        "grpo.steps=2",
        "--set",
        "grpo.images_per_step=2",
        "--set",
        "grpo.num_generations=2",
    ),
    *("--set", "grpo.warmup_steps=0", "--set", "grpo.max_completion_length=24"),
    *("--set", "grpo.save_steps=1", "--device", "cpu"),
]


@pytest.fixture
def with_pictures(study):
    """A study with four pictures."""
    (study.root / "pictures").mkdir()
    for scene in draw_scenes(4, "test", 0):
        picture(scene).save(study.root / "pictures" / f"{scene.name}.png")
    return study.root


@pytest.fixture
def with_dataset(study, base):
    """A study with a dataset of four pictures; the recipe `tiny` is of the small model."""
    _there._write_dataset(study.datasets / "demo-simulated" / "1.0.0", {"train": 4})
    path = study.root / "training" / "tiny.yaml"
    path.write_text(path.read_text().replace("model: tiny-simulated", f"model: {base}"))
    return study.root


def predict(base):
    return ["predict", "--model", str(base), "--images", "pictures", "--batch-size", "2"]


def test_predict_that_dies_at_a_sample_of_places_is_finished_by_the_next(
    with_pictures, base, die_everywhere
):
    die_everywhere("predict", with_pictures, predict(base), load=LOAD, most=3, kills=1)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_predict_that_dies_anywhere_is_finished_by_the_next(with_pictures, base, die_everywhere):
    die_everywhere("predict", with_pictures, predict(base), load=LOAD, kills=20)


def train(die_everywhere, root, **how):
    again = [["train", "tiny", *SMALL, "--resume"], ["train", "tiny", *SMALL]]
    weights = "outputs/runs/tiny/*/adapter_model.safetensors"
    die_everywhere("train", root, again[1], again=again, load=TRAINS, outcome=weights, **how)


def test_train_that_dies_at_a_sample_of_places_ends_with_the_same_weights(
    with_dataset, die_everywhere
):
    train(die_everywhere, with_dataset, most=2)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_train_that_dies_anywhere_ends_with_the_same_weights(with_dataset, die_everywhere):
    train(die_everywhere, with_dataset, kills=20)
