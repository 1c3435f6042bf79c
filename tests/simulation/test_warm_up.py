"""The tiny model: built offline, cached whole, loaded like any other model."""

import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoTokenizer

from qreasoning.chain import Q_REASONING
from qreasoning.simulation import lessons, tiny, warm_up
from qreasoning.simulation.photographs import draw_scenes
from qreasoning.simulation.warm_up import WarmUp, ensure_base, fingerprint

SMALLEST = WarmUp(pictures=40, vision_steps=2, vision_batch=4, text_steps=2, text_batch=4)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    ensure_base(folder, warm_up=SMALLEST)
    return folder


def test_ensure_base_folder_says_simulated_and_is_made_once(cache):
    said = []
    folder = ensure_base(cache, said.append, SMALLEST)
    assert folder == cache / f"tiny-simulated-{fingerprint(SMALLEST)}"
    assert said == []
    assert [path.name for path in cache.iterdir()] == [folder.name]


def test_ensure_base_reports_progress_and_leaves_nothing_when_it_is_stopped(tmp_path):
    said = []

    def stop_at_writing(text):
        said.append(text)
        if "writing" in text:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ensure_base(tmp_path, stop_at_writing, SMALLEST)
    assert [text for text in said if "seeing" in text]
    assert list(tmp_path.iterdir()) == []


def test_fingerprint_depends_on_settings_and_sources(monkeypatch, tmp_path):
    before = fingerprint(SMALLEST)
    assert fingerprint(WarmUp()) != before == fingerprint(SMALLEST)
    for source in ("words.py", "warm_up.py"):
        (tmp_path / source).write_text("changed")
    monkeypatch.setattr(warm_up, "__file__", str(tmp_path / "warm_up.py"))
    assert fingerprint(SMALLEST) != before


def test_ensure_base_model_loads_from_its_folder_and_sees_the_picture(cache):
    folder = ensure_base(cache, warm_up=SMALLEST)
    model = AutoModelForImageTextToText.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert 0.9e6 < sum(weight.numel() for weight in model.parameters()) < 1.3e6
    scenes = draw_scenes(2, "test", 0)
    pixels = warm_up._pixels(scenes)
    logits = [_logits(model, tokenizer, scenes[0], pixels[i : i + 1]) for i in (0, 1, 0)]
    assert torch.equal(logits[0], logits[2])
    assert not torch.allclose(logits[0], logits[1])


def _logits(model, tokenizer, scene, pixels):
    from random import Random

    lesson = lessons.chain_lesson(tokenizer, scene, "human", Q_REASONING, Random(0))
    with torch.no_grad():
        return model(**lessons.batch(tokenizer, [lesson], pixels)).logits


def test_make_tokenizer_prompts_are_short_and_text_survives():
    tokenizer = tiny.make_tokenizer(
        [Q_REASONING.prompt, "A noisy photo of a cat."] * 3, Q_REASONING
    )
    assert len(tokenizer(Q_REASONING.prompt).input_ids) == 1
    asked = Q_REASONING.ask_again("A noisy photo of a cat.")
    assert len(tokenizer(asked).input_ids) == 2 + len(
        tokenizer("A noisy photo of a cat.").input_ids
    )
    for text in (asked, Q_REASONING.render(Q_REASONING.example), "naïve 雪 <b>\n🙂"):
        assert tokenizer.decode(tokenizer(text).input_ids) == text


def test_cosine_filters_are_orthogonal_frequencies():
    filters = tiny._cosine_filters(64).sum(1).flatten(1)
    products = filters @ filters.T
    assert torch.allclose(products, torch.diag(products.diagonal()), atol=1e-4)


def test_batch_only_replies_are_learned():
    tokenizer = tiny.make_tokenizer(["ab"], Q_REASONING)
    batch = lessons.batch(tokenizer, [([5, 6], [7]), ([5], [8, 9, 10])], torch.empty(0))
    end = tokenizer.pad_token_id
    assert batch["input_ids"].tolist() == [[5, 6, 7, end], [5, 8, 9, 10]]
    assert batch["labels"].tolist() == [[-100, -100, 7, -100], [-100, 8, 9, 10]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]
    assert "pixel_values" not in batch
