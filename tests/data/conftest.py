"""A small study on disk: generated pictures, a score list, and annotations as they are pulled."""

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from qreasoning.data.spec import BuildSpec
from qreasoning.files import write_bytes, write_manifest, write_text
from qreasoning.images import identity_of_file
from qreasoning.records import annotations_schema
from qreasoning.workspace import Workspace

EIGHT = (
    "brightness contrast colorfulness sharpness noise artifacts composition content".split()  # noqa: SIM905
)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty study; its dimensions are the shipped ones."""
    (tmp_path / "annotation").mkdir()
    (tmp_path / "training").mkdir()
    return Workspace(tmp_path)


@pytest.fixture
def draw(workspace: Workspace) -> Callable[..., Path]:
    """Writes a small picture of noise into the study; another seed is another picture."""

    def write(name: str, seed: int, folder: str = "pictures") -> Path:
        pixels = np.random.default_rng(seed).integers(0, 255, (12, 16, 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        path = workspace.root / folder / name
        write_bytes(path, buffer.getvalue())
        return path

    return write


@pytest.fixture
def list_scores(workspace: Workspace) -> Callable[..., Path]:
    """Writes a score list with the columns image, mos, split and reference."""

    def write(rows: Sequence[Sequence[Any]], name: str = "scores.csv") -> Path:
        text = io.StringIO()
        csv.writer(text).writerows([("image", "mos", "split", "reference"), *rows])
        write_text(workspace.root / name, text.getvalue())
        return workspace.root / name

    return write


@pytest.fixture
def annotate(workspace: Workspace) -> Callable[..., None]:
    """Writes what the annotation stage would have pulled: (picture, log-in, overall, changes…)."""

    def write(
        answers: Sequence[tuple[str, str, int, dict[str, Any]]],
        project: str = "konIQ",
        simulated: bool = False,
        dimensions: Sequence[str] = EIGHT,
    ) -> None:
        rows = [_row(workspace, project, dimensions, *answer) for answer in answers]
        folder = workspace.annotations / project
        folder.mkdir(parents=True, exist_ok=True)
        table = pa.Table.from_pylist(rows, schema=annotations_schema(dimensions))
        parquet.write_table(table, folder / "table.parquet")
        facts = {"project": project, "simulated": simulated, "dimensions": list(dimensions)}
        write_manifest(folder, {**facts, "images": "pictures"})

    return write


def _row(
    workspace: Workspace,
    project: str,
    dimensions: Sequence[str],
    name: str,
    login: str,
    overall: int,
    changes: dict[str, Any],
) -> dict[str, Any]:
    return {
        "image_id": changes.get("image_id") or identity_of_file(workspace.root / "pictures" / name),
        "name": name,
        "annotator": login,
        "project": project,
        **dict.fromkeys(dimensions, 3),
        **{f"{each}_note": None for each in dimensions},
        "caption": "Coloured noise everywhere.",
        "reasoning": f"In {name} nothing can be seen, so the quality is bad.",
        "overall": overall,
        "seconds": 12.5,
        "created": "2026-01-01T00:00:00Z",
        "updated": "2026-01-01T00:00:00Z",
        "form_version": "1",
        "prelabelled": False,
        "findings": [],
        **changes,
    }


@pytest.fixture
def spec() -> Callable[..., BuildSpec]:
    """A BuildSpec from plain values, with a score set `list` over `scores.csv`."""
    columns = {"split": "split", "reference": "reference"}
    scores = {"name": "list", "file": "scores.csv", "images": "pictures", "range": [0, 100]}

    def make(**changes: Any) -> BuildSpec:
        score_sets = [{**scores, "columns": columns, **changes.pop("scores", {})}]
        return BuildSpec.model_validate({"name": "small", "score_sets": score_sets, **changes})

    return make


@pytest.fixture
def small_study(
    draw: Callable[..., Path], list_scores: Callable[..., Path], annotate: Callable[..., None]
) -> None:
    """Nine scored pictures of three references, three of them annotated, and one annotated only."""
    for number in range(9):
        draw(f"p{number}.png", seed=number)
    draw("extra.png", seed=99)
    splits = {0: "train", 1: "train", 2: "test"}
    list_scores([(f"p{n}.png", 10 * n, splits[n % 3], f"ref{n % 3}") for n in range(9)])
    annotate(
        [
            ("p0.png", "ann@example.org", 1, {}),
            ("p0.png", "bob@example.org", 2, {"caption": "Grey and coloured dots."}),
            ("p1.png", "ann@example.org", 4, {"sharpness_note": "no edge"}),
            ("p2.png", "bob@example.org", 2, {}),
            ("extra.png", "ann@example.org", 5, {}),
            ("extra.png", "bob@example.org", 3, {"caption": "Too short", "noise": None}),
        ]
    )
