import json
import math
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from qreasoning.analysis.report import align_report
from qreasoning.errors import DataError
from qreasoning.workspace import Workspace

Row = dict[str, Any]
Make = Callable[..., Any]

NASTY = (
    "</script><img src=x onerror=alert(1)> $5 and $6 \x00 \u202e <b>bold</b> &amp; 清晰 🙂\n"
    + "x" * 100_000
)


class _Page(HTMLParser):
    """Tags with their attributes, and the text, as a browser would see them."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def _read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_align_report_writes_page_metrics_and_values_per_picture(
    workspace: Workspace, small_report: Make
) -> None:
    report = align_report(workspace, dataset=small_report(), name="first")
    assert report.folder == workspace.reports / "first"
    assert report.models == ("after", "before")
    assert sorted(_read(report.folder)) == ["index.html", "metrics.json", "per_image.parquet"]
    metrics = json.loads((report.folder / "metrics.json").read_text())
    assert metrics["records"] == [*report.records]
    # The ratings follow the MOS exactly, one of 15 could not be read.
    assert report.value("after", "srcc") == pytest.approx(1.0)
    assert report.value("after", "format_rate") == pytest.approx(14 / 15)
    meta = metrics["meta"]
    assert (meta["dataset"], meta["version"], meta["simulated"]) == ("small", "1.0.0", False)
    assert [len(part["sha256"]) for part in meta["predictions"]] == [64, 64]
    rows = parquet.read_table(report.folder / "per_image.parquet").to_pylist()
    assert len(rows) == 2 * 2 * 15
    mean = sum(row["fmeasure"] for row in rows if row["fmeasure"] is not None) / 30
    assert mean == pytest.approx(report.value("after", "rouge1"))


def test_align_report_made_again_has_the_same_bytes_and_leaves_nothing_else(
    workspace: Workspace, small_report: Make
) -> None:
    dataset = small_report()
    folder = align_report(workspace, dataset=dataset, name="first").folder
    before = _read(folder)
    (folder / "left-over.txt").write_text("old")
    align_report(workspace, dataset=dataset, name="first")
    assert _read(folder) == before
    assert [path.name for path in workspace.reports.iterdir()] == ["first"]


def test_align_report_hostile_texts_are_shown_and_not_run(
    workspace: Workspace, small_report: Make
) -> None:
    report = align_report(workspace, dataset=small_report(NASTY), name="nasty")
    source = (report.folder / "index.html").read_text(encoding="utf-8")
    page = _Page(source)
    assert len(source) < 3_000_000
    assert "script" not in {tag for tag, _ in page.tags}
    sources = [attributes["src"] or "" for tag, attributes in page.tags if tag == "img"]
    assert sources and all(each.startswith("data:image/") for each in sources)
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert (
        "</script><img src=x onerror=alert(1)> $5 and $6 ⟨U+0000⟩ ⟨U+202E⟩ <b>bold</b>" in page.text
    )
    assert "more characters)" in page.text and "清晰 🙂" in page.text
    assert "\x00" not in source and "\u202e" not in source
    policies = [
        a["content"] for t, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policies and policies[0] and policies[0].startswith("default-src 'none'")
    assert all(attributes.get("alt") for tag, attributes in page.tags if tag == "img")


@pytest.mark.parametrize("simulated", [True, False])
def test_align_report_says_simulated_if_the_dataset_does(
    workspace: Workspace, small_report: Make, simulated: bool
) -> None:
    report = align_report(workspace, dataset=small_report(simulated=simulated), name="r")
    page = (report.folder / "index.html").read_text()
    assert report.simulated is simulated
    assert ("SIMULATED." in page) is simulated
    assert ("simulated people" in page) is simulated


def test_align_report_summary_names_the_best_model(
    workspace: Workspace,
    picture: Make,
    prediction: Make,
    write_dataset: Make,
    write_predictions: Make,
) -> None:
    rows = [picture(n, 1.0 + n, ("a dark cat", "bad light")) for n in range(4)]
    write_predictions(
        "near", [prediction(row, 3.0 - n / 2, ("a dark cat", "bad")) for n, row in enumerate(rows)]
    )
    write_predictions(
        "far", [prediction(row, 1.0 + n, ("some dog", "fine")) for n, row in enumerate(rows)]
    )
    report = align_report(
        workspace, dataset=write_dataset(rows), name="r", predictions=["near", "far"]
    )
    assert report.models == ("near", "far")
    text = _Page((report.folder / "index.html").read_text()).text
    # near: 4 words said, all of the 5 of the reference: F = 8/9; far shares none.
    assert (
        "On the 4 test pictures, 2 models are compared. Closest to the words of people is near, "
        "with a ROUGE-1 of 0.889 on the 4 pictures that they explained. Seeing the picture, far "
        "follows the order of the MOS best (SRCC 1.00)."
    ) in text
    assert report.value("near", "srcc") == pytest.approx(-1.0)


def test_align_report_undefined_numbers_are_null_in_json(
    workspace: Workspace,
    picture: Make,
    prediction: Make,
    write_dataset: Make,
    write_predictions: Make,
) -> None:
    rows = [picture(n, 3.0) for n in range(3)]
    write_predictions("m", [prediction(row, None) for row in rows])
    report = align_report(workspace, dataset=write_dataset(rows), name="r")
    assert math.isnan(report.value("m", "plcc"))
    found = json.loads((report.folder / "metrics.json").read_text())["records"]
    assert {each["value"] for each in found if each["metric"] in ("plcc", "rouge1")} == {None}
    page = _Page((report.folder / "index.html").read_text()).text
    assert "No one explained any of these pictures" in page


def test_align_report_without_predictions_names_the_remedy(
    workspace: Workspace, picture: Make, write_dataset: Make
) -> None:
    dataset = write_dataset([picture(0, 3.0)])
    with pytest.raises(
        DataError, match=r"no predictions on the test split of small 1\.0\.0.*qr predict"
    ):
        align_report(workspace, dataset=dataset, name="r")
    assert not workspace.reports.exists()


def test_align_report_unknown_model_lists_those_there_are(
    workspace: Workspace, small_report: Make
) -> None:
    dataset = small_report()
    with pytest.raises(DataError, match=r"'other/small-1.0.0-test'.*There are: after/small"):
        align_report(workspace, dataset=dataset, predictions=["other"], name="r")


def test_align_report_predictions_by_their_full_name_are_taken(
    workspace: Workspace, small_report: Make
) -> None:
    names = ["before/small-1.0.0-test"]
    report = align_report(workspace, dataset=small_report(), predictions=names, name="r")
    assert report.models == ("before",)
    page = _Page((report.folder / "index.html").read_text()).text
    assert "before explained the 15 test pictures. On the 15 that people explained too" in page


def test_align_report_damaged_predictions_are_named(
    workspace: Workspace, small_report: Make
) -> None:
    dataset = small_report()
    path = workspace.predictions / "before" / "small-1.0.0-test.parquet"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"before/small-1\.0\.0-test\.parquet cannot be read"):
        align_report(workspace, dataset=dataset, name="r")


def test_align_report_repeated_prediction_is_an_error(
    workspace: Workspace,
    picture: Make,
    prediction: Make,
    write_dataset: Make,
    write_predictions: Make,
) -> None:
    row = picture(0, 3.0)
    write_predictions("m", [prediction(row, 3.0), prediction(row, 2.0)])
    with pytest.raises(DataError, match=r"holds two image rows of p0\.png"):
        align_report(workspace, dataset=write_dataset([row]), name="r")


def test_align_report_unfinished_dataset_is_an_error(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no complete dataset version"):
        align_report(workspace, dataset=tmp_path, name="r")
