"""Predictions: a row per picture and condition, and nothing unreadable dropped or filled in."""

import pyarrow.parquet as pq
import pytest
from peft import LoraConfig, get_peft_model

from qreasoning.chain import Q_INSIGHT, Q_REASONING
from qreasoning.errors import DataError, SettingsError
from qreasoning.files import sha256_bytes, sha256_file, write_manifest, write_text
from qreasoning.images import identity
from qreasoning.records import predictions_schema
from qreasoning.simulation.photographs import draw_scenes, picture
from qreasoning.training.grpo import PROJECTIONS
from qreasoning.training.model import load_model
from qreasoning.training.predict import predict
from qreasoning.training.recipe import load_recipe
from qreasoning.workspace import shipped


def _rows(report):
    return pq.read_table(report.path).to_pylist()


def test_predict_a_dataset_gives_a_row_per_picture_and_condition(base, make_dataset, tmp_path):
    dataset = make_dataset({"train": 2, "test": 5})
    report = predict(base, dataset, tmp_path / "out", max_new_tokens=48, device="cpu")
    assert report.path == tmp_path / "out" / base.name / "demo-simulated-1.0.0-test.parquet"
    assert (report.model, report.data) == (base.name, "demo-simulated-1.0.0-test")
    assert (report.images, report.left_out) == (5, 0)
    table = pq.read_table(report.path)
    assert table.schema.remove_metadata() == predictions_schema()

    rows = table.to_pylist()
    names = [f"simulated-test-{number:04d}.png" for number in range(1, 6)]
    assert [(r["condition"], r["name"]) for r in rows] == [
        (condition, name) for condition in ("image", "caption") for name in names
    ]
    assert {r["model_id"] for r in rows} == {base.name}
    assert {r["adapter_sha"] for r in rows} == {None}
    for row in rows[:5]:
        parsed = Q_REASONING.parse(row["raw"])
        assert (row["caption"], row["reasoning"]) == (parsed.chain.caption, parsed.chain.reasoning)
        assert row["status"] == parsed.status
        assert row["rating"] == (parsed.chain.rating if parsed.ok else None)
        assert row["prompt_sha"] == sha256_bytes(Q_REASONING.prompt.encode())
    for seen, row in zip(rows[:5], rows[5:], strict=True):
        assert row["input_caption"] == seen["caption"]
        assert row["stage2"] == "generate"
        assert row["status"] == Q_REASONING.parse_rating(row["raw"]).status
        assert row["prompt_sha"] == sha256_bytes(Q_REASONING.stage2_prompt.encode())
    assert sum(report.statuses["image"].values()) == 5


def test_predict_is_greedy_and_does_not_depend_on_the_batch(base, make_dataset, tmp_path):
    dataset = make_dataset({"test": 5})
    tables = [
        _rows(predict(base, dataset, tmp_path / str(size), max_new_tokens=48, batch_size=size))
        for size in (2, 5, 5)
    ]
    assert tables[0] == tables[1] == tables[2]


def test_predict_a_run_uses_its_adapter_format_and_name(base, make_dataset, tmp_path):
    run = tmp_path / "runs" / "tiny" / "003"
    recipe = load_recipe(shipped() / "training" / "tiny.yaml")
    grpo = recipe.grpo.model_copy(update={"max_completion_length": 48})
    recipe = recipe.model_copy(update={"model": str(base), "grpo": grpo})
    adapted = get_peft_model(
        load_model(str(base), "cpu"),
        LoraConfig(r=4, target_modules=PROJECTIONS, init_lora_weights=False),
    )
    adapted.save_pretrained(run)
    write_text(run / "recipe.yaml", recipe.model_dump_json())
    dataset = make_dataset({"test": 3})

    with pytest.raises(DataError, match="not finished"):
        predict(run, dataset, tmp_path / "out")
    write_manifest(run, {"model": base.name})
    with pytest.raises(SettingsError, match="q-insight"):
        predict(run, dataset, tmp_path / "out", format="q-insight")
    report = predict(run, dataset, tmp_path / "out", device="cpu")
    assert report.path == tmp_path / "out" / "tiny-003" / "demo-simulated-1.0.0-test.parquet"
    rows = _rows(report)
    assert {r["adapter_sha"] for r in rows} == {sha256_file(run / "adapter_model.safetensors")}
    plain = _rows(predict(base, dataset, tmp_path / "out", max_new_tokens=48, device="cpu"))
    assert [r["raw"] for r in rows] != [r["raw"] for r in plain]


def test_predict_unreadable_chains_keep_their_row_and_status(base, make_dataset, tmp_path):
    # Three tokens are too few for any caption.
    report = predict(base, make_dataset({"test": 3}), tmp_path, max_new_tokens=3, device="cpu")
    rows = _rows(report)
    assert report.statuses == {"image": {"missing caption": 3}, "caption": {"missing caption": 3}}
    assert len(rows) == 6
    assert {r["rating"] for r in rows} == {None}
    assert {(r["raw"], r["input_caption"], r["stage2"]) for r in rows[3:]} == {(None, None, None)}


def test_predict_a_folder_of_pictures_goes_by_their_bytes(base, tmp_path):
    folder = tmp_path / "my pictures"
    (folder / "sub").mkdir(parents=True)
    for name, scene in zip(("b.png", "sub/a.png"), draw_scenes(2, "test", 1), strict=True):
        picture(scene).save(folder / name)
    report = predict(
        base, folder, tmp_path / "out", conditions=("image",), max_new_tokens=48, device="cpu"
    )
    assert report.data == "my-pictures"
    assert [(r["name"], r["image_id"]) for r in _rows(report)] == [
        (name, identity((folder / name).read_bytes())) for name in ("b.png", "sub/a.png")
    ]


def test_predict_another_format_asks_its_own_prompt(base, make_dataset, tmp_path):
    dataset = make_dataset({"test": 1})
    report = predict(base, dataset, tmp_path, format="q-insight", max_new_tokens=8, device="cpu")
    assert _rows(report)[0]["prompt_sha"] == sha256_bytes(Q_INSIGHT.prompt.encode())


def test_predict_counts_rows_without_a_picture(base, make_dataset, tmp_path):
    seen = iter(range(4))
    dataset = make_dataset({"test": 4}, lambda row: row if next(seen) else {**row, "image": None})
    report = predict(base, dataset, tmp_path, conditions=("image",), max_new_tokens=3)
    assert (report.images, report.left_out) == (3, 1)


def test_predict_damaged_picture_is_named_and_nothing_is_written(base, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    picture(draw_scenes(1, "test", 0)[0]).save(folder / "whole.png")
    content = (folder / "whole.png").read_bytes()
    (folder / "cut.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"cut\.png"):
        predict(base, folder, tmp_path / "out", max_new_tokens=3, device="cpu")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("model", "format", "says"),
    [("nobody/none", None, "cannot be reached"), (None, "q-reasonin", "Unknown format")],
)
def test_predict_unknown_model_or_format_is_an_error(
    base, make_dataset, tmp_path, model, format, says
):
    with pytest.raises(SettingsError, match=says):
        predict(model or base, make_dataset({"test": 1}), tmp_path / "out", format=format)
    assert not (tmp_path / "out").exists()


def test_predict_empty_split_or_folder_is_an_error(base, make_dataset, tmp_path):
    with pytest.raises(DataError, match="split 'validation'"):
        predict(base, make_dataset({"test": 1}), tmp_path / "out", split="validation")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no pictures"):
        predict(base, tmp_path / "empty", tmp_path / "out")
