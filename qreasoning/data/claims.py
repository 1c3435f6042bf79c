"""What texts say against the ratings given: taken over from the pull where it looked at the same
rows, else looked for text by text."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from qreasoning.checks.contradictions import text_rule
from qreasoning.checks.findings import CONTRADICTS, text_findings
from qreasoning.data.projects import TABLE, Project
from qreasoning.data.validation import Found
from qreasoning.files import sha256_file
from qreasoning.records import Annotation

FINDINGS = "findings.parquet"


def pulled_claims(project: Project) -> pa.Table | None:
    """The findings of this kind that the pull made (`key` of the answer, `text`), or None where it
    looked at another table or with another version of the rule."""
    path = project.folder / FINDINGS
    if project.rules.of("claims") == "off" or not path.is_file():
        return None
    about = parquet.read_schema(path).metadata or {}
    if about.get(b"text_rule") != text_rule().encode():
        return None
    if about.get(b"table") != sha256_file(project.folder / TABLE).encode():
        return None
    found = parquet.read_table(path, columns=["image_id", "annotator", "finding", "detail"])
    found = found.filter(pc.starts_with(found["finding"], CONTRADICTS))
    texts = pc.binary_join_element_wise(found["finding"], " (", found["detail"], ")", "")
    return pa.table({"key": _keys(found), "text": texts})


def claim_findings(
    piece: pa.Table, project: Project, pulled: pa.Table | None, dimension_ids: Sequence[str]
) -> list[Found]:
    """The findings about the rows of a piece (with log-ins, as in the pull)."""
    if project.rules.of("claims") == "off":
        return []
    if pulled is not None:
        rows = pc.index_in(pulled["key"], value_set=_keys(piece).combine_chunks()).to_pylist()
        texts = pulled["text"].to_pylist()
        return [
            Found(row, "claims", text)
            for row, text in zip(rows, texts, strict=True)
            if row is not None
        ]
    return [
        Found(number, "claims", text)
        for number, row in enumerate(piece.to_pylist())
        for text in text_findings(_annotation(row, dimension_ids))
    ]


def _keys(rows: pa.Table) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(rows["image_id"], rows["annotator"], "\n")


def _annotation(row: dict[str, Any], dimension_ids: Sequence[str]) -> Annotation:
    return Annotation(
        ratings={each: row.pop(each) for each in dimension_ids},
        notes={each: row.pop(f"{each}_note") for each in dimension_ids},
        caption=row.pop("caption") or "",
        reasoning=row.pop("reasoning") or "",
        prelabelled=bool(row.pop("prelabelled")),
        labels=tuple(row.pop("labels") or ()),
        **{key: value for key, value in row.items() if key not in ("findings", "state")},
    )
