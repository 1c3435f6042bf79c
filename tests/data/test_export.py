import csv
import json
import os
import subprocess
import sys

import pytest

from qreasoning.data.build import build_dataset
from qreasoning.data.export import export
from qreasoning.errors import DataError

FORMULAS = {
    "caption": "=HYPERLINK(1) coloured noise everywhere",
    "reasoning": "@SUM of nothing can be seen here",
    "sharpness_note": "-1+1",
}


@pytest.fixture
def version(workspace, spec, small_study, annotate):
    """A built version in which one annotator typed spreadsheet formulas."""
    answers = [
        ("p0.png", "ann@example.org", 1, FORMULAS),
        ("p0.png", "bob@example.org", 2, {"caption": 'Said "grey, dots"\nand more dots.'}),
    ]
    annotate(answers)
    return build_dataset(spec(projects=["konIQ"]), workspace).folder


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_export_json_has_every_row_and_column_but_the_picture(version, tmp_path):
    report = export(version, "json", tmp_path / "out")
    rows = [row for path in (tmp_path / "out").glob("chains-*") for row in lines(path)]
    assert len(rows) == 9
    p0 = next(row for row in rows if row["name"] == "p0.png")
    assert "image" not in p0
    assert (p0["mos"], p0["human_mos"]) == (1.0, 1.5)
    assert {chain["caption"] for chain in p0["chains"]} >= {FORMULAS["caption"]}
    assert sum(report.rows.values()) == 9 + 2
    assert report.rows["annotations-train.jsonl"] == 2


def test_export_csv_escapes_what_a_spreadsheet_would_calculate(version, tmp_path):
    export(version, "csv", tmp_path / "out")
    with (tmp_path / "out" / "annotations-train.csv").open(newline="", encoding="utf-8") as file:
        rows = {int(row["overall"]): row for row in csv.DictReader(file)}
    for column, text in FORMULAS.items():
        assert rows[1][column] == f"'{text}"
    assert rows[2]["caption"] == 'Said "grey, dots"\nand more dots.'
    assert rows[2]["sharpness_note"] == ""
    with (tmp_path / "out" / "chains-train.csv").open(newline="", encoding="utf-8") as file:
        chains = {row["name"]: row for row in csv.DictReader(file)}
    assert float(chains["p0.png"]["mos"]) == 1.0
    assert len(json.loads(chains["p0.png"]["chains"])) == 2


def test_export_trl_has_prompt_data_and_the_pictures_as_files(version, tmp_path, workspace):
    out = tmp_path / "out"
    export(version, "trl", out)
    p0 = next(row for row in lines(out / "train.jsonl") if row["name"] == "p0.png")
    picture = (workspace.root / "pictures" / "p0.png").read_bytes()
    assert (out / p0["image"]).read_bytes() == picture
    assert p0["mos_set"] == "list"
    assert f"{FORMULAS['caption']} {FORMULAS['reasoning']}" in p0["references"]
    assert {path.suffix for path in (out / "images").iterdir()} == {".png"}


LIKE_TRL = """
from datasets import Image, load_dataset
from trl.data_utils import is_conversational, prepare_multimodal_messages

rows = load_dataset("json", data_files={"train": "train.jsonl"})["train"]
row = {each["name"]: each for each in rows.cast_column("image", Image())}["p0.png"]
assert is_conversational(row)
asked = prepare_multimodal_messages(row["prompt"], images=[row["image"]])
assert [part["type"] for part in asked[0]["content"]] == ["image", "text"]
print(row["image"].size, "<rating>" in asked[0]["content"][1]["text"])
"""


def test_export_trl_is_read_as_trl_reads_it(version, tmp_path):
    export(version, "trl", tmp_path / "out")
    environment = {**os.environ, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", LIKE_TRL],
        cwd=tmp_path / "out",
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(16, 12) True"


def test_export_never_overwrites_and_needs_a_complete_version(version, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="is not empty"):
        export(version, "json", out)
    (version / "manifest.json").unlink()
    with pytest.raises(DataError, match="no complete version"):
        export(version, "csv", tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_export_by_the_command_goes_to_outputs_once(qr, workspace, list_scores):
    list_scores([("a.png", 25, "train", ""), ("b.png", 75, "test", "")])
    (workspace.root / "annotation" / "dataset.yaml").write_text(
        "name: small\nscore_sets:\n  - {name: list, file: scores.csv, range: [0, 100], "
        "columns: {split: split}}\n"
    )
    command = ("build-dataset", "--export", "csv")
    first, again = (qr(*command, cwd=workspace.root) for _ in range(2))
    out = workspace.root / "outputs" / "exports" / "small-1.0.0-csv"
    assert first.returncode == again.returncode == 0, first.stderr + again.stderr
    assert "holds 2 rows" in first.stdout
    assert "is there already" in again.stdout
    assert "a.png" in (out / "chains-train.csv").read_text("utf-8")
    refused = qr(*command[:2], "xml", cwd=workspace.root)
    assert refused.returncode == 2
