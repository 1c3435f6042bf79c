"""What a built version keeps, leaves out and changes, from one build to the next."""

import json
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from qreasoning.data.build import build_dataset
from qreasoning.data.diff import diff_versions
from qreasoning.data.place import building
from qreasoning.data.rules import DatasetRules
from qreasoning.data.spec import BuildSpec
from qreasoning.errors import DataError
from qreasoning.files import read_manifest
from qreasoning.records import annotations_schema
from qreasoning.workspace import Workspace

Spec = Callable[..., BuildSpec]
Answer = tuple[str, str, int, dict[str, Any]]

EIGHT = (
    "brightness contrast colorfulness sharpness noise artifacts composition content".split()  # noqa: SIM905
)
WORDS = "quiet amber river stone lantern meadow copper violin harbour maple".split()  # noqa: SIM905


def _text(number: int) -> str:
    """A sentence that shares few word pairs with that of another number."""
    draw = np.random.default_rng(number)
    return " ".join(f"{WORDS[each]}{number}" for each in draw.permutation(len(WORDS)))


def _answer(name: str, who: str, overall: int = 3, **changes: Any) -> Answer:
    number = crc32(f"{name} {who}".encode())
    texts = {"caption": f"Seen: {_text(number)}", "reasoning": f"So: {_text(number + 1)}"}
    return name, f"{who}@example.org", overall, {"sharpness": 4, **texts, **changes}


def _rows(folder: Path, table: str = "chains") -> list[dict[str, Any]]:
    return [
        row
        for path in sorted((folder / "data" / table).glob("*.parquet"))
        for row in parquet.read_table(path).to_pylist()
    ]


def _splits(folder: Path) -> dict[str, str]:
    return {row["name"]: row["split"] for row in _rows(folder)}


@pytest.fixture
def texts_only() -> BuildSpec:
    """Scores and texts of a list and a project without pictures."""
    return BuildSpec.model_validate(
        {
            "name": "small",
            "projects": ["konIQ"],
            "pictures": "none",
            "score_sets": [{"name": "list", "file": "scores.csv", "range": [0, 100]}],
        }
    )


@pytest.fixture
def study(
    workspace: Workspace, list_scores: Callable[..., Path], annotate: Callable[..., None]
) -> Callable[..., None]:
    """Writes a score list of `count` pictures without files, and answers about them."""

    def write(count: int, answers: list[Answer]) -> None:
        list_scores([(f"p{n}.png", 10 * n % 100, "", "") for n in range(count)])
        annotate(
            [(name, who, stars, {**more, **_named(name)}) for name, who, stars, more in answers]
        )

    return write


def _named(name: str) -> dict[str, str]:
    return {"image_id": f"name:list/{name}"}


def test_versions_explain_themselves_by_what_changed(
    workspace: Workspace, texts_only: BuildSpec, study: Callable[..., None]
) -> None:
    answers = [_answer(f"p{n}.png", who) for n in range(4) for who in ("ann", "bob")]
    study(8, answers)
    first = build_dataset(texts_only, workspace)
    assert (first.version, first.why) == ("1.0.0", ("the first version",))
    study(8, [*answers, _answer("p5.png", "ann")])
    second = build_dataset(texts_only, workspace)
    assert (second.version, second.why) == (
        "1.1.0",
        ("1 annotations are new", "1 images have other scores or chains"),
    )
    study(8, [*answers[:-1], _answer("p3.png", "bob", 5), _answer("p5.png", "ann")])
    third = build_dataset(texts_only, workspace)
    assert third.version == "1.1.1"
    assert "1 annotations have other values" in third.why
    study(8, [*answers[:-1], _answer("p3.png", "bob", 5, noise=None), _answer("p5.png", "ann")])
    fourth = build_dataset(texts_only, workspace)
    assert fourth.version == "1.1.2"
    assert "1 annotations are newly kept aside" in fourth.why
    again = build_dataset(texts_only, workspace)
    assert (again.version, again.new) == ("1.1.2", False)
    settings = texts_only.model_copy(
        update={"splits": texts_only.splits.model_copy(update={"seed": 1})}
    )
    moved = build_dataset(settings, workspace)
    assert moved.version == "2.0.0"
    assert any("another split" in each for each in moved.why)
    manifest = read_manifest(moved.folder)
    assert manifest is not None
    assert manifest["diff"]["previous"] == "1.1.2" and manifest["diff"]["level"] == "major"


