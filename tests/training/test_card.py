"""The model card: what is in it is true, and its lines load the run."""

import contextlib
import io
import re

import pytest
import yaml
from PIL import Image

from qreasoning.files import read_manifest, sha256_file
from qreasoning.settings import load
from qreasoning.simulation.photographs import draw_scenes, picture
from qreasoning.training.card import card_text, draw_curves, snippet, write_card
from qreasoning.training.predict import predict
from qreasoning.training.progress import read_metrics
from qreasoning.training.recipe import Recipe


@pytest.fixture(scope="module")
def card(finished_run):
    return (finished_run / "README.md").read_text(encoding="utf-8")


def test_card_says_what_the_run_was_made_from(card, finished_run, base):
    front = yaml.safe_load(card.split("---")[1])
    assert front["library_name"] == "peft"
    assert "simulated" in front["tags"]
    assert "base_model" not in front  # a folder is nothing that a reader could fetch
    assert "> Simulated" in card
    assert f"A LoRA adapter (rank 16) of {base.name}, trained with GRPO" in card
    assert "for 2 steps on the split `train` of demo-simulated@1.0.0 (content c0ffee)" in card
    assert "4 pictures, 4 of them with human chains; 0 rows were left out" in card
    # Nothing of this machine.
    assert str(base.parent) not in card

    shown = yaml.safe_load(re.search(r"```yaml\n(.*?)```", card, re.DOTALL)[1])
    recipe = load(finished_run / "recipe.yaml", Recipe)
    assert Recipe.model_validate({**shown, "model": recipe.model}) == recipe


def test_card_shows_every_reward_and_the_picture_of_them(card, finished_run):
    (line,) = read_metrics(finished_run)
    for name in ("format", "prediction", "self_consistency", "reasoning"):
        value = f"{line[f'rewards/{name}/mean']:.3f}"
        assert f"| {name} | 1 | {value} | {value} |" in card
    assert f"{line['completions/clipped_ratio']:.1%} of the completions were cut" in card
    assert "](curves.png)" in card
    with Image.open(finished_run / "curves.png") as curves:
        assert curves.format == "PNG"
        assert len(curves.convert("RGB").getcolors(1 << 20)) > 10


def test_card_and_curves_of_the_same_run_are_the_same_bytes(finished_run, tmp_path):
    before = {name: sha256_file(finished_run / name) for name in ("README.md", "curves.png")}
    recipe = load(finished_run / "recipe.yaml", Recipe)
    write_card(finished_run, recipe, read_manifest(finished_run), "qwen2_5_vl")
    assert {name: sha256_file(finished_run / name) for name in before} == before


def test_card_snippet_alone_writes_what_predict_writes(card, finished_run, base, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    picture(draw_scenes(1, "test", 3)[0]).save(folder / "picture.png")
    code = re.search(r"```python\n(.*?)```", card, re.DOTALL)[1]
    assert "qreasoning" not in code
    # The start model is a folder of this machine, and a card says no more than its name.
    code = code.replace(f'"{base.name}"', repr(str(base)))
    code = code.replace('here = "."', f"here = {str(finished_run)!r}")
    printed = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(printed):
        exec(compile(code, "card", "exec"), {})
    report = predict(finished_run, folder, tmp_path / "out", conditions=("image",), device="cpu")
    import pyarrow.parquet as pq

    (row,) = pq.read_table(report.path).to_pylist()
    assert printed.getvalue() == row["raw"] + "\n"


def test_card_names_revision_earlier_adapters_and_warnings(finished_run):
    recipe = load(finished_run / "recipe.yaml", Recipe)
    recipe = recipe.model_copy(update={"model": "Qwen/Qwen2.5-VL-7B-Instruct"})
    facts = {**read_manifest(finished_run), "simulated": False, "model": recipe.model}
    facts["model_revision"] = "a" * 40
    history = [{"step": 5, "rewards/format/mean": 0.5, "warnings": {"format": "50% of them"}}]
    text = card_text(finished_run, recipe, facts, history, ["1-q-insight-score-002"], "qwen2_5_vl")
    assert yaml.safe_load(text.split("---")[1])["base_model"] == recipe.model
    assert "Simulated" not in text
    assert f"{recipe.model} at {'a' * 40}, after merging in 1-q-insight-score-002, trained" in text
    assert "- step 5: 50% of them" in text
    code = snippet(recipe, facts, ["1-q-insight-score-002"], "another_vl")
    assert f'from_pretrained("{recipe.model}", revision="{"a" * 40}")' in code
    assert 'subfolder="start/1-q-insight-score-002").merge_and_unload()' in code
    assert "image_pad" not in code


def test_draw_curves_of_a_run_that_logged_nothing_is_an_empty_plot(tmp_path):
    draw_curves(tmp_path / "curves.png", [])
    with Image.open(tmp_path / "curves.png") as curves:
        assert curves.size == (864, 432)
