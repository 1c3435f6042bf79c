"""`qr build-dataset` itself: its exit codes, and what it shows."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from qreasoning.cli import app
from qreasoning.workspace import Workspace


@pytest.fixture
def qr_build(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs `qr build-dataset` in the small study."""
    scores = {"name": "list", "file": "scores.csv", "images": "pictures", "range": [0, 100]}
    columns = {"split": "split", "reference": "reference"}
    spec = {"name": "small", "projects": ["konIQ"], "score_sets": [{**scores, "columns": columns}]}
    (workspace.root / "annotation" / "dataset.yaml").write_text(yaml.safe_dump(spec))
    monkeypatch.chdir(workspace.root)
    monkeypatch.setenv("COLUMNS", "160")
    return lambda *arguments: CliRunner().invoke(app, ["build-dataset", *arguments])


@pytest.mark.usefixtures("small_study")
def test_build_dataset_strict_ends_with_one_where_anything_was_found(
    qr_build: Callable[..., Any], annotate: Callable[..., None]
) -> None:
    assert qr_build().exit_code == 0
    found = qr_build("--strict")
    assert found.exit_code == 1
    assert "kept aside: 1 x missing noise" in found.output
    texts = {"caption": "Coloured dots of all sizes.", "sharpness": 2}
    annotate([("p0.png", "ann@example.org", 3, texts)])
    clean = qr_build("--strict")
    assert (clean.exit_code, "kept aside:" in clean.output) == (0, False)
    assert "2.0.0: 1 images left" in clean.output


@pytest.mark.usefixtures("small_study")
def test_build_dataset_diff_lists_rows_and_columns_and_builds_nothing(
    qr_build: Callable[..., Any], workspace: Workspace, annotate: Callable[..., None]
) -> None:
    qr_build()
    annotate([("p0.png", "ann@example.org", 5, {})])
    qr_build()
    shown = qr_build("--diff", "1.0.0", "2.0.0")
    assert shown.exit_code == 0
    assert "overall (1)" in shown.output
    assert "chains - extra.png" in shown.output
    assert sorted(each.name for each in (workspace.datasets / "small").glob("[0-9]*")) == [
        "1.0.0",
        "2.0.0",
    ]
