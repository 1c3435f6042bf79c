"""What of a version may be published: all of it but pictures that no licence lets go, answers of
people whom a project excludes, and what was never submitted.

An annotator who takes their consent back is excluded; that promise reaches the rows kept aside.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from qreasoning.arrow import open_parquet
from qreasoning.data import card, croissant
from qreasoning.data.previous import QUARANTINE
from qreasoning.data.projects import STATES
from qreasoning.data.validation import EXCLUDED, having_label
from qreasoning.errors import DataError
from qreasoning.files import MANIFEST, sha256_files, write_json, write_manifest, write_text

_MADE_ANEW = (card.FILE, croissant.FILE, MANIFEST, QUARANTINE)


@dataclass(frozen=True)
class Publishable:
    """A version as it may be published, and how many pictures (by source) and answers that were
    kept aside (by reason) it leaves out."""

    folder: Path
    pictures_withheld: Mapping[str, int]
    answers_withheld: Mapping[str, int]


def publishable(folder: Path, manifest: Mapping[str, Any], place: Path, day: date) -> Publishable:
    """The version in `folder` in a new folder in `place`: links to what goes as it is, and the rest
    made anew; `day`, that of the publication, goes into its Croissant description.

    Raises DataError where answers of excluded annotators are in the data themselves.
    """
    _refuse_excluded(folder)
    licences = manifest.get("licences") or {}
    free = {source for source, terms in licences.items() if terms["share_pictures"]}
    staged = place / folder.name
    pictures: Counter[str] = Counter()
    for file in (each for each in sorted(folder.rglob("*")) if each.is_file()):
        name = file.relative_to(folder)
        (staged / name).parent.mkdir(parents=True, exist_ok=True)
        if name.parts[:2] == ("data", "chains") and _held_back(file, free):
            pictures += _without_pictures(file, staged / name, free)
        elif name.as_posix() not in _MADE_ANEW:
            (staged / name).symlink_to(file.resolve())
    answers = _without_withheld(folder / QUARANTINE, staged / QUARANTINE)
    facts = {key: value for key, value in manifest.items() if key != "files"}
    facts["pictures_withheld"] = dict(sorted(pictures.items()))
    facts["answers_withheld"] = dict(sorted(answers.items()))
    write_text(staged / card.FILE, card.render(facts))
    digests = sha256_files(staged)
    write_json(staged / croissant.FILE, croissant.croissant(facts, digests, day))
    write_manifest(staged, facts, digests)
    return Publishable(staged, facts["pictures_withheld"], facts["answers_withheld"])


def _refuse_excluded(folder: Path) -> None:
    count = 0
    for file in (folder / "data" / "annotations").glob("*.parquet"):
        labels = parquet.read_table(file, columns=["labels"])["labels"]
        count += int(having_label(labels, EXCLUDED).sum())
    if count:
        raise DataError(
            f"{folder} holds {count:,} answers of annotators whom a project excludes, and cannot "
            "be published. Set severity: {excluded: reject} under 'rules' and build again."
        )


def _without_withheld(file: Path, into: Path) -> Counter[str]:
    """Copy the answers that were kept aside, without those that may not go; how many, by reason."""
    withheld: Counter[str] = Counter()
    schema = parquet.read_schema(file)
    with (
        open_parquet(file) as source,
        parquet.ParquetWriter(into, schema, compression="zstd") as writer,
    ):
        for number in range(source.num_row_groups):
            table = source.read_row_group(number)
            columns = (table[name].to_pylist() for name in ("labels", "findings"))
            reasons = [_reason(*lists) for lists in zip(*columns, strict=True)]
            withheld.update(each for each in reasons if each is not None)
            kept = pa.array([each is None for each in reasons], pa.bool_())
            writer.write_table(table.filter(kept))
    return withheld


def _reason(labels: list[str] | None, findings: list[str]) -> str | None:
    """Why a row that was kept aside may not be published, or None."""
    if EXCLUDED in (labels or ()):
        return "annotator excluded"
    return "never submitted" if set(STATES) & set(findings) else None


def _held_back(file: Path, free: set[str]) -> bool:
    """Whether a file has a picture of a source whose pictures are not free."""
    with open_parquet(file) as source:
        for batch in source.iter_batches(columns=["source", "image.path"]):
            for name, image in zip(*map(pa.Array.to_pylist, batch.columns), strict=True):
                if name not in free and image is not None:
                    return True
    return False


def _without_pictures(file: Path, into: Path, free: set[str]) -> Counter[str]:
    """Copy a file with null for each picture that is not free; how many, by source."""
    withheld: Counter[str] = Counter()
    with open_parquet(file) as source:
        schema = source.schema_arrow
        place = schema.get_field_index("image")
        with parquet.ParquetWriter(into, schema, use_dictionary=False) as writer:
            for number in range(source.num_row_groups):
                table = source.read_row_group(number)
                sources = table.column("source").to_pylist()
                images = table.column("image").to_pylist()
                kept = [
                    image if name in free else None
                    for name, image in zip(sources, images, strict=True)
                ]
                withheld.update(
                    name
                    for name, image in zip(sources, images, strict=True)
                    if name not in free and image is not None
                )
                column = pa.array(kept, schema.field("image").type)
                writer.write_table(table.set_column(place, schema.field("image"), column))
    return withheld
