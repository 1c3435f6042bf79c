"""The files of a report: the page, the flat records, and the values per picture."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from qreasoning.analysis.findings import Findings
from qreasoning.analysis.flat import Record
from qreasoning.analysis.pictures import Answers


def write(
    draft: Path,
    page: str,
    findings: Sequence[Findings],
    records: Sequence[Record],
    meta: Mapping[str, Any],
) -> None:
    """Write `index.html`, `metrics.json` and `per_image.parquet` into a folder."""
    table = pa.concat_tables(
        [_table(each, answers) for each in findings for answers in each.answers],
        promote_options="default",
    )
    parquet.write_table(table, draft / "per_image.parquet")
    signs = {each.pictures.split: [asdict(s) for s in each.signatures] for each in findings}
    # JSON has no nan: null in `value` is an undefined number.
    shown = [{key: _or_none(value) for key, value in each.items()} for each in records]
    content = {"meta": {**meta, "signatures": signs}, "records": shown}
    text = json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False)
    (draft / "metrics.json").write_text(text + "\n", encoding="utf-8")
    (draft / "index.html").write_text(page, encoding="utf-8")


def _or_none(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _table(findings: Findings, answers: Answers) -> pa.Table:
    """A row per picture of one model and condition.

    `rating` is nan where it could not be read. A text metric is nan where the picture was not
    predicted, null where there is no human chain or, in the caption condition, no text.
    """
    pictures = findings.pictures
    length = len(pictures.rows)
    columns: dict[str, Any] = {
        "model": pa.array([answers.model] * length),
        "condition": pa.array([answers.condition] * length),
        "split": pa.array([pictures.split] * length),
        "image_id": pa.array(pictures.ids),
        "name": pa.array([row["name"] for row in pictures.rows]),
        "mos": pa.array(pictures.mos),
        "mos_set": pa.array([row["mos_set"] for row in pictures.rows], pa.string()),
        "rating": pa.array(answers.ratings),
        "status": pa.array(answers.statuses),
        "annotators": pa.array(pictures.counts.astype(np.int32)),
    }
    image = answers.condition == "image"
    column = findings.models.index(answers.model) if image else 0
    none = (pictures.counts == 0) if image else np.ones(length, dtype=bool)
    for standing in findings.standings:
        measure = standing.measure
        name = _COLUMNS.get(measure.name, measure.name)
        columns[name] = pa.array(measure.values[:, column], mask=none)
        columns[f"{name}_mismatched"] = pa.array(measure.floor[:, column], mask=none)
        columns[f"{name}_people"] = pa.array(measure.ceiling, mask=none)
    return pa.table(columns)


_COLUMNS = {"rouge1": "fmeasure", "rouge1_p": "precision", "rouge1_r": "recall"}
