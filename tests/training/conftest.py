"""A small warmed-up model and small datasets for the training tests."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoTokenizer, Qwen3VLConfig, Qwen3VLForConditionalGeneration

from qreasoning.files import write_manifest
from qreasoning.images import identity
from qreasoning.records import chains_schema
from qreasoning.simulation import tiny
from qreasoning.simulation.annotators import answer
from qreasoning.simulation.photographs import draw_scenes, picture
from qreasoning.simulation.warm_up import ensure_base
from qreasoning.training.recipe import Recipe, load_recipe
from qreasoning.training.run import train
from qreasoning.workspace import cache_folder, shipped


@pytest.fixture(scope="session")
def base(small_warm_up):
    """A tiny model that writes mostly readable chains; cached between test runs."""
    return ensure_base(cache_folder(), warm_up=small_warm_up)


@pytest.fixture(scope="session")
def qwen3_base(base, tmp_path_factory):
    """A Qwen3-VL with random weights, and the tokenizer and image processor of `base`."""
    folder = tmp_path_factory.mktemp("models") / "tiny-qwen3-vl"
    tokenizer = AutoTokenizer.from_pretrained(base)
    token = tokenizer.convert_tokens_to_ids
    config = Qwen3VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "max_position_embeddings": 1024,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": [4, 2, 2],
            },
            "bos_token_id": None,
            "eos_token_id": token(tiny.TURN_END),
            "pad_token_id": token(tiny.END),
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 2,
            "patch_size": tiny.PATCH,
            "spatial_merge_size": tiny.MERGE,
            "temporal_patch_size": tiny.FRAMES,
            "out_hidden_size": 64,
            "num_position_embeddings": (tiny.SIDE // tiny.PATCH) ** 2,
            "deepstack_visual_indexes": [0],
        },
        image_token_id=token(tiny.IMAGE),
        video_token_id=token("<|video_pad|>"),
        vision_start_token_id=token("<|vision_start|>"),
        vision_end_token_id=token("<|vision_end|>"),
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    model = Qwen3VLForConditionalGeneration(config)
    model.generation_config.eos_token_id = token(tiny.TURN_END)
    model.generation_config.pad_token_id = token(tiny.END)
    tiny.save(folder, model, tokenizer)
    return folder


@pytest.fixture
def make_dataset(tmp_path):
    """Write a dataset version; `change` edits each row before it is written."""

    def make(counts, change=lambda row: row, name="demo-simulated"):
        return _write_dataset(tmp_path / "datasets" / name / "1.0.0", counts, change)

    return make


@pytest.fixture(scope="session")
def finished_run(base, tmp_path_factory):
    """A run of two steps on the small model, in a study of its own: outputs/runs/tiny/001."""
    outputs = tmp_path_factory.mktemp("study") / "outputs"
    content = load_recipe(shipped() / "training" / "tiny.yaml").model_dump()
    content["model"] = str(base)
    content["grpo"] |= {"steps": 2, "images_per_step": 2, "num_generations": 4, "warmup_steps": 0}
    content["grpo"]["temperature"] = 0.7
    dataset = _write_dataset(outputs / "datasets" / "demo-simulated" / "1.0.0", {"train": 4})
    return train(Recipe.model_validate(content), dataset, outputs / "runs", device="cpu").run


def _write_dataset(folder, counts, change=lambda row: row):
    (folder / "data" / "chains").mkdir(parents=True)
    for split, count in counts.items():
        rows = [change(_row(scene)) for scene in draw_scenes(count, split, 0)]
        table = pa.Table.from_pylist(rows, schema=chains_schema())
        pq.write_table(table, folder / "data" / "chains" / f"{split}-00000.parquet")
    write_manifest(folder, {"simulated": True, "content_sha256": "c0ffee"})
    return folder


def _row(scene):
    buffer = io.BytesIO()
    picture(scene).save(buffer, "PNG")
    given = answer(scene, 1, 0)
    chain = {
        "annotator": "a1",
        "caption": given.caption,
        "reasoning": given.reasoning,
        "rating": float(given.overall),
        "prelabelled": False,
    }
    return {
        "image_id": identity(buffer.getvalue()),
        "name": scene.name,
        "source": "simulated",
        "reference_id": scene.region,
        "split": scene.split,
        "image": {"bytes": buffer.getvalue(), "path": scene.name},
        "mos": scene.mos,
        "mos_source": "benchmark",
        "mos_set": "simulated",
        "mos_raw": scene.mos,
        "chains": [chain],
    }
