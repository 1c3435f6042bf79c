"""A study in which the commands of the documentation run: small, simulated, without a server."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from qreasoning.annotation.answers import Answer, write_results
from qreasoning.simulation import annotators
from qreasoning.simulation.study import SCORES, write_pictures
from qreasoning.simulation.warm_up import ensure_base
from qreasoning.workspace import cache_folder, make_study

PICTURES = "pictures/konIQ"
COUNTS = {"train": 24, "validation": 4, "test": 12}
PROJECT = {
    "title": "Simulated annotations",
    "images": PICTURES,
    "annotators": ["anna", "ben"],
    "simulated": True,
    "rules": {"alike": None},
}
DATASET = {
    "name": "koniq-reasoning-simulated",
    "projects": ["konIQ"],
    "score_sets": [
        {
            "name": "simulated-mos",
            "file": f"{PICTURES}/{SCORES}",
            "images": PICTURES,
            "columns": {"mos_std": "mos_std", "split": "split", "reference": "reference"},
            "range": [1, 5],
        }
    ],
    "simulated": True,
}


def exported(scenes):
    """A Label Studio export in which two people answer every picture."""
    for number, scene in enumerate(scenes):
        answers = []
        for person, name in enumerate(("anna", "ben"), 1):
            made = annotators.answer(scene, person, 0)
            answer = Answer(made.ratings, made.notes, made.caption, made.reasoning, made.overall)
            answers.append(
                {
                    "id": 10 * number + person,
                    "completed_by": {"id": person, "email": f"{name}@koniq.local"},
                    "result": write_results(answer),
                    "created_at": f"2026-01-01T08:{number:02}:00Z",
                    "updated_at": f"2026-01-01T08:{number:02}:00Z",
                    "lead_time": made.seconds,
                }
            )
        yield {"id": number, "data": {"image": scene.name}, "annotations": answers}


def shell(script, folder, base):
    """Run a shell script in which `qr` is this tree's, and `qr train tiny` trains a smaller model.

    Exit code 1 of `qr` stands for findings, which a page may well show.
    """
    preamble = f"""
set -eu
qr() {{
  if [ "$1 ${{2-}}" = "train tiny" ]; then set -- "$@" --set "model={base}"; fi
  {sys.executable} -m qreasoning "$@" || [ $? -eq 1 ]
}}
"""
    return subprocess.run(
        ["bash", "-c", preamble + script], cwd=folder, capture_output=True, text=True
    )


@pytest.fixture(scope="session")
def base(small_warm_up):
    return ensure_base(cache_folder(), warm_up=small_warm_up)


@pytest.fixture(scope="session")
def answered(tmp_path_factory, base) -> Path:
    """A study with answers, a dataset, and `export.json`."""
    study = make_study(tmp_path_factory.mktemp("docs") / "study")
    scenes = write_pictures(study.root / PICTURES, COUNTS, 0)
    for name, content in (("konIQ", PROJECT), ("dataset", DATASET)):
        path = study.root / "annotation" / f"{name}.yaml"
        path.write_text(json.dumps(content), encoding="utf-8")
    export = json.dumps(list(exported(scenes)))
    (study.root / "export.json").write_text(export, encoding="utf-8")
    script = "qr annotate import --project konIQ export.json\nqr build-dataset\n"
    result = shell(script, study.root, base)
    assert result.returncode == 0, result.stdout + result.stderr
    return study.root


@pytest.fixture
def scratch(answered, tmp_path) -> Path:
    """A copy of that study, for one page."""
    return Path(shutil.copytree(answered, tmp_path / "study"))
