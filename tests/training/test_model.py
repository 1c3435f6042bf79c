"""Models by name: what is found, what is counted, what is refused."""

from functools import partial

import pytest
import torch
from huggingface_hub import hf_hub_download
from PIL import Image
from safetensors.torch import load_file, save_file

from qreasoning.chain import Q_REASONING
from qreasoning.errors import SettingsError
from qreasoning.training.generate import complete, prompt_text
from qreasoning.training.model import (
    choose_device,
    commit_of,
    find_config,
    load_model,
    load_processor,
    parameter_count,
    weights_of,
)
from qreasoning.training.recipe import Recipe, load_recipe
from qreasoning.training.run import train
from qreasoning.training.self_consistency import expected_ratings
from qreasoning.workspace import shipped


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_parameter_count_of_a_folder_is_that_of_its_model(base):
    model = load_model(str(base), "cpu")
    # The output layer shares the weights of the embedding and is stored once.
    assert parameter_count(str(base)) == sum(weight.numel() for weight in model.parameters())


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("Qwen/Qwen2.5-VL-7B-Instruct", 7_000_000_000),
        ("HuggingFaceTB/SmolVLM-0.5B", 500_000_000),
        ("somebody/a-model", None),
        ("somebody/b2bmodel", None),
    ],
)
def test_parameter_count_is_read_off_a_name(name, count):
    assert parameter_count(name) == count


def test_choose_device_large_model_without_gpu_names_tiny_and_cpu(no_gpu):
    with pytest.raises(SettingsError) as error:
        choose_device("Qwen/Qwen2.5-VL-7B-Instruct", None)
    assert "qr train tiny" in str(error.value)
    assert "--device cpu" in str(error.value)
    assert "7.0 billion" in str(error.value)


def test_choose_device_cpu_is_taken_where_it_is_asked_for_or_the_model_is_small(no_gpu, base):
    assert choose_device("Qwen/Qwen2.5-VL-7B-Instruct", "cpu") == "cpu"
    assert choose_device(str(base), None) == "cpu"


def test_choose_device_weights_on_disk_count_more_than_the_name(no_gpu, tmp_path):
    folder = tmp_path / "called-7B"
    folder.mkdir()
    save_file({"weight": torch.zeros(10, 3)}, folder / "model.safetensors")
    assert parameter_count(str(folder)) == 30
    assert choose_device(str(folder), None) == "cpu"


def test_choose_device_gpu_that_is_not_there_is_an_error(no_gpu):
    with pytest.raises(SettingsError, match="No GPU"):
        choose_device("a/b", "cuda")


def test_choose_device_of_another_kind_is_an_error():
    with pytest.raises(SettingsError, match="Choose cpu or cuda"):
        choose_device("a/b", "gpu")


def test_load_model_without_its_weights_is_an_error(base, tmp_path):
    (tmp_path / "config.json").write_bytes((base / "config.json").read_bytes())
    with pytest.raises(SettingsError, match="cannot be loaded as a vision-language model"):
        load_model(str(tmp_path), "cpu")


