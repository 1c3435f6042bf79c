import csv
import io
from random import Random

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from qreasoning.benchmark_sets import ListedNames
from qreasoning.data.leaks import (
    Benchmark,
    Entry,
    LeakSettings,
    copied_texts,
    find_leaks,
    read_benchmarks,
    refuse,
    text_keys,
)
from qreasoning.errors import DataError, SettingsError
from qreasoning.fingerprints import fingerprint
from qreasoning.images import identity
from qreasoning.scores import ScoreSet
from qreasoning.workspace import shipped

NAMES = shipped() / "data_cards" / "benchmarks" / "koniq-10k.csv"


def benchmark(**changes):
    names = ListedNames(frozenset({"1", "2"}), frozenset({"9"}))
    values = {"name": "koniq-10k", "title": "KonIQ-10k", "images": 2, "names": names}
    return Benchmark(**{**values, "sources": frozenset({"koniq"}), **changes})


def entry(name, split="train", source="koniq", image_id=None, picture=None):
    return Entry(
        image_id=image_id or f"name:{source}/{name}",
        name=name,
        source=source,
        split=split,
        place=f"{source}/{name}",
        fingerprint=None if picture is None else fingerprint(picture).tobytes(),
    )


def drawing(seed):
    """Discs over each other: edges like a photograph's."""
    rng = np.random.default_rng(seed)
    canvas = Image.new("RGB", (96, 96), tuple(rng.integers(0, 256, 3)))
    pen = ImageDraw.Draw(canvas)
    for _ in range(40):
        radius, (x, y) = rng.uniform(2, 30), rng.uniform(0, 96, 2)
        colour = tuple(int(each) for each in rng.integers(0, 256, 3))
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return canvas.filter(ImageFilter.GaussianBlur(1))


def png(picture):
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def found(leaks):
    return [(leak.index, leak.rule, leak.severity) for leak in leaks]


def test_find_leaks_by_name_only_within_a_declared_set():
    entries = [
        entry("1.jpg"),
        entry("sub/2.PNG", split="validation"),
        entry("3.jpg"),
        entry("1.jpg", source="mine"),
        entry("2.jpg", split="test"),
        entry("9.jpg"),
    ]
    report = find_leaks(entries, [benchmark()])
    assert found(report.leaks) == [
        (0, "name", "reject"),
        (1, "name", "reject"),
        (5, "possibly test", "warn"),
    ]
    assert report.leaks[1].text == (
        "koniq/sub/2.PNG is in validation and is sub/2.PNG of the KonIQ-10k test list "
        "(the same name)."
    )
    assert report.checks["koniq-10k"] == {
        "names": True,
        "files": False,
        "pictures": False,
        "test_images": 2,
        "possibly_test": 1,
        "pictures_at_hand": 0,
    }


def test_find_leaks_in_a_set_that_is_all_test_finds_every_image():
    report = find_leaks([entry("any.jpg")], [benchmark(names=ListedNames(None), images=866)])
    assert found(report.leaks) == [(0, "name", "reject")]
    assert report.checks["koniq-10k"]["test_images"] == 866


@pytest.fixture
def at_hand(workspace):
    """A study with pictures of KonIQ-10k: a test, a train and an unlisted one, by its names."""
    folder = workspace.root / "pictures" / "koniq"
    folder.mkdir(parents=True)
    with NAMES.open(newline="") as file:
        rows = list(csv.DictReader(file))
    chosen = {
        split: next(row["image"] for row in rows if row["split"] == split)
        for split in ("test", "train", "unlisted")
    }
    for seed, name in enumerate(chosen.values()):
        (folder / name).write_bytes(png(drawing(seed)))
    settings = LeakSettings.model_validate(
        {"benchmarks": ["koniq-10k"], "pictures": {"koniq-10k": "pictures/koniq"}}
    )
    return settings, chosen


def test_find_leaks_by_file_and_near_copy_under_other_names(workspace, at_hand):
    settings, chosen = at_hand
    benchmarks = read_benchmarks(settings, [], workspace)
    entries = [
        entry("x.png", source="mine", image_id=identity(png(drawing(0))), picture=drawing(0)),
        entry("y.png", source="mine", image_id="sha256:1", picture=ImageOps.mirror(drawing(0))),
        entry("z.png", source="mine", image_id="sha256:2", picture=drawing(1)),
        entry("u.png", source="mine", image_id="sha256:3", picture=drawing(2).resize((60, 60))),
        entry("v.png", source="mine", image_id="sha256:4", picture=drawing(77)),
        entry("w.png", source="mine", image_id="sha256:5", split="test", picture=drawing(0)),
    ]
    report = find_leaks(entries, benchmarks)
    assert found(report.leaks) == [
        (0, "file", "reject"),
        (1, "near copy", "reject"),
        (3, "near copy", "warn"),
    ]
    assert f"is {chosen['test']} of the KonIQ-10k test list (a near copy" in report.leaks[1].text
    assert "may be" in report.leaks[2].text
    checks = report.checks["koniq-10k"]
    assert (checks["names"], checks["files"], checks["pictures"]) == (False, True, True)
    assert (checks["test_images"], checks["pictures_at_hand"]) == (2010, 1)


