"""Encoded pictures on disk: found by the same weights only, within a limit, on any disk."""

import errno
import os

import pytest
import torch

from qreasoning.errors import SettingsError
from qreasoning.training import picture_cache
from qreasoning.training.examples import read_examples
from qreasoning.training.grpo import make_trainer
from qreasoning.training.model import load_model, load_processor
from qreasoning.training.picture_cache import PictureCache, weights_hash
from qreasoning.training.recipe import Recipe, load_recipe
from qreasoning.workspace import shipped


def features(seed, rows=4):
    return torch.randn(rows, 8, generator=torch.Generator().manual_seed(seed))


def files(folder):
    return sorted(folder.glob("*/*.safetensors"))


def test_picture_cache_gives_back_what_was_put(tmp_path):
    cache = PictureCache(tmp_path, 10**6, "one")
    assert cache.get("a") is None
    for kind in (torch.float32, torch.bfloat16):
        cache.put(str(kind), features(0).to(kind))
        assert torch.equal(
            PictureCache(tmp_path, 10**6, "one").get(str(kind)), features(0).to(kind)
        )
    assert cache.size == sum(path.stat().st_size for path in files(tmp_path))


def test_picture_cache_of_other_weights_is_another(tmp_path):
    PictureCache(tmp_path, 10**6, "one").put("a", features(0))
    assert PictureCache(tmp_path, 10**6, "other").get("a") is None


def test_picture_cache_over_its_limit_forgets_what_was_used_longest_ago(tmp_path):
    cache = PictureCache(tmp_path, 10**6, "one")
    cache.put("a", features(0))
    size = cache.size
    for time, name in enumerate("bcd"):
        cache.put(name, features(1))
        os.utime(cache._path(name), (time, time))
    os.utime(cache._path("a"), (9, 9))
    small = PictureCache(tmp_path, 4 * size, "one")
    small.put("e", features(2))
    assert small.size <= 4 * size
    assert small.size == sum(path.stat().st_size for path in files(tmp_path))
    there = {name for name in "abcde" if small.get(name) is not None}
    assert {"a", "e"} <= there
    assert "b" not in there


def test_picture_cache_does_not_keep_a_picture_above_its_limit(tmp_path):
    cache = PictureCache(tmp_path, 100, "one")
    cache.put("a", features(0, rows=400))
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("code", "why"), [(errno.ENOSPC, "the disk is full"), (errno.EACCES, "Permission denied")]
)
def test_picture_cache_on_a_disk_that_takes_no_more_says_so_once(tmp_path, monkeypatch, code, why):
    said = []
    cache = PictureCache(tmp_path, 10**6, "one", said.append)
    cache.put("a", features(0))

    def full(path, content):
        raise OSError(code, os.strerror(code), str(path))

    monkeypatch.setattr(picture_cache, "write_bytes", full)
    cache.put("b", features(1))
    cache.put("c", features(1))
    assert len(said) == 1
    assert said[0] == f"No more pictures are kept in {tmp_path}: {why}. The run goes on without."
    # What is there is still read.
    assert torch.equal(cache.get("a"), features(0))


def test_picture_cache_damaged_file_is_made_anew(tmp_path):
    cache = PictureCache(tmp_path, 10**6, "one")
    cache.put("a", features(0))
    cache._path("a").write_bytes(b"torn")
    assert cache.get("a") is None
    cache.put("a", features(0))
    assert torch.equal(cache.get("a"), features(0))


def test_weights_hash_tells_values_and_precision_apart():
    one = torch.nn.Linear(3, 2)
    same = torch.nn.Linear(3, 2)
    same.load_state_dict(one.state_dict())
    assert weights_hash(one) == weights_hash(same)
    assert weights_hash(one) != weights_hash(same.to(torch.bfloat16))
    with torch.no_grad():
        one.bias[0] += 1e-6
    assert weights_hash(one) != weights_hash(same.to(torch.float32))


def _content(base, **efficiency):
    content = load_recipe(shipped() / "training" / "tiny.yaml").model_dump()
    content["model"] = str(base)
    content["data"]["repeat_annotated"] = 1
    content["grpo"] |= {"images_per_step": 2, "num_generations": 2}
    content["efficiency"] |= efficiency
    return content


def test_recipe_that_trains_the_vision_tower_may_not_keep_pictures(base):
    content = _content(base, cache_pictures=1.0)
    Recipe.model_validate(content)
    content["lora"]["vision_tower"] = True
    with pytest.raises(ValueError, match="the encoding of a picture changes"):
        Recipe.model_validate(content)
    with pytest.raises(ValueError, match=r"needs efficiency\.share_pictures"):
        Recipe.model_validate(_content(base, cache_pictures=1.0, share_pictures=False))
    with pytest.raises(SettingsError, match="cache_pictures"):
        load_recipe(shipped() / "training" / "tiny.yaml", ["efficiency.cache_pictures=0"])


def test_a_later_run_encodes_no_picture_and_computes_the_same(base, make_dataset, tmp_path):
    examples = read_examples(make_dataset({"train": 2}), "train").rows
    found = []
    for _ in range(2):
        recipe = Recipe.model_validate(_content(base))
        model, processor = load_model(recipe.model, "cpu"), load_processor(recipe.model)
        trainer = make_trainer(recipe, examples, model, processor, tmp_path / "run")
        assert trainer.share(True, True) == []
        trainer.keep_pictures(tmp_path / "cache", 10**6, print)
        vision = trainer.accelerator.unwrap_model(trainer.model).get_base_model().model.visual
        encoded = []
        vision.register_forward_hook(lambda module, inputs, output, e=encoded: e.append(1))
        trainer.model.train()
        trainer.generation_config.do_sample = False
        rows = [trainer.train_dataset[place // 2] for place in range(4)]
        batch = trainer._generate_and_score_completions(rows)
        batch["advantages"] = torch.tensor([1.0, -1.0, 0.5, 2.0])
        trainer.current_gradient_accumulation_steps = 1
        loss = trainer._compute_loss(trainer.model, batch)
        found.append((len(encoded), batch["completion_ids"].tolist(), float(loss.detach())))
    assert (found[0][0], found[1][0]) == (1, 0)
    assert found[0][1:] == found[1][1:]
    assert len(files(tmp_path / "cache")) == 2
