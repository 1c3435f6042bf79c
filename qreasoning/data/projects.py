"""Reading what the annotation stage pulled, and checking it against the rules."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from pyarrow import parquet

from qreasoning.data.pseudonyms import pseudonym
from qreasoning.errors import DataError
from qreasoning.files import read_manifest
from qreasoning.records import Annotation, Rules, annotations_schema, check
from qreasoning.workspace import Workspace, slug

TABLE = "table.parquet"


@dataclass(frozen=True)
class Project:
    """The pulled annotations of one project; `images` is the folder of its pictures."""

    name: str
    images: Path
    simulated: bool
    annotations: tuple[Annotation, ...]


@dataclass(frozen=True)
class Checked:
    """An annotation under its annotator's pseudonym, and the rules it breaks (none: it is kept)."""

    annotation: Annotation
    reasons: tuple[str, ...]


def read_project(name: str, dimension_ids: Sequence[str], workspace: Workspace) -> Project:
    """Read `outputs/annotations/<name>`.

    Raises DataError where nothing was annotated yet, the table has other columns than the
    dimensions ask for, or an annotator appears twice for one picture.
    """
    folder = workspace.annotations / slug(name)
    manifest = read_manifest(folder)
    if manifest is None or not (folder / TABLE).is_file():
        raise _nothing_yet(name, folder)
    table = parquet.read_table(folder / TABLE)
    expected = annotations_schema(dimension_ids)
    if table.schema.names != expected.names:
        other = sorted(set(table.schema.names) ^ set(expected.names))
        raise DataError(
            f"{folder / TABLE} was made with other dimensions (columns that differ: "
            f"{', '.join(other[:3]) or 'their order'}). Name the project's own file under "
            "'dimensions' in the dataset's settings."
        )
    rows = table.cast(expected).to_pylist()
    if not rows:
        raise _nothing_yet(name, folder)
    annotations = tuple(sorted((_annotation(row, dimension_ids) for row in rows), key=_key))
    _refuse_repeated(annotations, folder / TABLE)
    images = workspace.root / str(manifest["images"])
    return Project(name, images, bool(manifest.get("simulated")), annotations)


def check_annotation(
    annotation: Annotation, rules: Rules, dimension_ids: Sequence[str], key: bytes
) -> Checked:
    """Check against the rules, and replace the log-in by its pseudonym."""
    hidden = replace(annotation, annotator=pseudonym(annotation.annotator, key))
    return Checked(hidden, tuple(check(annotation, rules, dimension_ids)))


def _annotation(row: dict[str, Any], dimension_ids: Sequence[str]) -> Annotation:
    return Annotation(
        ratings={each: row.pop(each) for each in dimension_ids},
        notes={each: row.pop(f"{each}_note") for each in dimension_ids},
        caption=row.pop("caption") or "",
        reasoning=row.pop("reasoning") or "",
        prelabelled=bool(row.pop("prelabelled")),
        labels=tuple(row.pop("labels") or ()),
        # Found when it was pulled, by the project's rules; the dataset's own rules decide here.
        **{key: value for key, value in row.items() if key != "findings"},
    )


def _key(annotation: Annotation) -> tuple[str, str, str]:
    return annotation.image_id, annotation.name, annotation.annotator


def _refuse_repeated(annotations: Sequence[Annotation], path: Path) -> None:
    for one, next_one in pairwise(annotations):
        if (one.image_id, one.annotator) == (next_one.image_id, next_one.annotator):
            raise DataError(
                f"{path} holds two annotations of {next_one.name} by one annotator. Pull the "
                f"annotations again with: qr annotate --project {one.project} --once"
            )


def _nothing_yet(name: str, folder: Path) -> DataError:
    return DataError(
        f"Project '{name}' has no annotations yet ({folder / TABLE}). "
        f"Collect some with: qr annotate --project {name}"
    )
