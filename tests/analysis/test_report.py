import json
import math
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from qreasoning.analysis.report import align_report, read_settings
from qreasoning.errors import DataError, SettingsError
from qreasoning.workspace import Workspace

Row = dict[str, Any]
Make = Callable[..., Any]
KEYS = "model condition split dimension metric aggregation value low high n n_left_out"

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


def _page(folder: Path) -> _Page:
    return _Page((folder / "index.html").read_text(encoding="utf-8"))


def _read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _null(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def test_align_report_writes_page_metrics_and_values_per_picture(
    workspace: Workspace, small_report: Make
) -> None:
    report = align_report(workspace, dataset=small_report(), name="first")
    assert report.folder == workspace.reports / "first"
    assert report.models == ("after", "before")
    assert sorted(_read(report.folder)) == ["index.html", "metrics.json", "per_image.parquet"]
    metrics = json.loads((report.folder / "metrics.json").read_text())
    assert metrics["records"] == [
        {key: _null(value) for key, value in each.items()} for each in report.records
    ]
    assert {" ".join(each) for each in metrics["records"]} == {KEYS}
    # The ratings follow the MOS exactly, one of 15 could not be read.
    assert report.value("after", "srcc") == pytest.approx(1.0)
    assert report.value("after", "format_rate") == pytest.approx(14 / 15)
    meta = metrics["meta"]
    assert (meta["dataset"], meta["version"], meta["simulated"]) == ("small", "1.0.0", False)
    assert [len(part["sha256"]) for part in meta["predictions"]] == [64, 64]
    assert len(meta["signatures"]["test"]) == 5
    rows = parquet.read_table(report.folder / "per_image.parquet").to_pylist()
    assert len(rows) == 2 * 2 * 15
    mean = sum(row["fmeasure"] for row in rows if row["fmeasure"] is not None) / 30
    assert mean == pytest.approx(report.value("after", "rouge1"))
    assert {"claim_f1", "contradiction_rate", "fmeasure_mismatched", "mos_set"} <= set(rows[0])


def test_align_report_value_of_what_was_not_computed_is_an_error(
    workspace: Workspace, small_report: Make
) -> None:
    report = align_report(workspace, dataset=small_report(), name="first")
    assert math.isnan(report.value("after", "rouge1", aggregation="share_of_the_way"))
    with pytest.raises(KeyError, match="no bertscore_f of after in the image condition on test"):
        report.value("after", "bertscore_f")


def test_align_report_made_again_has_the_same_bytes_and_leaves_nothing_else(
    workspace: Workspace, small_report: Make
) -> None:
    dataset = small_report("The cat is sharp but dark.")
    folder = align_report(workspace, dataset=dataset, name="first").folder
    before = _read(folder)
    (folder / "left-over.txt").write_text("old")
    align_report(workspace, dataset=dataset, name="first")
    assert _read(folder) == before
    assert [path.name for path in workspace.reports.iterdir()] == ["first"]


def test_align_report_has_its_eight_sections_and_says_what_is_left_out(
    workspace: Workspace, small_report: Make
) -> None:
    report = align_report(workspace, dataset=small_report(), name="r")
    page = _page(report.folder)
    ids = [attributes["id"] for tag, attributes in page.tags if tag == "h2"]
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    assert links == [f"#{each}" for each in ids] and len(ids) == 8
    assert report.left_out[0] == "BERTScore and cosine: no model is set (semantic_model)"
    assert "BERTScore and cosine: no model is set (semantic_model); No folder of" in page.text
    assert "Published elsewhere, not measured here" in page.text
    assert "There is no judge study on these pictures" in page.text


def _hostile(workspace: Workspace, dataset: Path) -> None:
    """Hostile texts where a reader of files meets them: names, statuses, a judge study."""
    for path in workspace.predictions.glob("*/*.parquet"):
        rows = parquet.read_table(path).to_pylist()
        rows = [{**row, "model_id": NASTY, "adapter_sha": NASTY} for row in rows]
        rows[0] |= {"status": NASTY}
        schema = parquet.read_schema(path)
        parquet.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    path = next((dataset / "data" / "chains").glob("*.parquet"))
    rows = parquet.read_table(path).to_pylist()
    for row in rows:
        row |= {"name": NASTY[:300] + row["name"], "mos_set": NASTY[:200]}
        for chain in row["chains"]:
            chain["annotator"] = NASTY[:200] + chain["annotator"]
    parquet.write_table(pa.Table.from_pylist(rows, schema=parquet.read_schema(path)), path)
    judged = [
        {"image_id": row["image_id"], "judge": NASTY, "question": "rate", "author": author}
        | {"caption": NASTY, "reasoning": NASTY, "opponent": None, "won": None, "labels": []}
        | {"correctness": 3, "completeness": 3 + place, "likeness": 3}
        for row in rows
        for place, author in enumerate((f"model:{NASTY}", f"human:{NASTY}"))
    ]
    folder = workspace.annotations / "judging"
    folder.mkdir(parents=True)
    parquet.write_table(pa.Table.from_pylist(judged), folder / "judgements.parquet")


def test_align_report_hostile_texts_are_shown_and_not_run(
    workspace: Workspace, small_report: Make
) -> None:
    dataset = small_report(NASTY)
    _hostile(workspace, dataset)
    report = align_report(workspace, dataset=dataset, name="nasty")
    source = (report.folder / "index.html").read_text(encoding="utf-8")
    page = _Page(source)
    assert len(source) < 3_000_000
    assert "script" not in {tag for tag, _ in page.tags}
    sources = [attributes["src"] or "" for tag, attributes in page.tags if tag == "img"]
    assert sources and all(each.startswith("data:image/") for each in sources)
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert "b" in {tag for tag, _ in page.tags} and "<b>bold</b> &amp;" in page.text
    shown = "</script><img src=x onerror=alert(1)> $5 and $6 ⟨U+0000⟩ ⟨U+202E⟩ <b>bold</b>"
    assert shown in page.text and page.text.count("<img src=x") > 30
    assert "more characters)" in page.text and "清晰 🙂" in page.text
    assert "\x00" not in source and "\u202e" not in source
    assert "Judge study judging" in page.text
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


def test_align_report_verdict_is_how_far_each_model_gets_to_another_person(
    workspace: Workspace,
    picture: Make,
    prediction: Make,
    write_dataset: Make,
    write_predictions: Make,
) -> None:
    # People describe each picture by words of its own, half of them shared by both.
    rows = [
        picture(n, 1.0 + n / 10, (f"word{n} same{n}", ""), (f"other{n} same{n}", ""))
        for n in range(30)
    ]
    write_predictions(
        "near", [prediction(row, 3.0, (f"mine{n} same{n}", "")) for n, row in enumerate(rows)]
    )
    write_predictions(
        "far", [prediction(row, 3.0 + n / 20, ("nothing shared", "")) for n, row in enumerate(rows)]
    )
    report = align_report(
        workspace, dataset=write_dataset(rows), name="r", predictions=["near", "far"]
    )
    assert report.models == ("near", "far")
    # One of two words is shared by any two people and by `near`; nothing with other pictures.
    assert report.value("near", "rouge1", aggregation="share_of_the_way") == pytest.approx(1)
    assert report.value("far", "rouge1", aggregation="share_of_the_way") == pytest.approx(0)
    text = " ".join(_page(report.folder).text.split())
    assert (
        "near agrees with people as well as another person does (by its choice of words: 100"
        in text
    )
    assert (
        "far agrees with people no better than a description of the wrong picture does (by its "
        "choice of words: 95 % interval 0 to 0 %)."
    ) in text
    assert "Its ratings follow the order of the MOS with an SRCC of 1.00." in text
    assert "near against far" in text and "▲ +0.500" in text


def test_align_report_with_a_baseline_compares_with_it_alone(
    workspace: Workspace, small_report: Make
) -> None:
    settings, dataset = read_settings(workspace, "report", baseline="before"), small_report()
    report = align_report(workspace, dataset=dataset, name="r", settings=settings)
    text = " ".join(_page(report.folder).text.split())
    assert "after against before" in text and "before against after" not in text
    wrong = read_settings(workspace, "report", baseline="another")
    with pytest.raises(SettingsError, match=r"'another' is no model.*There are: after, before"):
        align_report(workspace, dataset=dataset, name="r", settings=wrong)


def test_align_report_metrics_not_asked_for_are_left_out_and_said(
    workspace: Workspace, small_report: Make
) -> None:
    settings = read_settings(workspace, "report", metrics=["claims"])
    report = align_report(workspace, dataset=small_report(), name="r", settings=settings)
    assert not [row for row in report.records if row["metric"].startswith("rouge1")]
    assert "ROUGE-1 was not asked for" in report.left_out
    with pytest.raises(SettingsError, match=r"options: 'metrics\.0'"):
        read_settings(workspace, "report", metrics=["bleu"])


def test_align_report_chains_made_elsewhere_stand_beside_the_others(
    workspace: Workspace, small_report: Make, tmp_path: Path
) -> None:
    dataset = small_report()
    file = tmp_path / "Q-Insight.jsonl"
    said = [{"file": f"p{n}.png", "why": "A plain picture.", "rating": 2.5} for n in range(14)]
    file.write_text("".join(json.dumps(each) + "\n" for each in said))
    settings = read_settings(workspace, "report", columns={"image": "file", "reasoning": "why"})
    names = ["before", str(file)]
    report = align_report(
        workspace, dataset=dataset, predictions=names, name="r", settings=settings
    )
    assert report.models == ("before", "Q-Insight")
    assert report.value("Q-Insight", "rouge1") > 0.5
    assert "Q-Insight on test, chains made elsewhere" in _page(report.folder).text
    twin = tmp_path / "before.jsonl"
    twin.write_text(file.read_text())
    with pytest.raises(DataError, match=r"would both be called 'before'"):
        align_report(
            workspace,
            dataset=dataset,
            predictions=["before", str(twin)],
            name="r",
            settings=settings,
        )
    with pytest.raises(DataError, match=r"There is no file .*none\.jsonl"):
        align_report(workspace, dataset=dataset, predictions=["none.jsonl"], name="r")


def test_align_report_benchmarks_are_measured_beside_the_published_numbers(
    workspace: Workspace, small_report: Make, tmp_path: Path
) -> None:
    dataset = small_report()
    said = parquet.read_table(next(workspace.predictions.glob("before/*.parquet")))
    parquet.write_table(said, workspace.predictions / "before" / "koniq.parquet")
    sets = tmp_path / "sets"
    sets.mkdir()
    for name in ("koniq", "spaq"):
        rows = [{"image": f"p{n}.png", "mos": float(n)} for n in range(15)]
        parquet.write_table(pa.Table.from_pylist(rows), sets / f"{name}.parquet")
    report = align_report(workspace, dataset=dataset, name="r", benchmarks=sets)
    assert report.value("before", "srcc", split="koniq") == pytest.approx(1.0)
    assert report.left_out[-1] == "No model was run on the pictures of spaq"
    text = " ".join(_page(report.folder).text.split())
    assert "1.000 / 1.000" in text


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
    assert "No one explained any of these pictures" in _page(report.folder).text


def test_align_report_pictures_without_a_score_have_no_correlations(
    workspace: Workspace,
    picture: Make,
    prediction: Make,
    write_dataset: Make,
    write_predictions: Make,
) -> None:
    rows = [picture(n, None, ("a sharp cat", "good")) for n in range(3)]
    write_predictions("m", [prediction(row, 3.0, ("a sharp cat", "")) for row in rows])
    report = align_report(workspace, dataset=write_dataset(rows), name="r")
    assert "None of these pictures has a score" in _page(report.folder).text
    assert not [row for row in report.records if row["metric"] == "srcc"]
    assert report.value("m", "rouge1") == pytest.approx(6 / 7)


@pytest.mark.parametrize("condition", ["image", "caption"])
def test_align_report_of_a_model_that_only_rates_has_no_text_metrics(
    workspace: Workspace,
    picture: Make,
    prediction: Make,
    write_dataset: Make,
    write_predictions: Make,
    condition: str,
) -> None:
    rows = [picture(n, 1.0 + n, ("a sharp cat", "good")) for n in range(4)]
    write_predictions(
        "m", [prediction(r, 1.0 + n, condition=condition) for n, r in enumerate(rows)]
    )
    report = align_report(workspace, dataset=write_dataset(rows), name="r")
    assert report.value("m", "srcc", condition) == pytest.approx(1.0)
    values = parquet.read_table(report.folder / "per_image.parquet").to_pylist()
    assert len(values) == 4
    texts = [row.get("fmeasure") for row in values]
    assert all(each is None or math.isnan(each) for each in texts)
    page = _page(report.folder).text
    if condition == "image":
        assert "m wrote nothing that can be compared with the words of people." in page


def test_align_report_several_splits_are_apart(
    workspace: Workspace,
    small_report: Make,
    write_predictions: Make,
    picture: Make,
    prediction: Make,
) -> None:
    dataset = small_report()
    rows = [picture(100 + n, 1.0 + n, ("a dog", "x"), split="validation") for n in range(3)]
    table = pa.Table.from_pylist(
        rows, schema=parquet.read_schema(next((dataset / "data/chains").glob("test-*")))
    )
    parquet.write_table(table, dataset / "data/chains/validation-00000-of-00001.parquet")
    write_predictions(
        "v", [prediction(r, 3.0, ("a dog", "x")) for r in rows], "small-1.0.0-validation"
    )
    names = ["before", "v/small-1.0.0-validation"]
    report = align_report(workspace, dataset=dataset, predictions=names, name="r")
    assert report.value("v", "rouge1", split="validation") == pytest.approx(1.0)
    ids = [a["id"] for _, a in _page(report.folder).tags if "id" in a]
    assert len(ids) == len(set(ids)) and {"summary-test", "summary-validation"} <= set(ids)


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
    assert "15 test pictures, 15 of them explained by 2 people" in _page(report.folder).text


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
