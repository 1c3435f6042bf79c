"""Models by name: what is found, what is counted, what is refused."""

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from qreasoning.errors import SettingsError
from qreasoning.training.model import (
    choose_device,
    find_config,
    load_model,
    load_processor,
    parameter_count,
)


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
