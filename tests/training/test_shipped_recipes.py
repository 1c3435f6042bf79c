"""Every shipped recipe: it loads, and trains two steps on a small model that writes its format."""

import dataclasses

import pyarrow.parquet as pq
import pytest

from qreasoning.chain import FORMATS
from qreasoning.files import read_manifest
from qreasoning.simulation.warm_up import ensure_base
from qreasoning.training.recipe import TINY, Recipe, load_recipe
from qreasoning.training.run import train
from qreasoning.workspace import cache_folder, shipped

SHIPPED = sorted(
    path
    for path in (shipped() / "training").rglob("*.yaml")
    if path.parent.name not in ("accelerate", "sweeps")
)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_load_recipe_every_shipped_one_loads_under_its_own_name(path):
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    assert recipe.chain_format is FORMATS[recipe.format]


def test_load_recipe_shipped_ones_are_those_of_the_paper_and_of_the_demo():
    assert {"tiny", "q-reasoning"} <= {path.stem for path in SHIPPED}
    recipe = load_recipe(shipped() / "training" / "q-reasoning.yaml")
    assert recipe.model == "Qwen/Qwen2.5-VL-7B-Instruct"
    assert all(reward.weight == 1 for reward in vars(recipe.rewards).values() if reward)
    assert recipe.rewards.prediction.threshold == 1.0
    assert (recipe.grpo.num_generations, recipe.grpo.beta) == (8, 0.001)
    assert load_recipe(shipped() / "training" / "tiny.yaml").model == TINY


def small(path, base_of):
    """A shipped recipe on a small model: everything that decides its method is kept."""
    content = load_recipe(path).model_dump()
    content["model"] = str(base_of(content["format"]))
    content["init_from"] = None
    content["lora"] |= {"rank": 4, "alpha": 8, "dropout": 0.0}
    content["grpo"] |= {
        "steps": 2,
        "epochs": None,
        "images_per_step": 2,
        "num_generations": 3,
        "gradient_accumulation_steps": 1,
        "max_completion_length": 64,
        "temperature": 0.6,  # cooler, so that the small models stay readable
        "warmup_steps": 0,
        "gradient_checkpointing": False,
    }
    return Recipe.model_validate(content)


@pytest.fixture(scope="module")
def base_of(small_warm_up):
    def make(form):
        return ensure_base(cache_folder(), warm_up=dataclasses.replace(small_warm_up, format=form))

    return make


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_recipe_trains_two_steps(path, base_of, make_dataset, tmp_path):
    recipe = small(path, base_of)
    report = train(recipe, make_dataset({"train": 4}), tmp_path / "runs", device="cpu")
    assert report.steps == 2
    assert read_manifest(report.run)["recipe"] == path.stem
    rows = pq.read_table(report.run / "completions").to_pylist()
    assert any(row["format"] for row in rows), "the small model does not write this format"
    given = {name for name, value in vars(recipe.rewards).items() if value is not None}
    assert given == set(report.rewards)
    assert all(any(row[name] is not None for row in rows) for name in given)