def test_diff_names_rows_and_columns(
    workspace: Workspace, texts_only: BuildSpec, study: Callable[..., None]
) -> None:
    answers = [_answer("p0.png", "ann"), _answer("p1.png", "ann"), _answer("p2.png", "ann")]
    study(4, answers)
    build_dataset(texts_only, workspace)
    study(4, [_answer("p0.png", "ann", 5), answers[1], _answer("p3.png", "ann")])
    build_dataset(texts_only, workspace)
    dataset = workspace.datasets / "small"
    chains, annotations, quarantine = diff_versions(dataset, "1.0.0", "1.1.0")
    assert (annotations.added, annotations.removed, annotations.changed) == (1, 1, 1)
    assert annotations.columns == {"overall": 1}
    assert [each[:8] for each in annotations.examples] == ["+ p3.png", "- p2.png", "~ p0.png"]
    assert (chains.added, chains.removed, chains.changed) == (0, 0, 3)
    assert chains.columns["human_mos"] == 3
    assert (quarantine.added, quarantine.changed) == (0, 0)
    with pytest.raises(DataError, match=r"no version 9\.0\.0 .* There are: 1\.0\.0, 1\.1\.0"):
        diff_versions(dataset, "1.0.0", "9.0.0")


def test_version_whose_index_is_lost_is_compared_all_the_same(
    workspace: Workspace, texts_only: BuildSpec, study: Callable[..., None]
) -> None:
    answers = [_answer(f"p{n}.png", who) for n in range(4) for who in ("ann", "bob")]
    study(8, [*answers, _answer("p6.png", "cy", noise=None)])
    build_dataset(texts_only, workspace)
    shutil.rmtree(workspace.root / "outputs" / "cache" / "datasets")
    assert build_dataset(texts_only, workspace).new is False
    shutil.rmtree(workspace.root / "outputs" / "cache" / "datasets")
    study(8, [*answers, _answer("p6.png", "cy", noise=None), _answer("p7.png", "cy")])
    assert build_dataset(texts_only, workspace).why == (
        "1 annotations are new",
        "1 images have other scores or chains",
    )


def test_another_machine_with_the_same_inputs_makes_the_same_bytes(
    tmp_path: Path, workspace: Workspace, texts_only: BuildSpec, study: Callable[..., None]
) -> None:
    answers = [_answer(f"p{n}.png", who) for n in range(6) for who in ("ann", "bob", "cy")]
    study(8, answers)
    first = build_dataset(texts_only, workspace).folder
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(
        workspace.root, elsewhere, ignore=shutil.ignore_patterns("elsewhere", "datasets")
    )
    table = elsewhere / "outputs/annotations/konIQ/table.parquet"
    rows = parquet.read_table(table)
    parquet.write_table(rows.take(pa.array(range(rows.num_rows - 1, -1, -1))), table)
    second = build_dataset(texts_only, Workspace(elsewhere)).folder
    names = sorted(each.relative_to(first) for each in first.rglob("*") if each.is_file())
    assert len(names) > 8
    assert [(first / each).read_bytes() for each in names] == [
        (second / each).read_bytes() for each in names
    ]


def test_adding_pictures_moves_none_that_was_there(
    workspace: Workspace, texts_only: BuildSpec, study: Callable[..., None]
) -> None:
    study(30, [_answer("p0.png", "ann")])
    before = _splits(build_dataset(texts_only, workspace).folder)
    study(60, [_answer("p0.png", "ann"), _answer("p1.png", "ann")])
    report = build_dataset(texts_only, workspace)
    after = _splits(report.folder)
    assert report.version == "1.1.0"
    assert {name: after[name] for name in before} == before and len(after) == 60


def test_near_copy_of_a_picture_joins_its_split(
    workspace: Workspace, spec: Spec, list_scores: Callable[..., Path]
) -> None:
    from skimage import data

    folder = workspace.root / "pictures"
    folder.mkdir()
    photographs = {"cat": data.chelsea(), "cup": data.coffee(), "man": data.astronaut()}
    for name, pixels in photographs.items():
        Image.fromarray(pixels).save(folder / f"{name}.png")
    list_scores([("cat.png", 1, "test", ""), ("cup.png", 2, "train", ""), ("man.png", 3, "", "")])
    all_train = {"train": 1, "validation": 0, "test": 0}
    settings = spec(splits=all_train)
    assert set(_splits(build_dataset(settings, workspace).folder).values()) == {"test", "train"}
    Image.fromarray(photographs["cat"]).save(folder / "cat-small.jpg", quality=60)
    list_scores(
        [
            *[("cat.png", 1, "test", ""), ("cup.png", 2, "train", ""), ("man.png", 3, "", "")],
            ("cat-small.jpg", 4, "", ""),
        ]
    )
    report = build_dataset(settings, workspace)
    assert _splits(report.folder)["cat-small.jpg"] == "test"
    assert (report.version, report.quarantined_images) == ("1.1.0", 0)


