"""A run as a whole model: the same weights and the same answers, and files to load it by."""

import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from qreasoning.errors import DataError
from qreasoning.files import read_manifest, sha256_file
from qreasoning.settings import load
from qreasoning.simulation.photographs import draw_scenes, picture
from qreasoning.training.merge import merge
from qreasoning.training.predict import predict
from qreasoning.training.recipe import Recipe

WEIGHT = "layers.0.self_attn.q_proj"


def test_merge_adds_the_adapter_to_the_weights(finished_run, base):
    folder = merge(finished_run)
    assert folder == finished_run / "merged"
    adapter = load_file(finished_run / "adapter_model.safetensors")
    (one,) = [value for name, value in adapter.items() if f"{WEIGHT}.lora_A" in name]
    (other,) = [value for name, value in adapter.items() if f"{WEIGHT}.lora_B" in name]
    before, after = (load_file(each / "model.safetensors") for each in (base, folder))
    (name,) = [name for name in before if f"{WEIGHT}.weight" in name]
    recipe = load(finished_run / "recipe.yaml", Recipe)
    expected = before[name] + (recipe.lora.alpha / recipe.lora.rank) * other @ one
    assert torch.allclose(after[name], expected, atol=1e-6)
    assert not torch.equal(after[name], before[name])


def test_merge_leaves_a_model_that_answers_as_the_run_does(finished_run, tmp_path):
    folder = merge(finished_run)
    manifest = read_manifest(folder)
    assert manifest["simulated"] is True
    assert all(sha256_file(folder / name) == sha for name, sha in manifest["files"].items())
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number, scene in enumerate(draw_scenes(3, "test", 3)):
        picture(scene).save(pictures / f"{number}.png")
    raws = [
        [row["raw"] for row in pq.read_table(report.path).to_pylist()]
        for report in (
            predict(model, pictures, tmp_path / "out", max_new_tokens=48, device="cpu")
            for model in (finished_run, folder)
        )
    ]
    assert raws[0] == raws[1]


def test_merge_of_a_run_that_is_not_finished_is_an_error(tmp_path):
    with pytest.raises(DataError, match="not finished"):
        merge(tmp_path)
