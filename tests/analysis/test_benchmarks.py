from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from qreasoning.analysis.benchmarks import benchmark_records, measure_benchmarks, read_manifests
from qreasoning.errors import DataError
from qreasoning.records import predictions_schema
from qreasoning.workspace import Workspace

Make = Callable[..., Any]


@pytest.fixture
def manifests(tmp_path: Path) -> Path:
    """Two sets: one as Parquet with a training part, one as CSV."""
    folder = tmp_path / "sets"
    folder.mkdir()
    rows = [{"image": f"{n}.jpg", "mos": 50.0 + n, "split": "test"} for n in range(30)]
    rows.append({"image": "train.jpg", "mos": 0.0, "split": "train"})
    parquet.write_table(pa.Table.from_pylist(rows), folder / "Spaq.parquet")
    csv.write_csv(pa.Table.from_pylist([{"image": "a.png", "mos": -0.5}]), folder / "csiq.csv")
    return folder


def _predict(workspace: Workspace, model: str, data: str, ratings: dict[str, float | None]) -> None:
    rows = [
        {**dict.fromkeys(predictions_schema().names), "name": name, "condition": "image"}
        | {"rating": rating, "status": "ok" if rating else "bad rating"}
        for name, rating in ratings.items()
    ]
    path = workspace.predictions / model / f"{data}.parquet"
    path.parent.mkdir(parents=True)
    parquet.write_table(pa.Table.from_pylist(rows, schema=predictions_schema()), path)


def test_benchmarks_measure_every_model_that_has_a_file(
    workspace: Workspace, manifests: Path
) -> None:
    found = read_manifests(manifests)
    assert {name: len(mos) for name, mos in found.items()} == {"spaq": 30, "csiq": 1}
    _predict(workspace, "up", "spaq", {f"{n}.jpg": 1 + n / 10 for n in range(30)})
    _predict(workspace, "down", "spaq", {f"{n}.jpg": 5 - n / 10 if n else None for n in range(25)})
    _predict(workspace, "other", "elsewhere", {"x.jpg": 3.0})
    measured = measure_benchmarks(workspace, found, 400)
    by = {each.model: each for each in measured}
    assert set(by) == {"up", "down"}
    assert by["up"].srcc.value == pytest.approx(1) and by["up"].srcc.n == 30
    # 25 predicted, one of them unreadable.
    assert (by["down"].srcc.n, by["down"].srcc.n_left_out) == (24, 6)
    assert by["down"].plcc.value == pytest.approx(-1)
    records = benchmark_records(measured)
    assert {(r["split"], r["metric"]) for r in records} == {("spaq", "srcc"), ("spaq", "plcc")}


def test_benchmarks_of_other_names_are_an_error(workspace: Workspace, manifests: Path) -> None:
    _predict(workspace, "m", "spaq", {"folder/1.jpg": 3.0})
    with pytest.raises(DataError, match=r"No picture of .*spaq\.parquet is in the manifest"):
        measure_benchmarks(workspace, read_manifests(manifests), 400)


def test_manifests_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no score manifests"):
        read_manifests(tmp_path)
    (tmp_path / "a.csv").write_text("image,score\nx.jpg,1\n")
    with pytest.raises(DataError, match="needs the columns 'image' and 'mos'"):
        read_manifests(tmp_path)
    (tmp_path / "a.csv").write_text("image,mos\nx.jpg,1\nx.jpg,2\n")
    with pytest.raises(DataError, match=r"lists x\.jpg twice"):
        read_manifests(tmp_path)
    (tmp_path / "a.csv").write_text("image,mos,mos\nx.jpg,1,2\n")
    with pytest.raises(DataError, match="a column twice"):
        read_manifests(tmp_path)


def test_manifests_an_unknown_score_is_nan(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("image,mos\nx.jpg,1\ny.jpg,\n")
    found = read_manifests(tmp_path)["a"]
    assert found["x.jpg"] == 1 and np.isnan(found["y.jpg"])
