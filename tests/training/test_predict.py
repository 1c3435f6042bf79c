"""Predictions: a row per picture and condition, and nothing unreadable dropped or filled in."""

import json
import warnings

import pyarrow.parquet as pq
import pytest
import transformers
from peft import LoraConfig, get_peft_model

from qreasoning.chain import Q_INSIGHT, Q_REASONING, Chain, ChainFormat
from qreasoning.errors import DataError, SettingsError
from qreasoning.files import sha256_bytes, sha256_file, write_manifest, write_text
from qreasoning.images import identity
from qreasoning.records import predictions_schema
from qreasoning.simulation.photographs import draw_scenes, picture
from qreasoning.training import speaker, two_stages
from qreasoning.training.grpo import PROJECTIONS
from qreasoning.training.model import load_model, load_processor
from qreasoning.training.predict import predict
from qreasoning.training.recipe import load_recipe
from qreasoning.training.self_consistency import expected_ratings
from qreasoning.training.source import Source
from qreasoning.training.speaker import load_speaker
from qreasoning.workspace import shipped


def _rows(report):
    return pq.read_table(report.path).to_pylist()


def _folder(folder, count, sides=(64, 96, 48)):
    """A folder of `count` pictures; in several sizes, so that batches are not in order."""
    folder.mkdir()
    for number, scene in enumerate(draw_scenes(count, "test", 1)):
        side = sides[number % len(sides)]
        picture(scene).resize((side, side)).save(folder / f"{number:02d}.png")
    return folder


def _chain(caption):
    return Q_REASONING.render(Chain(caption, "Because of that.", 3.0))


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


def test_predict_batch_sizes_1_and_16_give_the_same_rows(base, tmp_path):
    folder = _folder(tmp_path / "pictures", 18)
    tables = [
        _rows(predict(base, folder, tmp_path / str(size), max_new_tokens=48, batch_size=size))
        for size in (1, 16, 16)
    ]
    assert tables[0] == tables[1] == tables[2]
    assert len({row["raw"] for row in tables[0][:18]}) > 3
    assert any(row["rating"] for row in tables[0][18:])


@pytest.fixture
def batches(monkeypatch):
    """The batches that the model was asked: ("image", number of pictures) or ("caption", …)."""
    asked = []
    complete = speaker.complete

    def watched(model, processor, prompts, pictures, tokens):
        asked.append(("caption" if pictures is None else "image", len(prompts)))
        return complete(model, processor, prompts, pictures, tokens)

    monkeypatch.setattr(speaker, "complete", watched)
    return asked


class Stopped(Exception):
    pass


def _stop_after(batch):
    count = iter(range(batch))

    def say(text):
        if "condition" in text and next(count, None) is None:
            raise Stopped

    return say


@pytest.mark.parametrize("batch", [0, 2, 3])
def test_predict_taken_up_again_repeats_no_batch_and_ends_with_the_same_bytes(
    base, tmp_path, batches, batch
):
    folder = _folder(tmp_path / "pictures", 9)
    options = {"max_new_tokens": 48, "batch_size": 3, "device": "cpu"}
    whole = predict(base, folder, tmp_path / "whole", **options)
    assert batches[:3] == [("image", 3)] * 3
    total = len(batches)
    del batches[:]
    with pytest.raises(Stopped):
        predict(base, folder, tmp_path / "out", **options, say=_stop_after(batch))
    # The batch whose line was not said any more is finished too.
    assert len(batches) == batch + 1
    del batches[:]
    report = predict(base, folder, tmp_path / "out", **options)
    assert len(batches) == total - batch - 1
    assert report.path.read_bytes() == whole.path.read_bytes()
    assert [each.name for each in report.path.parent.iterdir()] == [report.path.name]


@pytest.mark.parametrize(
    "change", [{"batch_size": 2}, {"max_new_tokens": 40}, {"format": "q-insight"}, {"more": True}]
)
def test_predict_with_something_else_starts_over(base, tmp_path, batches, change):
    folder = _folder(tmp_path / "pictures", 4)
    options = {"max_new_tokens": 48, "batch_size": 4, "device": "cpu", "conditions": ("image",)}
    with pytest.raises(Stopped):
        predict(base, folder, tmp_path / "out", **options, say=_stop_after(0))
    assert batches == [("image", 4)]
    if change.pop("more", False):
        picture(draw_scenes(9, "test", 1)[-1]).save(folder / "zzz.png")
    report = predict(base, folder, tmp_path / "out", **{**options, **change})
    assert len(batches) > 1
    other = predict(base, folder, tmp_path / "other", **{**options, **change})
    assert report.path.read_bytes() == other.path.read_bytes()


def test_predict_expect_reads_the_rating_from_the_logits(base, make_dataset, tmp_path):
    dataset = make_dataset({"test": 4})
    report = predict(base, dataset, tmp_path, stage2="expect", max_new_tokens=48, device="cpu")
    rows = _rows(report)[4:]
    model, processor = load_model(str(base), "cpu"), load_processor(str(base))
    rated = [row for row in rows if row["input_caption"]]
    assert rated
    by_hand = expected_ratings(model, processor, Q_REASONING, [r["input_caption"] for r in rated])
    assert [row["rating"] for row in rated] == pytest.approx(by_hand, abs=1e-4)
    assert {(row["raw"], row["status"], row["stage2"]) for row in rated} == {(None, "ok", "expect")}


