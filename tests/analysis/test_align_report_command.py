from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from qreasoning.cli import app
from qreasoning.errors import QReasoningError
from qreasoning.workspace import Workspace

Make = Callable[..., Any]


def _study(workspace: Workspace) -> Path:
    (workspace.root / "annotation" / "dataset.yaml").write_text("name: small\n")
    return workspace.root


def test_align_report_command_takes_its_options_and_says_what_is_left_out(
    workspace: Workspace, small_report: Make, qr: Make
) -> None:
    small_report()
    found = qr(
        *("align-report", "--dataset", "small@1.0.0", "--predictions", "after"),
        *("--predictions", "before", "--metrics", "rouge1", "--baseline", "before"),
        cwd=_study(workspace),
    )
    assert found.returncode == 0, found.stderr
    assert "Left out: claims were not asked for" in found.stdout
    assert (workspace.reports / "small" / "index.html").is_file()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--columns", "image"), "--columns image: write FIELD=NAME"),
        (("--columns", "picture=x"), "unknown key 'columns.picture'"),
        (("--metrics", "bleu"), "The report's options: 'metrics.0'"),
        (("--baseline", "other"), "The baseline 'other' is no model of this report"),
        (("--settings", "none"), "There is no report settings 'none'"),
        (("--predictions", "none.jsonl"), "There is no file none.jsonl"),
        (("--benchmarks", "annotation"), "There are no score manifests"),
    ],
)
def test_align_report_command_errors_name_the_option(
    workspace: Workspace,
    small_report: Make,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    problem: str,
) -> None:
    small_report()
    (workspace.root / "analysis" / "report.yaml").write_text("replicates: 200\ngallery: 0\n")
    monkeypatch.chdir(_study(workspace))
    found = CliRunner().invoke(app, ["align-report", *options])
    assert isinstance(found.exception, QReasoningError), found.output
    assert problem in str(found.exception)
    assert not workspace.reports.exists()