def test_newcomer_that_ties_two_splits_together_is_kept_aside_and_moves_nothing(
    workspace: Workspace,
    spec: Spec,
    list_scores: Callable[..., Path],
    annotate: Callable[..., None],
) -> None:
    from skimage import data

    folder = workspace.root / "pictures"
    folder.mkdir()
    Image.fromarray(data.chelsea()).save(folder / "cat.png")
    Image.fromarray(data.coffee()).save(folder / "cup.png")
    annotate([_answer("cat.png", "ann"), _answer("cup.png", "ann")])
    list_scores([("cat.png", 1, "test", ""), ("cup.png", 2, "train", "a cup")])
    before = build_dataset(spec(projects=["konIQ"]), workspace)
    # From now on nothing but the version before says where these two are.
    rows = [("cat.png", 1, "", ""), ("cup.png", 2, "", "a cup")]
    # A near copy of the one, and by its reference a picture of the other.
    Image.fromarray(data.chelsea()).save(folder / "both.jpg", quality=60)
    Image.fromarray(data.astronaut()).save(folder / "man.png")
    list_scores([*rows, ("both.jpg", 3, "", "a cup"), ("man.png", 4, "", "")])
    annotate([_answer(each, "ann") for each in ("cat.png", "cup.png", "both.jpg", "man.png")])
    report = build_dataset(spec(projects=["konIQ"]), workspace)
    after = _splits(report.folder)
    assert after.keys() == {"cat.png", "cup.png", "man.png"}
    assert {name: after[name] for name in ("cat.png", "cup.png")} == _splits(before.folder)
    assert (report.version, report.quarantined_images, report.quarantined) == ("1.1.0", 1, 1)
    (aside,) = parquet.read_table(report.folder / "quarantine_images.parquet").to_pylist()
    why = "near copy across splits (of list/a cup in train and list/cat.png in test)"
    assert (aside["name"], aside["findings"]) == ("both.jpg", [why])
    assert report.why == (
        "1 images are new",
        "1 annotations are new",
        "1 annotations are newly kept aside",
    )


def test_states_labels_and_prelabelled_answers_are_kept_aside_by_name(
    workspace: Workspace, texts_only: BuildSpec, study: Callable[..., None]
) -> None:
    study(
        4,
        [
            _answer("p0.png", "ann"),
            _answer("p0.png", "bob", labels=["excluded"]),
            _answer("p0.png", "cy", prelabelled=True),
            _answer("p1.png", "ann", labels=["gold"]),
        ],
    )
    folder = workspace.annotations / "konIQ"
    rows = parquet.read_table(folder / "table.parquet").to_pylist()
    history = [
        {**rows[0], "annotator": "dora@example.org", "updated": when, "reason": reason}
        for reason, when in (("draft", "t1"), ("skipped", "t2"), ("edited later", "t3"))
    ]
    # Ann's draft became an answer; it is not missed.
    history.append({**rows[0], "reason": "draft"})
    schema = annotations_schema(EIGHT)
    schema = schema.append(pa.field("reason", pa.string()))
    parquet.write_table(pa.Table.from_pylist(history, schema=schema), folder / "history.parquet")
    report = build_dataset(texts_only, workspace)
    assert report.reasons == {"annotator excluded": 1, "prelabelled": 1, "skipped": 1}
    assert sum(report.annotations.values()) == 2
    rules = DatasetRules(severity={"prelabelled": "warn", "state": "off"})
    let_in = texts_only.model_copy(update={"rules": rules})
    report = build_dataset(let_in, workspace)
    assert report.reasons == {"annotator excluded": 1}
    assert report.warnings == {"prelabelled": 1}


