"""A small dataset version on disk, and predictions on it."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from qreasoning.analysis.pictures import answers_of, pictures_of
from qreasoning.files import write_manifest
from qreasoning.images import identity
from qreasoning.records import chains_schema, predictions_schema
from qreasoning.workspace import Workspace

Row = dict[str, Any]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty study; its reports have few bootstrap replicates."""
    for name in ("annotation", "training", "analysis"):
        (tmp_path / name).mkdir()
    (tmp_path / "analysis" / "report.yaml").write_text("replicates: 400\n")
    return Workspace(tmp_path)


def _png(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def picture() -> Callable[..., Row]:
    """A `chains` row: number, MOS and the human texts (caption, reasoning) of it."""

    def make(number: int, mos: float | None, *texts: tuple[str, str], **changes: Any) -> Row:
        content = _png(number)
        chains = [
            {
                "annotator": f"a-{place:010d}",
                "caption": caption,
                "reasoning": reasoning,
                "rating": 3.0,
                "prelabelled": False,
            }
            for place, (caption, reasoning) in enumerate(texts)
        ]
        row = dict.fromkeys(chains_schema().names)
        return {
            **row,
            "image_id": identity(content),
            "name": f"p{number}.png",
            "split": "test",
            "image": {"bytes": content, "path": f"p{number}.png"},
            "mos": mos,
            "mos_set": "koniq",
            "human_n": len(chains),
            "chains": chains,
            **changes,
        }

    return make


@pytest.fixture
def prediction() -> Callable[..., Row]:
    """A predictions row for a picture; `rating` None makes it unreadable."""

    def make(
        picture: Row,
        rating: float | None,
        text: tuple[str, str] = ("", ""),
        condition: str = "image",
        **changes: Any,
    ) -> Row:
        row = dict.fromkeys(predictions_schema().names)
        return {
            **row,
            "image_id": picture["image_id"],
            "name": picture["name"],
            "condition": condition,
            "raw": "raw text",
            "caption": text[0] or None,
            "reasoning": text[1] or None,
            "rating": rating,
            "status": "missing rating" if rating is None else "ok",
            "model_id": "base",
            **changes,
        }

    return make


@pytest.fixture
def answer(picture: Callable[..., Row], prediction: Callable[..., Row]) -> Callable[..., Any]:
    """Pictures and one model's answers to them in the image condition, from texts and ratings.

    Each of `given` is (MOS, human texts, model text, rating); every text is a caption.
    """

    def make(*given: tuple[float, list[str], str | None, float | None], model: str = "m") -> Any:
        rows = [
            picture(n, mos, *((text, "") for text in humans))
            for n, (mos, humans, _, _) in enumerate(given)
        ]
        said = [
            prediction(row, rating, (text, ""))
            for row, (_, _, text, rating) in zip(rows, given, strict=True)
            if text is not None
        ]
        pictures = pictures_of("test", rows)
        return pictures, answers_of(model, pictures, said)

    return make


@pytest.fixture
def write_dataset(workspace: Workspace) -> Callable[..., Path]:
    """Writes `chains` rows as the test split of a dataset version."""

    def write(rows: list[Row], name: str = "small", simulated: bool = False) -> Path:
        folder = workspace.datasets / name / "1.0.0"
        (folder / "data" / "chains").mkdir(parents=True)
        table = pa.Table.from_pylist(rows, schema=chains_schema())
        parquet.write_table(table, folder / "data/chains/test-00000-of-00001.parquet")
        write_manifest(folder, {"simulated": simulated, "content_sha256": "c" * 64})
        return folder

    return write


@pytest.fixture
def write_predictions(workspace: Workspace) -> Callable[..., Path]:
    """Writes one model's predictions file."""

    def write(model: str, rows: list[Row], data: str = "small-1.0.0-test") -> Path:
        path = workspace.predictions / model / f"{data}.parquet"
        path.parent.mkdir(parents=True)
        parquet.write_table(pa.Table.from_pylist(rows, schema=predictions_schema()), path)
        return path

    return write


@pytest.fixture
def small_report(
    picture: Callable[..., Row],
    prediction: Callable[..., Row],
    write_dataset: Callable[..., Path],
    write_predictions: Callable[..., Path],
) -> Callable[..., Path]:
    """A dataset of 15 pictures and the predictions of two models; returns the dataset's folder.

    `text` is what every person and every model says.
    """

    def make(text: str = "A plain picture.", simulated: bool = False) -> Path:
        rows = [picture(n, 1 + n / 4, (text, text), (text, "other words")) for n in range(15)]
        for model, tilt in (("before", 0.5), ("after", 1.0)):
            said = []
            for number, row in enumerate(rows):
                rating = None if number == 7 else round(3 + tilt * (number / 4 - 2), 2)
                said.append(prediction(row, rating, (text, text), raw=text))
                said.append(prediction(row, 2 + number % 5 / 2, condition="caption"))
            write_predictions(model, said)
        return write_dataset(rows, simulated=simulated)

    return make
