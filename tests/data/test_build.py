import json
import math
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from qreasoning import __version__
from qreasoning.data.build import build_dataset
from qreasoning.data.spec import BuildSpec
from qreasoning.errors import DataError, SettingsError
from qreasoning.files import read_manifest, sha256_file
from qreasoning.images import identity_of_file
from qreasoning.workspace import Workspace

Spec = Callable[..., BuildSpec]


def _rows(folder: Path, config: str) -> dict[str, dict]:
    rows = [
        row
        for path in sorted((folder / "data" / config).glob("*.parquet"))
        for row in parquet.read_table(path).to_pylist()
    ]
    return {row["name"]: row for row in rows}


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.usefixtures("small_study")
def test_build_dataset_merges_scores_and_annotations_of_one_picture(
    workspace: Workspace, spec: Spec
) -> None:
    report = build_dataset(spec(projects=["konIQ"]), workspace)
    chains = _rows(report.folder, "chains")
    assert len(chains) == 10
    p0 = chains["p0.png"]
    # Score 0 of [0, 100] is 1 of [1, 5]; the annotators said 1 and 2: mean 1.5, sd sqrt(1/2).
    assert (p0["mos"], p0["mos_raw"], p0["mos_source"], p0["mos_set"]) == (
        1,
        0,
        "benchmark",
        "list",
    )
    assert (p0["human_mos"], p0["human_n"]) == (1.5, 2)
    assert p0["human_sd"] == pytest.approx(math.sqrt(0.5))
    assert (p0["source"], p0["reference_id"], p0["split"]) == ("list", "list/ref0", "train")
    assert sorted(chain["rating"] for chain in p0["chains"]) == [1.0, 2.0]
    assert [each["annotator"] for each in p0["chains"]] == sorted(
        each["annotator"] for each in p0["chains"]
    )
    picture = workspace.root / "pictures" / "p0.png"
    assert p0["image"] == {"bytes": picture.read_bytes(), "path": "p0.png"}
    assert p0["image_id"] == identity_of_file(picture)


@pytest.mark.usefixtures("small_study")
def test_build_dataset_picture_without_score_takes_the_annotators_mean(
    workspace: Workspace, spec: Spec
) -> None:
    report = build_dataset(spec(projects=["konIQ"]), workspace)
    extra = _rows(report.folder, "chains")["extra.png"]
    assert (extra["mos"], extra["mos_source"], extra["mos_set"]) == (5, "annotators", "konIQ")
    assert extra["human_n"] == 1 and math.isnan(extra["human_sd"])
    mos_only = _rows(report.folder, "chains")["p8.png"]
    assert (mos_only["human_mos"], mos_only["human_n"], mos_only["chains"]) == (None, 0, [])


@pytest.mark.usefixtures("small_study")
def test_build_dataset_broken_rules_are_kept_aside_with_all_reasons(
    workspace: Workspace, spec: Spec
) -> None:
    report = build_dataset(spec(projects=["konIQ"]), workspace)
    assert report.quarantined == 1
    assert report.reasons == {"caption too short": 1, "missing noise": 1}
    [row] = parquet.read_table(report.folder / "quarantine.parquet").to_pylist()
    assert row["findings"][:2] == ["missing noise", "caption too short (2 of 3 words)"]
    assert sum(report.annotations.values()) == 5
    let_in = build_dataset(
        spec(projects=["konIQ"], name="loose", rules={"min_caption_words": 2}), workspace
    )
    assert let_in.reasons == {"missing noise": 1}


@pytest.mark.usefixtures("small_study")
def test_build_dataset_counts_in_manifest_and_report_agree(
    workspace: Workspace, spec: Spec
) -> None:
    report = build_dataset(spec(projects=["konIQ"]), workspace)
    manifest = read_manifest(report.folder)
    assert manifest is not None
    counts = manifest["counts"]
    assert counts["images"] == report.images
    assert (counts["supervised"], counts["chain_only"], counts["mos_only"]) == (3, 1, 6)
    assert manifest["made_by"] == f"qreasoning {__version__}"
    assert (manifest["simulated"], manifest["version"]) == (False, "1.0.0")
    for name, sha256 in manifest["files"].items():
        assert sha256_file(report.folder / name) == sha256


