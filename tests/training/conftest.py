"""A small warmed-up model and small datasets for the training tests."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qreasoning.files import write_manifest
from qreasoning.images import identity
from qreasoning.records import chains_schema
from qreasoning.simulation.annotators import answer
from qreasoning.simulation.photographs import draw_scenes, picture
from qreasoning.simulation.warm_up import ensure_base
from qreasoning.workspace import cache_folder


@pytest.fixture(scope="session")
def base(small_warm_up):
    """A tiny model that writes mostly readable chains; cached between test runs."""
    return ensure_base(cache_folder(), warm_up=small_warm_up)


@pytest.fixture
def make_dataset(tmp_path):
    """Write a dataset version; `change` edits each row before it is written."""

    def make(counts, change=lambda row: row, name="demo-simulated"):
        folder = tmp_path / "datasets" / name / "1.0.0"
        (folder / "data" / "chains").mkdir(parents=True)
        for split, count in counts.items():
            rows = [change(_row(scene)) for scene in draw_scenes(count, split, 0)]
            table = pa.Table.from_pylist(rows, schema=chains_schema())
            pq.write_table(table, folder / "data" / "chains" / f"{split}-00000.parquet")
        write_manifest(folder, {"simulated": True, "content_sha256": "c0ffee"})
        return folder

    return make


def _row(scene):
    buffer = io.BytesIO()
    picture(scene).save(buffer, "PNG")
    given = answer(scene, 1, 0)
    chain = {
        "annotator": "a1",
        "caption": given.caption,
        "reasoning": given.reasoning,
        "rating": float(given.overall),
        "prelabelled": False,
    }
    return {
        "image_id": identity(buffer.getvalue()),
        "name": scene.name,
        "source": "simulated",
        "reference_id": scene.region,
        "split": scene.split,
        "image": {"bytes": buffer.getvalue(), "path": scene.name},
        "mos": scene.mos,
        "mos_source": "benchmark",
        "mos_set": "simulated",
        "mos_raw": scene.mos,
        "chains": [chain],
    }
