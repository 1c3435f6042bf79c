import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from qreasoning.data.build import build_dataset
from qreasoning.data.spec import BuildSpec
from qreasoning.workspace import Workspace

LOAD_DATASET = """
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
assert "qreasoning" not in sys.modules
print("loaded")
"""


PANDAS = """
import io, sys
import pandas
from pathlib import Path
from PIL import Image

folder = Path(sys.argv[1])
files = sorted((folder / "data/chains").glob("*.parquet"))
chains = pandas.concat([pandas.read_parquet(file) for file in files]).set_index("name")
assert chains["split"].value_counts().to_dict() == {"train": 7, "test": 3}
picture = Image.open(io.BytesIO(chains.loc["p0.png", "image"]["bytes"]))
assert picture.getpixel((3, 4)) == tuple(map(int, sys.argv[2].split(",")))
assert sorted(chain["rating"] for chain in chains.loc["p0.png", "chains"]) == [1.0, 2.0]
assert chains.loc["p4.png", "mos"] == 1 + 4 * 40 / 100
files = sorted((folder / "data/annotations").glob("*.parquet"))
annotations = pandas.concat([pandas.read_parquet(file) for file in files])
assert len(annotations) == 5
assert annotations["sharpness_note"].dropna().tolist() == ["no edge"]
assert len(pandas.read_parquet(folder / "quarantine.parquet")) == 1
assert not {"qreasoning", "datasets"} & sys.modules.keys()
print("loaded")
"""

DUCKDB = """
import sys
import duckdb

def ask(query):
    return duckdb.sql(query.replace("VERSION", sys.argv[1])).fetchall()

chains = "read_parquet('VERSION/data/chains/*.parquet')"
found = ask(f"select split, count(*) from {chains} group by split order by split")
assert found == [("test", 3), ("train", 7)], found
found = ask(f"select octet_length(image.bytes) > 0, mos from {chains} where name = 'p4.png'")
assert found == [(True, 1 + 4 * 40 / 100)], found
found = ask(f"select unnest(chains).rating from {chains} where name = 'p0.png' order by 1")
assert found == [(1.0,), (2.0,)], found
found = ask("select count(*), max(sharpness_note) from 'VERSION/data/annotations/*.parquet'")
assert found == [(5, "no edge")], found
assert ask("select name from 'VERSION/quarantine.parquet'") == [("extra.png",)]
assert not {"qreasoning", "datasets", "pandas"} & sys.modules.keys()
print("loaded")
"""


@pytest.mark.usefixtures("small_study")
@pytest.mark.parametrize(
    "script", [LOAD_DATASET, PANDAS, DUCKDB], ids=["datasets", "pandas", "duckdb"]
)
def test_version_is_read_without_this_package(
    script: str, workspace: Workspace, spec: Callable[..., BuildSpec], tmp_path: Path
) -> None:
    from PIL import Image

    # One split is empty.
    splits = {"train": 1, "validation": 0, "test": 0}
    folder = build_dataset(spec(projects=["konIQ"], splits=splits), workspace).folder
    with Image.open(workspace.root / "pictures" / "p0.png") as picture:
        pixel = ",".join(map(str, picture.getpixel((3, 4))))  # type: ignore[arg-type]
    # In a process of its own: it imports nothing of ours, and reads its cache folder once.
    environment = {**os.environ, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder), pixel],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "loaded"


TWO = """
import sys
from datasets import load_dataset

for folder in sys.argv[1:]:
    print(*sorted(row["name"] for row in load_dataset(folder, "chains", split="test")))
"""


def test_two_datasets_of_one_number_are_not_taken_for_each_other(
    workspace: Workspace,
    spec: Callable[..., BuildSpec],
    list_scores: Callable[..., Path],
    tmp_path: Path,
) -> None:
    folders = []
    for name in ("one", "other"):
        list_scores([(f"{name}.png", 50, "test", "")])
        settings = spec(name=name, pictures="none", scores={"images": None})
        folders.append(build_dataset(settings, workspace).folder)
    assert [each.name for each in folders] == ["1.0.0", "1.0.0"]
    environment = {**os.environ, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", TWO, *map(str, folders)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["one.png", "other.png"], done.stderr
