"""A simulated dataset version for the training benchmarks: pictures, MOS and people's chains."""

import io
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq

from qreasoning.files import make_folder, write_manifest
from qreasoning.images import identity
from qreasoning.records import chains_schema
from qreasoning.simulation.annotators import answer
from qreasoning.simulation.photographs import draw_scenes, picture

PEOPLE = 3


def write_dataset(folder, counts, annotated, seed):
    """`counts` pictures per split, of which one of three people wrote about `annotated` each.

    Test pictures come from regions of the photographs that no training picture shows. A crop that
    equals an earlier one to the byte is left out. Returns the folder.
    """

    def fill(draft):
        (draft / "data" / "chains").mkdir(parents=True)
        seen = set()
        for split, count in counts.items():
            chosen = set(Random(f"annotated {seed} {split}").sample(range(count), annotated[split]))
            rows = [
                _row(scene, number % PEOPLE + 1 if number in chosen else None, seed)
                for number, scene in enumerate(draw_scenes(count, split, seed))
            ]
            new = [
                row for row in rows if not (row["image_id"] in seen or seen.add(row["image_id"]))
            ]
            table = pa.Table.from_pylist(new, schema=chains_schema())
            pq.write_table(table, draft / "data" / "chains" / f"{split}-00000.parquet")
        write_manifest(draft, {"simulated": True, "seed": seed})

    if not folder.is_dir():
        make_folder(folder, fill)
    return folder


def _row(scene, person, seed):
    buffer = io.BytesIO()
    picture(scene).save(buffer, "PNG")
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
        "mos_std": scene.mos_std,
        "chains": [_chain(scene, person, seed)] if person else [],
    }


def _chain(scene, person, seed):
    given = answer(scene, person, seed)
    return {
        "annotator": f"simulated-{person}",
        "caption": given.caption,
        "reasoning": given.reasoning,
        "rating": float(given.overall),
        "prelabelled": False,
    }