def test_load_model_that_reads_text_only_is_an_error(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(SettingsError, match="cannot be loaded as a vision-language model"):
        load_model(str(tmp_path), "cpu")


def test_find_config_of_a_folder_without_a_model_is_an_error(tmp_path):
    with pytest.raises(SettingsError, match="it has no config"):
        find_config(str(tmp_path))


def test_find_config_where_the_hub_cannot_be_reached_says_so():
    # The tests run offline.
    with pytest.raises(SettingsError, match="cannot be reached"):
        find_config("nobody/no-such-model")


def test_find_config_of_no_possible_name_is_an_error():
    with pytest.raises(SettingsError, match="There is no model 'no/such/model'"):
        find_config("no/such/model")


def test_load_processor_scales_large_pictures_down(base):
    processor = load_processor(str(base), max_pixels=32 * 32)
    picture = Image.new("RGB", (640, 640))
    grid = processor.image_processor([picture], return_tensors="pt")["image_grid_thw"]
    assert grid.tolist() == [[1, 4, 4]]  # 32 pixels are 4 patches of 8


def test_qwen3_vl_sees_pictures_and_does_not_depend_on_the_batch(qwen3_base):
    model, processor = load_model(str(qwen3_base), "cpu"), load_processor(str(qwen3_base))
    assert model.config.model_type == "qwen3_vl"
    prompt = prompt_text(processor, Q_REASONING, Q_REASONING.prompt, picture=True)
    pictures = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    together = complete(model, processor, [prompt] * 2, pictures, 12)
    alone = [complete(model, processor, [prompt], [each], 12)[0] for each in pictures]
    assert together == alone
    inputs = [
        processor(text=[prompt], images=[[each]], return_tensors="pt").to("cpu")
        for each in pictures
    ]
    with torch.no_grad():
        red, blue = (model(**each).logits[0, -1] for each in inputs)
    assert not torch.allclose(red, blue)


def test_qwen3_vl_rates_a_caption_from_its_logits(qwen3_base):
    model, processor = load_model(str(qwen3_base), "cpu"), load_processor(str(qwen3_base))
    captions = ["A photo.", "A severely blurry photo of a brick wall, and more."]
    together = expected_ratings(model, processor, Q_REASONING, captions)
    alone = [expected_ratings(model, processor, Q_REASONING, [each])[0] for each in captions]
    assert together == pytest.approx(alone, abs=1e-4)
    assert all(1 <= value <= 5 for value in together)


def test_qwen3_vl_takes_a_step_of_grpo(qwen3_base, make_dataset, tmp_path):
    content = load_recipe(shipped() / "training" / "tiny.yaml").model_dump()
    content["model"] = str(qwen3_base)
    content["report_to"] = []
    content["grpo"] |= {"steps": 1, "images_per_step": 2, "num_generations": 2}
    content["grpo"] |= {"max_completion_length": 8, "warmup_steps": 0}
    recipe = Recipe.model_validate(content)
    run = train(recipe, make_dataset({"train": 2}), tmp_path / "runs", device="cpu").run
    adapter = load_file(run / "adapter_model.safetensors")
    # 2 layers x 7 projections x 2 factors, all in the language model.
    assert len(adapter) == 28
    assert all("language_model" in name for name in adapter)


@pytest.fixture
def hub(base, tmp_path, monkeypatch):
    """A Hub cache with the small model at two commits; `main` and `v1` name them."""
    cache = tmp_path / "hub"
    model = cache / "models--somebody--tiny"
    for branch, commit in (("main", "a" * 40), ("v1", "b" * 40)):
        snapshot = model / "snapshots" / commit
        snapshot.mkdir(parents=True)
        for file in base.iterdir():
            (snapshot / file.name).symlink_to(file)
        (model / "refs").mkdir(exist_ok=True)
        (model / "refs" / branch).write_text(commit)
    download = partial(hf_hub_download, cache_dir=cache)
    monkeypatch.setattr("qreasoning.training.model.hf_hub_download", download)


@pytest.mark.parametrize(
    ("revision", "commit"), [(None, "a" * 40), ("v1", "b" * 40), ("b" * 40, "b" * 40)]
)
def test_commit_of_a_hub_model_is_that_of_its_revision(hub, revision, commit):
    assert commit_of("somebody/tiny", revision) == commit
    assert weights_of("somebody/tiny", revision) == [commit]


def test_commit_of_a_folder_is_none_and_its_files_tell_it(base):
    assert commit_of(str(base)) is None
    (weights,) = weights_of(str(base))
    assert weights.startswith(f"model.safetensors {(base / 'model.safetensors').stat().st_size} ")


def test_find_config_of_a_folder_with_a_revision_is_an_error(base):
    with pytest.raises(SettingsError, match="has no revisions"):
        find_config(str(base), "main")


def test_load_model_in_4_bits_without_a_gpu_names_what_it_needs(base):
    with pytest.raises(SettingsError, match=r"needs a GPU and .*'qreasoning\[gpu\]'"):
        load_model(str(base), "cpu", quantization="4bit")