@pytest.mark.usefixtures("small_study")
def test_build_dataset_outputs_hold_no_log_in(workspace: Workspace, spec: Spec) -> None:
    report = build_dataset(spec(projects=["konIQ"]), workspace)
    written = {**_files(report.folder), **_files(workspace.root / "data_cards")}
    tables = list(report.folder.rglob("*.parquet"))
    texts = [json.dumps(parquet.read_table(path).to_pylist(), default=repr) for path in tables]
    assert any('"a-' in text for text in texts)
    for content in [*(each.decode("latin-1") for each in written.values()), *texts]:
        assert "example.org" not in content
    key = workspace.root / "pseudonym.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


@pytest.mark.usefixtures("small_study")
def test_build_dataset_again_says_nothing_new_and_changes_no_byte(
    workspace: Workspace, spec: Spec
) -> None:
    first = build_dataset(spec(projects=["konIQ"]), workspace)
    before = _files(workspace.root)
    again = build_dataset(spec(projects=["konIQ"]), workspace)
    assert (first.new, again.new) == (True, False)
    assert (again.folder, again.version) == (first.folder, "1.0.0")
    assert _files(workspace.root) == before


def test_build_dataset_other_row_order_gives_the_same_bytes(
    workspace: Workspace,
    spec: Spec,
    draw: Callable[..., Path],
    annotate: Callable[..., None],
    list_scores: Callable[..., Path],
) -> None:
    names = [draw(f"p{n}.png", seed=n).name for n in range(6)]
    answers: list[Any] = [
        (n, f"{who}@example.org", 3, {}) for n in names for who in ("ann", "bob", "cy")
    ]
    scores = [(name, 50, "", "") for name in names]
    annotate(answers)
    list_scores(scores)
    columns: dict[str, Any] = {"columns": {}}
    first = build_dataset(spec(projects=["konIQ"], scores=columns), workspace)
    annotate(answers[::-1])
    list_scores(scores[::-1])
    (workspace.root / "pictures" / "p0.png").touch()
    assert build_dataset(spec(projects=["konIQ"], scores=columns), workspace).new is False
    manifest, before = first.folder / "manifest.json", _files(first.folder)
    manifest.unlink()
    second = build_dataset(spec(projects=["konIQ"], scores=columns), workspace)
    assert second.version == "1.0.1"  # the damaged folder keeps its number
    after = _files(second.folder)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"manifest.json", "README.md", "croissant.json"}  # they name the version


@pytest.mark.usefixtures("small_study")
def test_build_dataset_image_that_leaves_raises_the_major_number(
    workspace: Workspace, spec: Spec, annotate: Callable[..., None]
) -> None:
    first = build_dataset(spec(projects=["konIQ"]), workspace)
    before = _files(first.folder)
    annotate([("p0.png", "ann@example.org", 5, {})])
    second = build_dataset(spec(projects=["konIQ"]), workspace)
    assert (second.version, second.new) == ("2.0.0", True)
    assert "1 images left" in second.why
    assert _files(first.folder) == before
    assert workspace.dataset("small") == second.folder
    cards = sorted(path.name for path in (workspace.root / "data_cards").iterdir())
    assert cards == ["small-1.0.0.md", "small-2.0.0.md"]


def test_build_dataset_before_any_annotation_names_the_remedy(workspace: Workspace) -> None:
    spec = BuildSpec(name="small", projects=("konIQ",))
    with pytest.raises(DataError, match=r"no annotations yet .* qr annotate --project konIQ"):
        build_dataset(spec, workspace)
    assert not (workspace.root / "outputs").exists()