def test_scores_have_interval_deviation_and_dimensions(
    workspace: Workspace, texts_only: BuildSpec, study: Callable[..., None]
) -> None:
    study(2, [_answer("p0.png", who, stars) for who, stars in (("a", 2), ("b", 3), ("c", 4))])
    row = next(
        each for each in _rows(build_dataset(texts_only, workspace).folder) if each["chains"]
    )
    # t quantile of 2 degrees of freedom at 0.975: 4.302653; times 1 / sqrt(3).
    assert (row["human_mos"], row["human_sd"], row["mos"]) == (3.0, 1.0, 1.0)
    assert row["human_high"] - 3 == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    assert row["human_low"] + row["human_high"] == pytest.approx(6.0)
    sharpness = next(each for each in row["dimensions"] if each["dimension"] == "sharpness")
    assert (sharpness["mos"], sharpness["n"], sharpness["sd"]) == (4.0, 3, 0.0)
    assert len(row["dimensions"]) == 8


def test_human_scores_without_bias_agree_with_the_plain_model(
    workspace: Workspace, texts_only: BuildSpec, study: Callable[..., None]
) -> None:
    from qreasoning.metrics.observers import p910

    # Three people who rate all of six pictures, the third a star higher than the others.
    stars = {(n, who): 1 + n % 3 + (who == "cy") for n in range(6) for who in ("ann", "bob", "cy")}
    study(6, [_answer(f"p{n}.png", who, value) for (n, who), value in stars.items()])
    settings = texts_only.model_copy(update={"human_scores": "bias_removed"})
    report = build_dataset(settings, workspace)
    rows = {row["name"]: row for row in _rows(report.folder)}
    # The biases are -1/3, -1/3 and 2/3, so the means stay: 1 1 2 has the mean 4/3.
    assert rows["p0.png"]["human_mos"] == pytest.approx(4 / 3)
    assert rows["p0.png"]["human_sd"] == pytest.approx(math.sqrt(1 / 3))
    table = np.array([[stars[n, who] for who in ("ann", "bob", "cy")] for n in range(6)], float)
    fit = p910(table)
    settings = texts_only.model_copy(update={"human_scores": "p910"})
    rows = {row["name"]: row for row in _rows(build_dataset(settings, workspace).folder)}
    assert [rows[f"p{n}.png"]["human_mos"] for n in range(6)] == pytest.approx(fit.score.tolist())
    manifest = read_manifest(workspace.dataset("small"))
    assert manifest is not None and manifest["human_scores"]["method"] == "p910"
    assert "ratings per unit" in manifest["human_scores"]["why"]["overall"]


def test_human_scores_by_p910_where_it_holds_are_its_scores(
    workspace: Workspace, texts_only: BuildSpec, study: Callable[..., None]
) -> None:
    from qreasoning.metrics.observers import p910

    draw = np.random.default_rng(3)
    people = [f"person{n}" for n in range(10)]
    true = draw.uniform(1.5, 4.5, 40)
    spread = np.linspace(0.6, 1.0, 10)
    stars = np.clip(np.rint(true[:, None] + draw.normal(0, spread, (40, 10))), 1, 5)
    study(
        40,
        [
            _answer(f"p{n}.png", who, int(stars[n, place]))
            for n in range(40)
            for place, who in enumerate(people)
        ],
    )
    settings = texts_only.model_copy(update={"human_scores": "p910"})
    rows = {row["name"]: row for row in _rows(build_dataset(settings, workspace).folder)}
    fit = p910(stars)
    assert fit.model == "subject"
    mine = [rows[f"p{n}.png"]["human_mos"] for n in range(40)]
    assert mine == pytest.approx(fit.score.tolist(), abs=1e-6)
    assert rows["p0.png"]["human_high"] - mine[0] == pytest.approx(1.96 * fit.error[0], rel=1e-3)


def test_near_copies_of_own_texts_are_warned_of_or_kept_aside(
    workspace: Workspace, texts_only: BuildSpec, study: Callable[..., None]
) -> None:
    text = _text(1)
    copied = text.replace(f"{WORDS[0]}1", "changed")
    answers = [
        _answer("p0.png", "ann", reasoning=text, created="2026-01-01T00:00:00Z"),
        _answer("p1.png", "ann", reasoning=copied, created="2026-01-02T00:00:00Z"),
        _answer("p2.png", "bob", reasoning=copied.upper(), created="2026-01-03T00:00:00Z"),
    ]
    study(3, answers)
    train = texts_only.splits.model_copy(update={"train": 1.0, "validation": 0.0, "test": 0.0})
    settings = texts_only.model_copy(update={"splits": train})
    assert build_dataset(settings, workspace).warnings == {"reasoning copied": 1}
    strict = DatasetRules(severity={"copy": "reject"})
    report = build_dataset(settings.model_copy(update={"rules": strict}), workspace)
    assert report.reasons == {"reasoning copied": 1}
    [row] = parquet.read_table(report.folder / "quarantine.parquet").to_pylist()
    # Nine pairs, of which one or two hold the word.
    assert row["name"] == "p1.png" and row["findings"][0].startswith(
        "reasoning copied (like an own reasoning, "
    )


