import ast
import sys
from pathlib import Path

import pytest

from qreasoning.extras import EXTRAS, extra_of

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "qreasoning"
CORE = {
    *("PIL", "numpy", "pandas", "pyarrow", "pydantic", "rich", "rouge_score", "scipy", "typer"),
    "yaml",
}
ENOUGH = {
    "annotation": ["annotate"],
    "training": ["train", "scale"],
    "analysis": ["report"],
    "simulation": ["demo"],
    "data": ["hub"],
    "metrics": ["semantic"],
}
"""The extras with which everything in a stage works, but for what needs a GPU."""


def modules_of(path):
    """The top-level modules of others that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module]
        else:
            continue
        tops = {name.partition(".")[0] for name in names}
        yield from tops - set(sys.stdlib_module_names) - {"qreasoning"}


def test_every_imported_module_is_of_the_core_or_of_an_extra():
    imported = {module for path in PACKAGE.rglob("*.py") for module in modules_of(path)}
    assert {module for module in imported - CORE if extra_of(module) is None} == set()


@pytest.mark.parametrize("stage", ENOUGH)
def test_an_extra_alone_brings_all_that_its_stage_imports(stage, installed):
    run = installed(*ENOUGH[stage])
    imported = {module for path in (PACKAGE / stage).rglob("*.py") for module in modules_of(path)}
    script = "import sys; from importlib.util import find_spec as find; print([m for m in sys.argv"
    imported -= set(EXTRAS["gpu"])
    result = run("-c", f"{script}[1:] if find(m) is None])", *sorted(imported))
    assert result.stdout.strip() == "[]"


def test_the_core_alone_makes_a_study_and_names_the_extra_of_everything_else(installed, tmp_path):
    run = installed()
    assert run("-m", "qreasoning", "init", "study").returncode == 0
    study = tmp_path / "study"
    (study / "pictures").mkdir()
    (study / "pictures" / "a.png").write_bytes(b"")
    (study / "annotation" / "mine.yaml").write_text("title: Mine\nimages: pictures\n")
    (study / "outputs" / "datasets" / "mine" / "1.0.0").mkdir(parents=True)
    (study / "outputs" / "datasets" / "mine" / "1.0.0" / "manifest.json").write_text("{}")
    doctor = run("-m", "qreasoning", "doctor", cwd=study)
    assert doctor.returncode == 0, doctor.stdout + doctor.stderr
    assert "-> pip install 'qreasoning[train]'" in doctor.stdout
    for command, extra in {
        "annotate --project mine": "annotate",
        "train h-iqa": "train",
        "predict --model none/none": "train",
        "align-report": "report",
        "demo": "demo",
    }.items():
        result = run("-m", "qreasoning", *command.split(), cwd=study)
        assert result.returncode == 2
        assert "Traceback" not in result.stderr
        assert f"pip install 'qreasoning[{extra}]'" in result.stderr


@pytest.mark.parametrize("extra", [each for each in EXTRAS if each != "gpu"])
def test_extras_are_those_of_the_project_file(extra, installed):
    run = installed(extra)
    script = "from qreasoning.extras import lacking; print(lacking(sys.argv[1]))"
    assert run("-c", f"import sys; {script}", extra).stdout.strip() == "[]"
