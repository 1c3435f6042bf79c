import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from qreasoning.data.build import build_dataset
from qreasoning.data.spec import BuildSpec
from qreasoning.workspace import Workspace

SCRIPT = """
import sys
from datasets import load_dataset, Image

chains = load_dataset(sys.argv[1], "chains")
default = load_dataset(sys.argv[1])
annotations = load_dataset(sys.argv[1], "annotations")
sizes = {name: len(part) for name, part in chains.items()}
assert sizes == {"train": 7, "test": 3}, sizes
assert default["train"].column_names == chains["train"].column_names
assert isinstance(chains["test"].features["image"], Image)
rows = {row["name"]: row for part in chains.values() for row in part}
assert rows["p0.png"]["image"].size == (16, 12)
assert rows["p0.png"]["image"].getpixel((3, 4)) == tuple(map(int, sys.argv[2].split(",")))
assert {chain["rating"] for chain in rows["p0.png"]["chains"]} == {1.0, 2.0}
assert rows["p8.png"]["chains"] == []
assert sum(len(part) for part in annotations.values()) == 5
assert {part.features["sharpness"].dtype for part in annotations.values()} == {"int8"}
notes = {row["sharpness_note"] for part in annotations.values() for row in part}
assert notes == {None, "no edge"}
print("loaded")
"""


@pytest.mark.usefixtures("small_study")
def test_load_dataset_opens_both_configurations_with_pictures_beside_an_empty_split(
    workspace: Workspace, spec: Callable[..., BuildSpec], tmp_path: Path
) -> None:
    from PIL import Image

    splits = {"train": 1, "validation": 0, "test": 0}
    folder = build_dataset(spec(projects=["konIQ"], splits=splits), workspace).folder
    with Image.open(workspace.root / "pictures" / "p0.png") as picture:
        pixel = ",".join(map(str, picture.getpixel((3, 4))))  # type: ignore[arg-type]
    # In a process of its own: the library reads its cache folder and off-line mode once.
    environment = {**os.environ, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder), pixel],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "loaded"
