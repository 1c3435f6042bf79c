"""An annotator takes their consent back: from the log to the next version."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from qreasoning.annotation.answers import Answer, write_results
from qreasoning.annotation.commands import import_export, rebuild
from qreasoning.data.build import build_dataset
from qreasoning.data.previous import QUARANTINE
from qreasoning.data.spec import BuildSpec
from qreasoning.errors import DataError
from qreasoning.files import sha256_file
from qreasoning.workspace import Workspace

EIGHT = (
    "brightness contrast colorfulness sharpness noise artifacts composition content".split()  # noqa: SIM905
)
BEN = "Zebulon's marigold"
"""What only Ben writes."""
SAID = {"ann": "Plain coloured", "ben": BEN, "cy": "Loud grainy"}


@pytest.fixture
def write_project(workspace: Workspace) -> Callable[..., None]:
    """Writes the project file, with whom it excludes."""

    def write(*exclude: str) -> None:
        content = {"title": "A project", "images": "pictures", "exclude": exclude}
        content["rules"] = {"min_seconds": 0, "alike": None}
        (workspace.root / "annotation" / "lab.yaml").write_text(json.dumps(content))

    return write


@pytest.fixture
def imported(
    workspace: Workspace, draw: Callable[..., Path], write_project: Callable[..., None]
) -> None:
    """A project whose answers came from an export: two pictures, of three people each."""
    write_project()
    for seed, name in enumerate(("a.png", "b.png")):
        draw(name, seed)
    tasks = [
        {
            "id": number,
            "data": {"image": f"/upload/{name}"},
            "annotations": [
                {
                    "id": 10 * number + at,
                    "completed_by": {"email": f"{who}@lab.example"},
                    "result": write_results(_answer(f"{said} noise in {name}")),
                }
                for at, (who, said) in enumerate(SAID.items())
            ],
        }
        for number, name in enumerate(("a.png", "b.png"), start=1)
    ]
    export = workspace.root / "export.json"
    export.write_text(json.dumps(tasks))
    assert import_export("lab", workspace, export, print).appended == 6


def _answer(caption: str) -> Answer:
    return Answer(
        ratings={each: 1 + number % 5 for number, each in enumerate(EIGHT)},
        notes={**dict.fromkeys(EIGHT), "sharpness": f"{caption}, unsharp"},
        caption=caption,
        reasoning=f"{caption} hides all there is, so it is bad.",
        overall=2,
    )


def _holding(folder: Path, text: str) -> set[str]:
    """The files of a version in which a text stands."""
    found = set()
    for path in (each for each in folder.rglob("*") if each.is_file()):
        content: Any = path.read_bytes().decode("latin-1")
        if path.suffix == ".parquet":
            content = repr(parquet.read_table(path).to_pylist())
        if text in content:
            found.add(path.relative_to(folder).as_posix())
    return found


@pytest.mark.usefixtures("imported")
@pytest.mark.parametrize("pictures", ["embed", "none"])
def test_withdrawn_answers_are_in_no_later_version_outside_the_quarantine(
    pictures: str, workspace: Workspace, write_project: Callable[..., None]
) -> None:
    settings = BuildSpec.model_validate(
        {"name": "small", "projects": ["lab"], "pictures": pictures}
    )
    first = build_dataset(settings, workspace).folder
    folders = {each.split("/")[1] for each in _holding(first, "marigold")}
    assert folders == {"annotations", "chains"}
    before = {path: sha256_file(path) for path in first.rglob("*") if path.is_file()}
    write_project("ben@lab.example")
    with pytest.raises(DataError, match=r"excludes others .*qr annotate rebuild --project lab"):
        build_dataset(settings, workspace)
    assert rebuild("lab", workspace).notes == ()
    report = build_dataset(settings, workspace)
    assert (report.version, report.reasons) == ("1.0.1", {"annotator excluded": 2})
    assert report.why == (
        "2 images have other scores or chains",
        "2 annotations are newly kept aside",
    )
    assert _holding(report.folder, "marigold") == {QUARANTINE}
    assert "| annotator excluded | 2 |" in (report.folder / "README.md").read_text()
    # What was made before stays as it is.
    assert {path: sha256_file(path) for path in first.rglob("*") if path.is_file()} == before


@pytest.mark.usefixtures("imported")
def test_exclusion_of_somebody_who_gave_no_answer_is_asked_about_without_an_address(
    workspace: Workspace, write_project: Callable[..., None]
) -> None:
    write_project("bne@lab.example", "Ben@lab.example")
    (note,) = rebuild("lab", workspace).notes
    assert note == "exclude names bne, who gave no answer in lab: is that how they log in?"
    assert (
        parquet.read_table(workspace.annotations / "lab" / "table.parquet")["labels"]
        .to_pylist()
        .count(["imported", "excluded"])
        == 2
    )