def test_predict_equal_captions_are_rated_once_and_in_order_of_length(
    base, tmp_path, batches, monkeypatch
):
    texts = [_chain("A much longer caption than the other."), _chain("Short."), "nothing"]
    monkeypatch.setattr(two_stages, "_look_at", lambda _, pictures: texts * (len(pictures) // 3))
    asked = []
    ask_again = ChainFormat.ask_again
    monkeypatch.setattr(
        ChainFormat, "ask_again", lambda form, text: asked.append(text) or ask_again(form, text)
    )
    folder = _folder(tmp_path / "pictures", 6, sides=(64,))
    report = predict(base, folder, tmp_path / "out", max_new_tokens=48, device="cpu")
    assert asked == ["Short.", "A much longer caption than the other."]
    assert batches == [("caption", 2)]
    captions = [row["input_caption"] for row in _rows(report)[6:]]
    assert captions == [asked[1], asked[0], None] * 2


def test_predict_reads_pictures_a_few_batches_at_a_time(base, tmp_path, monkeypatch):
    folder = _folder(tmp_path / "pictures", 12)
    events = []
    rows, look_at = Source.rows, two_stages._look_at

    def watched(source, *span):
        for row in rows(source, *span):
            events.append("read")
            yield row

    monkeypatch.setattr(Source, "rows", watched)
    monkeypatch.setattr(
        two_stages, "_look_at", lambda *given: events.append("batch") or look_at(*given)
    )
    predict(base, folder, tmp_path / "out", max_new_tokens=3, batch_size=1, device="cpu")
    # 12 are looked through first; then four batches of one picture are read and answered in turn.
    assert events == ["read"] * 12 + (["read"] * 4 + ["batch"] * 4) * 3


def test_predict_says_inside_the_file_what_made_it(base, make_dataset, tmp_path):
    report = predict(base, make_dataset({"test": 1}), tmp_path, max_new_tokens=3, device="cpu")
    about = json.loads(pq.read_schema(report.path).metadata[b"qreasoning"])
    assert about["model_id"] == base.name
    assert (about["adapter_sha"], about["revision"], about["format"]) == (None, None, "q-reasoning")
    assert about["prompt_sha"] == sha256_bytes(Q_REASONING.prompt.encode())
    assert (about["stage2"], about["max_new_tokens"], about["dtype"]) == ("generate", 3, "float32")
    assert about["versions"]["transformers"] == transformers.__version__


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
    with pytest.raises(SettingsError, match="which has no revisions"):
        predict(run, dataset, tmp_path / "out", revision="main")
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


def test_predict_unreadable_pictures_are_listed_before_anything_is_done(base, tmp_path, batches):
    folder = _folder(tmp_path / "pictures", 3)
    content = (folder / "00.png").read_bytes()
    (folder / "cut.png").write_bytes(content[: len(content) // 2])
    (folder / "text.jpg").write_text("no picture")
    with pytest.raises(DataError) as error:
        predict(base, folder, tmp_path / "out", max_new_tokens=3, device="cpu")
    first, *listed = str(error.value).splitlines()
    assert first == "2 pictures cannot be read, so nothing was begun:"
    assert [line.split()[0] for line in listed] == ["cut.png", "text.jpg"]
    assert not (tmp_path / "out").exists()
    assert batches == []


def test_predict_of_many_unreadable_pictures_counts_the_rest(base, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number:02d}.png").write_text("no picture")
    with pytest.raises(DataError, match=r"09\.png.*\n… and 2 more\."):
        predict(base, folder, tmp_path / "out", device="cpu")


def test_predict_a_picture_that_changes_meanwhile_is_an_error(base, tmp_path, monkeypatch):
    folder = _folder(tmp_path / "pictures", 2)

    def change(name, *_, **__):
        (folder / "01.png").write_bytes((folder / "00.png").read_bytes() + b"more")
        return load_speaker(name, *_, **__)

    monkeypatch.setattr("qreasoning.training.predict.load_speaker", change)
    with pytest.raises(DataError, match="changed while they were read"):
        predict(base, folder, tmp_path / "out", max_new_tokens=3, device="cpu")


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


def test_load_speaker_of_a_run_warns_of_nothing(finished_run):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_speaker(finished_run, None, 8, "cpu").model is not None


def test_predict_with_vllm_where_it_is_not_or_cannot_is_refused(base, tmp_path, monkeypatch):
    folder = _folder(tmp_path / "pictures", 1)
    with pytest.raises(SettingsError, match=r"pip install 'qreasoning\[gpu\]'"):
        predict(base, folder, tmp_path / "out", engine="vllm")
    monkeypatch.setattr("qreasoning.training.vllm_engine.find_spec", lambda name: object())
    with pytest.raises(SettingsError, match="cannot be read from vLLM's logits"):
        predict(base, folder, tmp_path / "out", engine="vllm", stage2="expect")
    assert not (tmp_path / "out").exists()


def test_predict_in_several_shards_writes_the_rows_of_one(base, tmp_path, monkeypatch):
    folder = _folder(tmp_path / "pictures", 20)
    options = {"max_new_tokens": 48, "batch_size": 1, "device": "cpu"}
    several = predict(base, folder, tmp_path / "several", **options)
    monkeypatch.setattr("qreasoning.training.source.SHARD", 100)
    one = predict(base, folder, tmp_path / "one", **options)
    assert _rows(several) == _rows(one)
    # A row group per shard and condition: 16 and 4 pictures.
    groups = pq.read_metadata(several.path)
    assert [groups.row_group(n).num_rows for n in range(groups.num_row_groups)] == [16, 4, 16, 4]
    assert several.statuses == one.statuses
