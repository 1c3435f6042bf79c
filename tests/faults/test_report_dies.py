"""A report that dies anywhere: the last one stays, the next run makes the new one."""

import importlib.util
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from qreasoning.analysis.report import align_report
from qreasoning.workspace import shipped

# The tests' folders are no packages.
_spec = importlib.util.spec_from_file_location(
    "analysis_fixtures", Path(__file__).parents[1] / "analysis" / "conftest.py"
)
_there = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_there)
workspace, picture, prediction = _there.workspace, _there.picture, _there.prediction
write_dataset, write_predictions = _there.write_dataset, _there.write_predictions
small_report = _there.small_report

SETTINGS = "metrics: [rouge1]\nreplicates: 200\ngallery: 2\n"
LOAD = [
    *("qreasoning.analysis.report", "qreasoning.analysis.page", "matplotlib.figure", "jinja2"),
    *("scipy.stats", "scipy.optimize", "PIL.Image", "matplotlib.backends.backend_svg"),
]
COMMAND = ["align-report", "--name", "small"]


@pytest.fixture
def changed(workspace, small_report):
    """A study with a report, and predictions that are otherwise since then."""
    shutil.copy(shipped() / "annotation" / "konIQ.yaml", workspace.root / "annotation")
    (workspace.root / "analysis" / "report.yaml").write_text(SETTINGS)
    folder = small_report()
    align_report(workspace, dataset=folder, name="small")
    path = next(workspace.predictions.glob("after/*.parquet"))
    table = pq.read_table(path)
    rows = [{**row, "caption": "Other words now."} for row in table.to_pylist()]
    pq.write_table(table.from_pylist(rows, schema=table.schema), path)
    return workspace.root


def test_report_that_dies_at_a_sample_of_places_is_made_by_the_next(changed, die_everywhere):
    die_everywhere("report", changed, COMMAND, load=LOAD, most=2)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_report_that_dies_anywhere_is_made_by_the_next(changed, die_everywhere):
    die_everywhere("report", changed, COMMAND, load=LOAD, kills=20)
