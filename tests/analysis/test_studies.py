"""Sweeps and learning curves in the report."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from qreasoning.analysis.report import align_report
from qreasoning.metrics.bootstrap import Estimate
from qreasoning.studies import (
    LABELS,
    About,
    CurveResult,
    Point,
    SweepResult,
    TrialResult,
    gain_sentence,
    read_curve,
    read_sweep,
    write_results,
)
from qreasoning.workspace import Workspace

ABOUT = About("words", "tiny", "small", "1.0.0", "c0ffee", False)
NASTY = "<script>alert(1)</script>"


def _trial(number: int, rouge1: float, srcc: float, front: bool, **changes: Any) -> TrialResult:
    values = {**dict.fromkeys(LABELS), "rouge1": rouge1, "srcc": srcc}
    made = TrialResult(number, f"words.{number:03d}/001", {"a.b": 0.25}, values, front)
    return replace(made, **changes)


def _sweep() -> SweepResult:
    trials = [
        _trial(0, 0.3, 0.9, True),
        _trial(1, 0.5, 0.8, True),
        _trial(2, 0.2, 0.7, False),
        _trial(3, 0.2, 0.7, False, why=f"lost {NASTY}", parameters={"a.b": NASTY}),
    ]
    return SweepResult(ABOUT, ["rouge1", "srcc"], ["a.b"], 6, trials)


def _curve(**changes: Any) -> CurveResult:
    nan = float("nan")
    points = [
        Point(
            f,
            n,
            n,
            dict.fromkeys(("rouge1", "claim_f1", "srcc"), Estimate(v, v - 0.1, v + 0.1, 9, 0)),
        )
        for f, n, v in ((0.5, 8, 0.25), (1.0, 16, 0.375))
    ]
    gains = {
        "rouge1": Estimate(0.125, 0.05, 0.2, 9, 0),
        "claim_f1": Estimate(-0.25, -0.5, 0.25, 9, 0),
        "srcc": Estimate(nan, nan, nan, 0, 9),
    }
    about = replace(ABOUT, name="more")
    return replace(CurveResult(about, 2, ["r/001"], points, gains, (8, 16)), **changes)


def test_results_read_as_they_were_written(tmp_path) -> None:
    write_results(tmp_path / "a", _sweep())
    assert read_sweep(tmp_path / "a" / "results.json") == _sweep()
    curve = _curve(gains={"rouge1": Estimate(0.1, 0.0, 0.2, 3, 1)})
    write_results(tmp_path / "b", curve)
    assert read_curve(tmp_path / "b" / "results.json") == curve


def test_gain_sentence_says_what_the_last_doubling_bought() -> None:
    assert gain_sentence(_curve()) == (
        "From 8 to 16 human chains, ROUGE-1 F rose by 0.125 (95 % interval +0.050 to +0.200); "
        "claim F1 fell by 0.250 (95 % interval -0.500 to +0.250, which may be chance); "
        "SRCC is undefined."
    )
    assert gain_sentence(_curve(gains={}, compared=None)).startswith("One fraction alone")


def test_front_is_in_order_of_the_first_objective() -> None:
    assert [trial.number for trial in _sweep().front] == [0, 1]


def test_align_report_shows_the_studies_of_its_dataset(
    workspace: Workspace, small_report: Callable[..., Any]
) -> None:
    data = small_report()
    plain = align_report(workspace, dataset=data, name="plain").folder / "index.html"
    assert "Trade-offs" not in plain.read_text()
    write_results(workspace.sweeps / "words", _sweep())
    other = replace(_sweep(), about=replace(ABOUT, version="2.0.0", name="foreign"))
    write_results(workspace.sweeps / "foreign", other)
    write_results(workspace.learning_curves / "more", _curve())
    report = align_report(workspace, dataset=data, name="first")
    page = (report.folder / "index.html").read_text()
    assert "Sweep words" in page
    assert "2 of 3 trials are on the front" in page
    assert "It is not finished: 4 of 6 trials" in page
    assert "words.001/001" in page
    assert "From 8 to 16 human chains" in page
    assert page.count("data:image/svg+xml") >= 2
    assert "Sweep foreign" not in page
    assert NASTY not in page
    assert "judged on the validation split" in page
    meta = json.loads((report.folder / "metrics.json").read_text())["meta"]
    assert [name for name, _ in meta["studies"]] == ["words", "more"]
    assert not any("results.json" in each for each in report.left_out)


@pytest.mark.parametrize("content", ["{", "[]", '{"kind": "sweep"}', '{"kind": "other"}'])
def test_align_report_names_a_study_that_cannot_be_read(
    workspace: Workspace, small_report: Callable[..., Any], content: str
) -> None:
    path = workspace.sweeps / "broken" / "results.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    report = align_report(workspace, dataset=small_report(), name="first")
    assert any(str(path) in each for each in report.left_out)