def test_find_leaks_without_near_copies_says_that_they_did_not_run(workspace, at_hand):
    settings = at_hand[0].model_copy(update={"near_copies": False})
    [koniq] = read_benchmarks(settings, [], workspace)
    report = find_leaks([entry("y", image_id="sha256:1", picture=drawing(0))], [koniq])
    assert report.leaks == ()
    assert report.checks["koniq-10k"]["files"] and not report.checks["koniq-10k"]["pictures"]


def test_find_leaks_catches_a_validation_list_drawn_from_koniqs_test_list(workspace):
    """The list published with MR-IQA and MR-IQA-2 as validation lies inside the test list; this is
    such a list: 200 names drawn from the one in data_cards/benchmarks (its card says whence)."""
    with NAMES.open(newline="") as file:
        rows = list(csv.DictReader(file))
    test = [row["image"] for row in rows if row["split"] == "test"]
    train = [row["image"] for row in rows if row["split"] == "train"]
    drawn = Random(0).sample(test, 200)
    koniq = ScoreSet.model_validate({"name": "mine", "file": "x.csv", "set": "koniq-10k"})
    benchmarks = read_benchmarks(LeakSettings(), [koniq], workspace)
    entries = [
        *(entry(name, "validation", "mine") for name in drawn),
        *(entry(name, "train", "mine") for name in train),
    ]
    report = find_leaks(entries, benchmarks)
    assert found(report.leaks) == [(index, "name", "reject") for index in range(200)]
    with pytest.raises(
        DataError, match=rf"^mine/{drawn[0]} is in validation .* There are 199 more"
    ):
        refuse(report.leaks, LeakSettings())
    refuse(report.leaks, LeakSettings(on_leak="drop"))


def test_refuse_lets_warnings_pass():
    report = find_leaks([entry("9.jpg")], [benchmark()])
    assert [leak.severity for leak in report.leaks] == ["warn"]
    refuse(report.leaks, LeakSettings())


def test_read_benchmarks_of_an_unknown_set_or_a_missing_folder_says_so(workspace):
    with pytest.raises(SettingsError, match="no public score set"):
        read_benchmarks(LeakSettings(benchmarks=("flive",)), [], workspace)
    mistyped = LeakSettings.model_validate({"sources": {"konIQ": "koniq"}})
    with pytest.raises(SettingsError, match=r"no public score set 'benchmarks/koniq'"):
        read_benchmarks(mistyped, [], workspace)
    away = LeakSettings.model_validate({"pictures": {"spaq": "nowhere"}})
    with pytest.raises(DataError, match=r"nowhere is missing"):
        read_benchmarks(away, [], workspace)


def test_read_benchmarks_knows_sources_by_set_and_by_setting(workspace):
    settings = LeakSettings.model_validate({"sources": {"konIQ": "koniq-10k"}})
    listed = ScoreSet.model_validate({"name": "list", "file": "x", "set": "koniq-10k"})
    benchmarks = {each.name: each for each in read_benchmarks(settings, [listed], workspace)}
    assert len(benchmarks) == 7
    assert benchmarks["koniq-10k"].sources == {"konIQ", "list"}
    assert benchmarks["spaq"].sources == frozenset()


TEXT = "the sky is noisy and the tree is soft"


def test_text_keys_ignore_case_and_white_space_and_short_or_missing_texts():
    texts = pa.array([TEXT, f"  {TEXT.upper()}\n", TEXT.replace(" ", "  "), "too short", None, ""])
    keys = text_keys(texts)
    assert keys.dtype == np.uint64
    assert keys[0] == keys[1] == keys[2] != 0
    assert list(keys[3:]) == [0, 0, 0]
    assert list(text_keys(pa.chunked_array([texts, texts]))) == [*keys, *keys]
    # Fixed: a key is compared between builds.
    assert list(text_keys(pa.array([TEXT]))) == list(keys[:1])


def test_copied_texts_are_those_in_a_later_split_and_name_both_rows():
    keys = np.array([5, 7, 5, 0, 0, 5, 7], np.uint64)
    splits = np.array([2, 0, 0, 0, 1, 0, 0], np.int8)
    leaks = copied_texts(keys, splits, lambda index: f"row {index}")
    assert [(leak.index, leak.rule) for leak in leaks] == [(0, "copied text")]
    assert leaks[0].text == "The text of row 0 (test) is also that of row 2 (train)."
    assert copied_texts(keys[:0], splits[:0], str) == []
