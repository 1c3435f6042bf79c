"""Recipes: every shipped one loads, and what is wrong in one is named."""

import subprocess
import sys

import pytest
import yaml

from qreasoning.errors import SettingsError
from qreasoning.training.recipe import load_recipe
from qreasoning.workspace import shipped


@pytest.fixture
def changed(tmp_path):
    """Write the tiny recipe with one change, given as path of keys and value (None: left out)."""

    def write(*keys, value):
        content = yaml.safe_load((shipped() / "training" / "tiny.yaml").read_text())
        place = content
        for key in keys[:-1]:
            place = place[key]
        if value is None:
            del place[keys[-1]]
        else:
            place[keys[-1]] = value
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump(content))
        return path

    return write


@pytest.mark.parametrize(
    ("keys", "value", "named"),
    [
        (("learning_rat",), 1.0, "learning_rat"),
        (("grpo", "learning_rat"), 1.0, "grpo.learning_rat"),
        (("grpo", "beta"), None, "grpo.beta"),
        (("format",), "q-reasonin", "unknown format 'q-reasonin'"),
        (("stage2",), "off", "stage2 is off exactly where"),
        (("rewards", "self_consistency"), None, "stage2 is off exactly where"),
        (("rewards",), {}, "no reward is given"),
        (("rewards", "prediction", "threshold"), 0, "rewards.prediction.threshold"),
        (("grpo", "gradient_accumulation_steps"), 7, "must divide the 64 completions"),
        (("grpo", "num_generations"), 1, "grpo.num_generations"),
        (("data", "split"), "all", "data.split"),
    ],
)
def test_load_recipe_wrong_setting_is_an_error_that_names_it(changed, keys, value, named):
    path = changed(*keys, value=value)
    with pytest.raises(SettingsError) as error:
        load_recipe(path)
    assert str(path) in str(error.value)
    assert named in str(error.value)


def test_recipe_import_needs_no_torch():
    code = "import qreasoning.training.recipe, sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False"
