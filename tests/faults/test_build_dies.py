"""A build of a dataset that dies anywhere: the last version stays, the next build succeeds."""

import importlib.util
from pathlib import Path

import pytest
import yaml

from qreasoning.data.build import build_dataset
from qreasoning.data.spec import BuildSpec

# The tests' folders are no packages.
_spec = importlib.util.spec_from_file_location(
    "data_fixtures", Path(__file__).parents[1] / "data" / "conftest.py"
)
_there = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_there)
workspace, draw, list_scores, annotate, small_study, spec = (
    *(_there.workspace, _there.draw, _there.list_scores),
    *(_there.annotate, _there.small_study, _there.spec),
)

LOAD = ["qreasoning.data.build", "qreasoning.data.diff", "pandas", "PIL.Image"]


@pytest.fixture
def changed(workspace, spec, annotate, small_study):
    """A study with one version, and one answer more since then."""
    settings: BuildSpec = spec(name="small", projects=["konIQ"])
    text = yaml.safe_dump(settings.model_dump(mode="json", exclude_unset=True))
    (workspace.root / "annotation" / "dataset.yaml").write_text(text)
    build_dataset(settings, workspace)
    annotate([("p4.png", "ann@example.org", 4, {})])
    return workspace.root


def test_build_that_dies_at_a_sample_of_places_is_finished_by_the_next(changed, die_everywhere):
    die_everywhere("build", changed, ["build-dataset"], load=LOAD, most=6, kills=1)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_build_that_dies_anywhere_is_finished_by_the_next(changed, die_everywhere):
    die_everywhere("build", changed, ["build-dataset"], load=LOAD, kills=20)