def test_text_in_two_splits_is_refused_or_dropped_from_the_later(
    workspace: Workspace,
    texts_only: BuildSpec,
    list_scores: Callable[..., Path],
    annotate: Callable[..., None],
) -> None:
    list_scores([("p0.png", 1, "train", ""), ("p1.png", 1, "test", "")])
    text = _text(1)
    annotate(
        [
            (name, f"{who}@example.org", 3, {"sharpness": 4, "reasoning": text, **_named(name)})
            for name, who in (("p0.png", "ann"), ("p1.png", "bob"))
        ]
    )
    scores = texts_only.score_sets[0].model_copy(
        update={"columns": texts_only.score_sets[0].columns.model_copy(update={"split": "split"})}
    )
    settings = texts_only.model_copy(update={"score_sets": (scores,)})
    with pytest.raises(DataError, match=r"konIQ/p1\.png \(test\) is also that of konIQ/p0\.png"):
        build_dataset(settings, workspace)
    assert not workspace.datasets.exists()
    leaks = settings.leaks.model_copy(update={"on_leak": "drop"})
    report = build_dataset(settings.model_copy(update={"leaks": leaks}), workspace)
    assert (report.leaks, report.reasons) == (1, {"copied text": 1})
    assert sum(report.annotations.values()) == 1


def test_second_build_at_the_same_time_is_told_to_wait(
    workspace: Workspace, texts_only: BuildSpec, study: Callable[..., None]
) -> None:
    study(2, [_answer("p0.png", "ann")])
    with building(workspace), pytest.raises(DataError, match=r"at work .* Wait"):
        build_dataset(texts_only, workspace)
    assert build_dataset(texts_only, workspace).version == "1.0.0"


SECRETS = ("ann.smith@example.org", "Zebulon Quackenbush", "token-5f2c9a", "someone@mail.example")


def test_nothing_that_was_private_is_in_a_version_its_card_or_its_reports(
    workspace: Workspace, texts_only: BuildSpec, study: Callable[..., None]
) -> None:
    said: list[str] = []
    name, _, stars, more = _answer("p0.png", "x")
    note = {"noise_note": f"ask {SECRETS[3]} about it"}
    answers = [
        (name, SECRETS[0], stars, {**more, **note}),
        ("p1.png", SECRETS[1], 3, _answer("p1.png", "y")[3]),
        ("p2.png", SECRETS[2], 3, {"caption": f"mail {SECRETS[3]}", "noise": None}),
        ("p3.png", SECRETS[2], 3, _answer("p3.png", "z")[3]),
    ]
    study(4, answers)
    report = build_dataset(texts_only, workspace, said.append)
    assert report.warnings["e-mail address masked"] == 1
    version, card = report.folder, workspace.root / "data_cards"
    texts = [each.read_bytes().decode("latin-1") for each in _files(version, card)]
    tables = [parquet.read_table(each).to_pylist() for each in version.rglob("*.parquet")]
    index = [
        each.read_bytes().decode("latin-1") for each in _files(workspace.root / "outputs" / "cache")
    ]
    everything = [*texts, *index, *said, json.dumps(tables, default=repr), repr(report)]
    assert any("[e-mail]" in each for each in everything)
    for secret in SECRETS:
        assert not [each for each in everything if secret in each]


def _files(*folders: Path) -> list[Path]:
    found = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert found
    return found


def test_work_of_a_build_that_died_is_cleared_away(
    workspace: Workspace, texts_only: BuildSpec, study: Callable[..., None]
) -> None:
    study(2, [_answer("p0.png", "ann")])
    left = workspace.root / "outputs" / ".building" / "half"
    left.mkdir(parents=True)
    (left / "rows-0.arrow").write_bytes(os.urandom(100))
    build_dataset(texts_only, workspace)
    assert list(left.parent.iterdir()) == []
