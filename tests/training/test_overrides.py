"""`--set`: what is changed, and what is refused with its name."""

import pytest
import yaml

from qreasoning.errors import SettingsError
from qreasoning.training.overrides import overridden
from qreasoning.training.recipe import load_recipe
from qreasoning.workspace import shipped

TINY = shipped() / "training" / "tiny.yaml"


def test_overridden_sets_yaml_values_in_order_and_leaves_the_original():
    content = {"a": {"b": 1, "c": 2}, "d": None}
    changed = overridden(content, ["a.b=[1, 2]", "a.b=3", "d.e=1.5e-3", "a.c=null", "f=yes please"])
    assert changed == {"a": {"b": 3, "c": None}, "d": {"e": 0.0015}, "f": "yes please"}
    assert content == {"a": {"b": 1, "c": 2}, "d": None}


@pytest.mark.parametrize(
    ("assignment", "says"),
    [
        ("a.b", "is no assignment. Write --set KEY=VALUE"),
        ("=3", "is no assignment"),
        ("a..b=3", "is no assignment"),
        ("a=[1", r"'\[1' is not a YAML value"),
        ("n.b=3", r"leads through a plain value \(1\)"),
    ],
)
def test_overridden_what_is_no_assignment_is_an_error(assignment, says):
    with pytest.raises(SettingsError, match=says):
        overridden({"n": 1}, [assignment])


def test_load_recipe_takes_changes():
    changes = ["grpo.steps=null", "grpo.epochs=2", "grpo.learning_rate=1e-5", "lora.rank=8"]
    recipe = load_recipe(TINY, [*changes, "rewards.reasoning=null"])
    assert (recipe.grpo.steps, recipe.grpo.epochs, recipe.grpo.learning_rate) == (None, 2, 1e-5)
    assert recipe.lora.rank == 8
    assert recipe.rewards.reasoning is None
    assert recipe.name == "tiny"


def test_load_recipe_stage2_off_needs_no_quotes():
    path = shipped() / "training" / "tiny.yaml"
    assert load_recipe(path, ["stage2=off", "rewards.self_consistency=null"]).stage2 == "off"


def test_load_recipe_changes_reach_what_a_recipe_extends():
    path = shipped() / "training" / "ablation" / "span.yaml"
    assert "grpo" not in yaml.safe_load(path.read_text())
    assert load_recipe(path, ["grpo.steps=7"]).grpo.steps == 7


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("grpo.stepz=5", r"unknown key 'grpo\.stepz'"),
        ("gpro.steps=5", r"unknown key 'gpro'"),
        ("grpo.steps=many", "grpo.steps"),
        ("quantization=8bit", "quantization"),
    ],
)
def test_load_recipe_a_change_that_cannot_be_is_named(change, says):
    with pytest.raises(SettingsError, match=says) as error:
        load_recipe(TINY, [change])
    assert change in str(error.value)


def test_load_recipe_4_bits_with_an_earlier_run_is_refused():
    with pytest.raises(SettingsError, match="quantization does not go with init_from"):
        load_recipe(TINY, ["quantization=4bit", "init_from=q-insight-score"])
