"""Leaks in a whole build: what becomes of a benchmark's test images."""

import io

import pytest
from PIL import Image, ImageOps
from pyarrow import parquet

from qreasoning.data.build import build_dataset
from qreasoning.errors import DataError
from qreasoning.files import read_manifest
from qreasoning.simulation.photographs import PHOTOGRAPHS

# Rows of data_cards/benchmarks/koniq-10k.csv.
TEST, TRAIN, UNLISTED = "10007357496.jpg", "10004473376.jpg", "10043785683.jpg"


def splits(folder):
    rows = [
        row
        for path in (folder / "data" / "chains").glob("*.parquet")
        for row in parquet.read_table(path, columns=["name", "split"]).to_pylist()
    ]
    return {row["name"]: row["split"] for row in rows}


def test_test_images_of_a_declared_project_become_test_pictures(workspace, spec, draw, annotate):
    for seed, name in enumerate((TEST, TRAIN)):
        draw(name, seed)
    annotate(
        [
            (TEST, "a@example.org", 3, {"caption": "Colours and more colours."}),
            (TRAIN, "a@example.org", 4, {}),
        ]
    )
    settings = {
        "projects": ["konIQ"],
        "leaks": {"sources": {"konIQ": "koniq-10k"}},
        "splits": {"train": 1, "validation": 0, "test": 0},
    }
    made = spec(**settings).model_copy(update={"score_sets": ()})
    report = build_dataset(made, workspace)
    assert splits(report.folder) == {TEST: "test", TRAIN: "train"}
    assert read_manifest(report.folder)["leaks"]["checks"]["koniq-10k"]["names"]


def test_test_images_of_a_public_list_without_splits_become_test_pictures(
    workspace, spec, list_scores
):
    list_scores([(TEST, 50, "", ""), (TRAIN, 60, "train", ""), (UNLISTED, 60, "train", "")])
    scores = {"images": None, "set": "koniq-10k"}
    report = build_dataset(spec(scores=scores), workspace)
    assert splits(report.folder) == {TEST: "test", TRAIN: "train", UNLISTED: "train"}
    # Where no list places it, it may be a test image: a warning.
    assert read_manifest(report.folder)["leaks"]["found"] == {"possibly test": 1}


def test_a_test_image_that_is_listed_as_train_is_refused_or_kept_aside(
    workspace, spec, list_scores
):
    list_scores([(TEST, 50, "validation", ""), (TRAIN, 60, "train", "")])
    scores = {"images": None, "set": "koniq-10k"}
    with pytest.raises(DataError, match=rf"^list/{TEST} is in validation and is {TEST} of the"):
        build_dataset(spec(scores=scores), workspace)
    assert not (workspace.datasets / "small").exists() or not list(
        (workspace.datasets / "small").iterdir()
    )
    report = build_dataset(spec(scores=scores, leaks={"on_leak": "drop"}), workspace)
    assert splits(report.folder) == {TRAIN: "train"}
    aside = parquet.read_table(report.folder / "quarantine_images.parquet").to_pylist()
    assert [row["name"] for row in aside] == [TEST]
    assert "leak" in aside[0]["findings"][0]


def test_a_mirrored_copy_under_another_name_is_found_by_its_picture(workspace, spec, list_scores):
    import skimage.data

    folder = workspace.root / "benchmark"
    folder.mkdir()
    (workspace.root / "pictures").mkdir()
    files = [
        f"{skimage.data.__path__[0]}/{PHOTOGRAPHS[name].file}" for name in ("astronaut", "coffee")
    ]
    for file, name in zip(files, (TEST, TRAIN), strict=True):
        picture = Image.open(file).convert("RGB")
        picture.save(folder / name, quality=95)
        copied = ImageOps.mirror(picture).resize((200, 150))
        content = io.BytesIO()
        copied.save(content, "JPEG", quality=50)
        (workspace.root / "pictures" / f"mine-{name}").write_bytes(content.getvalue())
    list_scores([(f"mine-{name}", 50, "train", "") for name in (TEST, TRAIN)])
    leaks = {"pictures": {"koniq-10k": "benchmark"}}
    with pytest.raises(DataError, match=rf"mine-{TEST} is in train and is {TEST} of .*near copy"):
        build_dataset(spec(leaks=leaks), workspace)


def test_near_copies_that_a_list_publishes_in_two_splits_are_refused_or_kept_out_of_the_earlier(
    workspace, spec, list_scores
):
    import skimage.data

    folder = workspace.root / "pictures"
    folder.mkdir()
    file = f"{skimage.data.__path__[0]}/{PHOTOGRAPHS['astronaut'].file}"
    picture = Image.open(file).convert("RGB")
    picture.save(folder / "a.jpg", quality=95)
    ImageOps.mirror(picture).resize((200, 150)).save(folder / "b.jpg", quality=50)
    list_scores([("a.jpg", 50, "train", ""), ("b.jpg", 60, "test", "")])
    said = r"^list/a\.jpg is in train and is list/b\.jpg \(test\) \(a near copy, similarity 0\.99"
    with pytest.raises(DataError, match=said):
        build_dataset(spec(), workspace)
    report = build_dataset(spec(leaks={"on_leak": "drop"}), workspace)
    assert splits(report.folder) == {"b.jpg": "test"}
    assert read_manifest(report.folder)["leaks"]["found"] == {"near copy": 1}
    aside = parquet.read_table(report.folder / "quarantine_images.parquet").to_pylist()
    assert [(row["name"], "near copy" in row["findings"][0]) for row in aside] == [("a.jpg", True)]
