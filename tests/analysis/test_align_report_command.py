from collections.abc import Callable
from pathlib import Path
from typing import Any

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


def test_align_report_command_errors_are_one_sentence(
    workspace: Workspace, small_report: Make, qr: Make
) -> None:
    small_report()
    study = _study(workspace)
    for options, problem in (
        (("--columns", "image"), "--columns image: write FIELD=NAME"),
        (("--columns", "picture=x"), "unknown key 'columns.picture'"),
        (("--metrics", "bleu"), "The report's options: 'metrics.0'"),
        (("--baseline", "other"), "The baseline 'other' is no model of this report"),
        (("--settings", "none"), "There is no report settings 'none'"),
        (("--predictions", "none.jsonl"), "There is no file none.jsonl"),
        (("--benchmarks", "annotation"), "There are no score manifests"),
    ):
        found = qr("align-report", *options, cwd=study)
        assert found.returncode == 2, options
        assert problem in " ".join(found.stderr.split()), found.stderr
        assert "Traceback" not in found.stderr