def test_build_dataset_scores_alone_give_a_dataset_without_chains(
    workspace: Workspace, spec: Spec, list_scores: Callable[..., Path]
) -> None:
    list_scores([("a.png", 0, "train", ""), ("b.png", 75, "test", "")])
    report = build_dataset(spec(scores={"images": None}), workspace)
    chains = _rows(report.folder, "chains")
    assert chains["b.png"]["image_id"] == "name:list/b.png"
    assert chains["b.png"]["image"] is None
    assert chains["b.png"]["mos"] == 4.0  # 1 + 4 · 75/100
    assert report.images == {"train": 1, "validation": 0, "test": 1}
    assert not (workspace.root / "pseudonym.key").exists()


@pytest.mark.usefixtures("small_study")
def test_build_dataset_missing_picture_is_named(workspace: Workspace, spec: Spec) -> None:
    (workspace.root / "pictures" / "p4.png").unlink()
    with pytest.raises(DataError, match=r"p4\.png is missing"):
        build_dataset(spec(projects=["konIQ"]), workspace)


@pytest.mark.usefixtures("small_study")
def test_build_dataset_picture_changed_since_its_annotation_is_named(
    workspace: Workspace, draw: Callable[..., Path]
) -> None:
    draw("p1.png", seed=1234)
    with pytest.raises(DataError, match=r"p1\.png is not the picture that was annotated"):
        build_dataset(BuildSpec(name="small", projects=("konIQ",)), workspace)


def test_build_dataset_same_picture_with_two_scores_names_both_rows(
    workspace: Workspace,
    spec: Spec,
    draw: Callable[..., Path],
    list_scores: Callable[..., Path],
) -> None:
    draw("a.png", seed=1)
    draw("b.png", seed=1)
    list_scores([("a.png", 1, "train", ""), ("b.png", 2, "test", "")])
    with pytest.raises(DataError, match=r"list/a\.png \(train\) and list/b\.png \(test\) are the"):
        build_dataset(spec(), workspace)


@pytest.mark.usefixtures("small_study")
def test_build_dataset_simulated_without_saying_so_in_its_name_is_refused(
    workspace: Workspace, spec: Spec, annotate: Callable[..., None]
) -> None:
    annotate([("p0.png", "ann@example.org", 1, {})], project="sim", simulated=True)
    with pytest.raises(SettingsError, match="name: small-simulated"):
        build_dataset(spec(projects=["sim"]), workspace)
    report = build_dataset(spec(projects=["sim"], name="small-simulated"), workspace)
    card = (report.folder / "README.md").read_text()
    assert report.simulated and "**SIMULATED.**" in card and "(simulated)" in card


@pytest.mark.usefixtures("small_study")
def test_build_dataset_project_with_other_dimensions_is_refused(
    workspace: Workspace, annotate: Callable[..., None]
) -> None:
    annotate([("p0.png", "a@example.org", 1, {})], dimensions=list("abcdefgh"))
    with pytest.raises(DataError, match="other dimensions"):
        build_dataset(BuildSpec(name="small", projects=("konIQ",)), workspace)


@pytest.mark.usefixtures("small_study")
def test_build_dataset_two_rows_of_one_annotator_and_picture_are_refused(
    workspace: Workspace, annotate: Callable[..., None]
) -> None:
    annotate([("p0.png", "a@example.org", 1, {}), ("p0.png", "a@example.org", 2, {})])
    with pytest.raises(DataError, match=r"two annotations of p0\.png by one annotator"):
        build_dataset(BuildSpec(name="small", projects=("konIQ",)), workspace)


@pytest.mark.usefixtures("small_study")
def test_build_dataset_only_broken_annotations_is_refused(
    workspace: Workspace, annotate: Callable[..., None]
) -> None:
    annotate([("p0.png", "a@example.org", 1, {"caption": ""})])
    with pytest.raises(DataError, match="Every annotation for the dataset 'small' breaks a rule"):
        build_dataset(BuildSpec(name="small", projects=("konIQ",)), workspace)
