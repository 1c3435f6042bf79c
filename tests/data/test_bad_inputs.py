"""What a broken input comes to: one clear error that names it, or a row that is kept aside with the
reason; and the last version stays whole."""

import io
import re
import stat
import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from qreasoning.annotation.findings import write_findings
from qreasoning.checks.findings import Finding
from qreasoning.data.build import build_dataset
from qreasoning.data.claims import pulled_claims
from qreasoning.data.projects import read_project
from qreasoning.data.spec import BuildSpec
from qreasoning.errors import DataError
from qreasoning.files import read_manifest, sha256_file, write_manifest
from qreasoning.workspace import Workspace

Spec = Callable[..., BuildSpec]
TEST = "10007357496.jpg"
"""A picture of the test list of KonIQ-10k."""
EIGHT = (
    "brightness contrast colorfulness sharpness noise artifacts composition content".split()  # noqa: SIM905
)


def _saved(picture: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return buffer.getvalue()


def _bomb() -> bytes:
    """The beginning of a PNG that says it has 20,000 x 15,000 pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 20_000, 15_000, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"\0" * 99)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.fixture
def kept(small_study: None, workspace: Workspace, spec: Spec) -> Iterator[None]:
    """Checks that the version made before the test is whole after it, and the only one."""
    folder = build_dataset(spec(projects=["konIQ"]), workspace).folder
    yield
    manifest = read_manifest(folder)
    assert manifest is not None
    assert all(sha256_file(folder / name) == each for name, each in manifest["files"].items())
    assert sorted(each.name for each in folder.parent.iterdir()) == ["1.0.0"]
    assert list((workspace.root / "outputs" / ".building").iterdir()) == []


UNUSABLE = pytest.mark.parametrize(
    ("content", "message"),
    [
        (_saved(Image.new("RGB", (40, 30)), "JPEG")[:400], r"png is damaged"),
        (_saved(Image.new("RGB", (1, 1)), "PNG"), r"png has 1 x 1 pixels"),
        (_bomb(), r"png .*(20000|20,000|too large)"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", r"png is not a picture"),
        (b"", r"png is not a picture"),
    ],
    ids=["truncated", "1x1", "bomb", "svg", "empty"],
)


@UNUSABLE
@pytest.mark.usefixtures("small_study")
def test_scored_pictures_that_cannot_be_used_are_kept_aside_with_the_reason(
    content: bytes, message: str, workspace: Workspace, spec: Spec
) -> None:
    for name in ("p4.png", "p5.png"):  # the same bytes twice are not the same picture twice
        (workspace.root / "pictures" / name).write_bytes(content)
    report = build_dataset(spec(projects=["konIQ"]), workspace)
    aside = parquet.read_table(report.folder / "quarantine_images.parquet").to_pylist()
    assert [row["name"] for row in aside] == ["p4.png", "p5.png"]
    assert all(re.search(message, row["findings"][0]) for row in aside)
    assert str(workspace.root) not in str(aside)
    assert report.image_reasons == {"picture cannot be used": 2}
    assert report.quarantined_images == 2
    assert report.findings >= 2
    assert sum(report.images.values()) == 10 - 2
    assert "| picture cannot be used | 2 |" in (report.folder / "README.md").read_text()


@UNUSABLE
@pytest.mark.usefixtures("small_study")
def test_answers_to_a_picture_that_cannot_be_used_are_kept_aside_with_the_reason(
    content: bytes, message: str, workspace: Workspace, spec: Spec
) -> None:
    before = build_dataset(spec(projects=["konIQ"]), workspace)
    (workspace.root / "pictures" / "extra.png").write_bytes(content)
    report = build_dataset(spec(projects=["konIQ"]), workspace)
    aside = parquet.read_table(report.folder / "quarantine.parquet").to_pylist()
    found = [row for row in aside if any(re.search(message, each) for each in row["findings"])]
    assert [row["name"] for row in found] == ["extra.png", "extra.png"]
    assert report.reasons["picture cannot be used"] == 2
    assert report.version == "2.0.0"
    assert sum(report.images.values()) == sum(before.images.values()) - 1


@pytest.mark.usefixtures("kept")
def test_picture_of_a_benchmark_that_cannot_be_used_is_named(
    workspace: Workspace, spec: Spec
) -> None:
    (workspace.root / "benchmark").mkdir()
    (workspace.root / "benchmark" / TEST).write_bytes(b"<svg/>")
    leaks = {"pictures": {"koniq-10k": "benchmark"}}
    with pytest.raises(DataError, match=rf"benchmark/{TEST} is not a picture"):
        build_dataset(spec(projects=["konIQ"], leaks=leaks), workspace)


@pytest.mark.usefixtures("small_study")
def test_pictures_of_other_colour_spaces_and_depths_go_in_as_they_are(
    workspace: Workspace, spec: Spec
) -> None:
    grey = np.random.default_rng(0).integers(0, 65535, (30, 40)).astype(np.uint16)
    cmyk = Image.fromarray(np.random.default_rng(1).integers(0, 255, (30, 40, 4), np.uint8), "CMYK")
    contents = {"p4.png": _saved(Image.fromarray(grey), "PNG"), "p5.png": _saved(cmyk, "JPEG")}
    for name, content in contents.items():
        (workspace.root / "pictures" / name).write_bytes(content)
    folder = build_dataset(spec(projects=["konIQ"]), workspace).folder
    rows = [
        row
        for path in folder.glob("data/chains/*.parquet")
        for row in parquet.read_table(path, columns=["name", "image"]).to_pylist()
    ]
    assert {row["name"]: row["image"]["bytes"] for row in rows}.items() >= contents.items()


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,mos\np0.png,1\n", "has no column 'split'"),
        ("image,mos,split,reference\np0.png,nan,,\n", "no finite number"),
        ("image,mos,split,reference\np0.png,inf,,\n", "no finite number"),
        ("image,mos,split,reference\np0.png,101,,\n", "outside"),
        ("image,mos,split,reference\np0.png,1,,\np0.png,2,,\n", "listed twice"),
    ],
    ids=["column", "nan", "inf", "range", "duplicate"],
)
def test_score_list_with_a_fault_is_named(
    text: str, message: str, workspace: Workspace, spec: Spec
) -> None:
    (workspace.root / "scores.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        build_dataset(spec(projects=["konIQ"]), workspace)


@pytest.mark.usefixtures("kept")
def test_table_that_is_cut_off_names_the_remedy(workspace: Workspace, spec: Spec) -> None:
    table = workspace.annotations / "konIQ" / "table.parquet"
    table.write_bytes(table.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"damaged .* qr annotate rebuild --project konIQ"):
        build_dataset(spec(projects=["konIQ"]), workspace)


@pytest.mark.usefixtures("kept")
def test_log_whose_last_line_is_torn_changes_nothing(workspace: Workspace, spec: Spec) -> None:
    log = workspace.annotations / "konIQ" / "log.jsonl"
    log.write_text('{"place": "x", "id": 1, "annot')
    assert build_dataset(spec(projects=["konIQ"]), workspace).new is False
    assert log.read_text().endswith("annot")


@pytest.mark.usefixtures("small_study")
def test_claims_are_taken_over_from_the_pull_that_saw_the_same_rows(
    workspace: Workspace, spec: Spec, annotate: Callable[..., None]
) -> None:
    claim = {"noise": 5, "caption": "A noisy picture of nothing."}
    annotate([("p0.png", "ann@example.org", 3, claim), ("p1.png", "bob@example.org", 3, claim)])
    folder = workspace.annotations / "konIQ"
    settings = spec(projects=["konIQ"])
    looked = build_dataset(settings, workspace)
    assert looked.warnings["text contradicts noise"] == 2
    rows = parquet.read_table(folder / "table.parquet").to_pylist()
    # As if the pull had found it with one of them only: that is what is taken over.
    found = Finding(
        "p0.png", rows[0]["image_id"], "ann@example.org", "text contradicts noise", "x", "warn"
    )
    write_findings([found], folder)
    assert stat.S_IMODE((folder / "findings.parquet").stat().st_mode) == 0o600
    project = read_project("konIQ", EIGHT, settings, workspace)
    taken = pulled_claims(project)
    assert taken is not None and taken.num_rows == 1
    fresh = build_dataset(settings.model_copy(update={"name": "other"}), workspace)
    assert fresh.warnings["text contradicts noise"] == 1
    # Rows that the pull has not seen: everything is looked at again.
    table = pa.Table.from_pylist(rows[::-1], schema=parquet.read_schema(folder / "table.parquet"))
    parquet.write_table(table, folder / "table.parquet")
    write_manifest(folder, {"project": "konIQ", "images": "pictures"})
    assert pulled_claims(read_project("konIQ", EIGHT, settings, workspace)) is None
