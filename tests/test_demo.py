"""The whole loop on real parts at a reduced size: the path that `qr demo` takes."""

import json
import stat

import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from qreasoning.demo import Size, run_demo
from qreasoning.errors import SettingsError
from qreasoning.files import read_manifest

PICTURES = {"train": 24, "validation": 4, "test": 12}


@pytest.fixture(scope="module")
def size(small_warm_up):
    """A few minutes' worth of everything."""
    annotated = {"train": 8, "test": 6}
    return Size(PICTURES, annotated, people=2, steps=2, warm_up=small_warm_up)


@pytest.fixture(scope="module")
def demo(tmp_path_factory, size):
    """A finished small demo: its folder, what it said, and its report."""
    folder = tmp_path_factory.mktemp("demo") / "study"
    said = []
    report = run_demo(folder, seed=0, size=size, say=said.append)
    return folder, said, report


pytestmark = [pytest.mark.slow, pytest.mark.server]


def test_demo_announces_every_stage_in_order(demo):
    _, said, _ = demo
    stages = [line.split("] ")[1].split(":")[0] for line in said if line.startswith("[")]
    names = ["simulate", "annotate", "build-dataset", "warm up", "train", "predict", "align-report"]
    assert [
        name for name, stage in zip(names, stages, strict=True) if stage.startswith(name)
    ] == names


def test_demo_answers_went_through_label_studio_into_the_dataset(demo):
    folder, _, _ = demo
    pulled = pq.read_table(folder / "outputs/annotations/simulated/table.parquet").to_pylist()
    assert len(pulled) == 28
    assert len({(row["image_id"], row["annotator"]) for row in pulled}) == 28
    assert {row["annotator"].split("@")[0] for row in pulled} == {"annotator-1", "annotator-2"}
    chains = load_dataset(str(folder / "outputs/datasets/demo-simulated/1.0.0"), "chains")
    assert {split: len(rows) for split, rows in chains.items()} == PICTURES
    assert sorted(len(row["chains"]) for row in chains["train"]) == [0] * 16 + [2] * 8
    texts = {row["caption"] for row in pulled}
    assert {chain["caption"] for row in chains["test"] for chain in row["chains"]} <= texts
    assert chains["test"][0]["image"].size == (64, 64)


def test_demo_keeps_log_ins_private_and_out_of_the_dataset(demo):
    folder, _, _ = demo
    logins = folder / "outputs/annotations/simulated/logins.csv"
    assert stat.S_IMODE(logins.stat().st_mode) == 0o600
    for part in ("datasets", "predictions", "reports", "runs"):
        for path in (folder / "outputs" / part).rglob("*"):
            assert not path.is_file() or b"annotator-1@" not in path.read_bytes(), path


def test_demo_trains_and_predicts_both_conditions(demo):
    folder, _, _ = demo
    manifest = read_manifest(folder / "outputs/runs/tiny/001")
    assert {"adapter_model.safetensors", "recipe.yaml"} <= set(manifest["files"])
    files = sorted((folder / "outputs/predictions").glob("*/demo-simulated-1.0.0-test.parquet"))
    assert len(files) == 2
    for path in files:
        rows = pq.read_table(path).to_pylist()
        assert sorted(row["condition"] for row in rows) == ["caption"] * 12 + ["image"] * 12
        assert all(row["rating"] is not None for row in rows if row["status"] == "ok")
        assert all(row["rating"] is None for row in rows if row["status"].startswith("missing r"))


def test_demo_reports_before_and_after_and_says_simulated(demo):
    folder, _, report = demo
    assert report.report == folder / "outputs/reports/demo/index.html"
    assert "simulated" in report.report.read_text("utf-8").lower()
    metrics = json.loads((report.report.parent / "metrics.json").read_text("utf-8"))
    assert metrics["meta"]["simulated"] is True
    models = {record["model"] for record in metrics["records"]}
    assert len(models - {"(people)"}) == 2
    assert "(people)" in models  # two of them explain each picture, so there is a ceiling
    assert list(report.before) == list(report.after)
    assert 0 <= report.before["ROUGE-1 with human chains"] <= 1
    assert "simulated" in (folder / "data_cards/demo-simulated-1.0.0.md").read_text("utf-8")


def test_demo_again_goes_on_where_it_was_and_refuses_another_seed(demo, size):
    folder, _, _ = demo
    said = []
    run_demo(folder, seed=0, size=size, say=said.append)
    assert not any("answers" in line and " of " in line for line in said)
    assert [path.name for path in (folder / "outputs/datasets/demo-simulated").iterdir()] == [
        "1.0.0"
    ]
    with pytest.raises(SettingsError, match="another seed"):
        run_demo(folder, seed=1, size=size, say=said.append)
