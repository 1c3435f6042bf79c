"""The stage `build-dataset`: from annotations and score lists to one immutable dataset version."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qreasoning import files
from qreasoning.data import card
from qreasoning.data.content import Content, facts_of, gather
from qreasoning.data.rows import Row
from qreasoning.data.spec import SPLITS, BuildSpec
from qreasoning.data.tables import write_table
from qreasoning.data.version import newest_version, next_version
from qreasoning.errors import DataError
from qreasoning.images import identity
from qreasoning.records import annotations_schema, chains_schema
from qreasoning.workspace import Workspace


@dataclass(frozen=True)
class BuildReport:
    """What was built. `new` is False where this content already was the newest version.

    `images`, `annotations` and `chains` count per split: pictures, kept annotations, and pictures
    with at least one human chain. `quarantined` annotations are kept aside for `reasons`.
    """

    folder: Path
    version: str
    new: bool
    simulated: bool
    images: Mapping[str, int]
    annotations: Mapping[str, int]
    chains: Mapping[str, int]
    quarantined: int
    reasons: Mapping[str, int]


def build_dataset(
    spec: BuildSpec, workspace: Workspace, say: Callable[[str], None] = lambda _: None
) -> BuildReport:
    """Build the dataset of `spec` as a new version, or find that the newest one is the same.

    Every picture is read and decoded before anything is written, and the version appears whole or
    not at all. Raises DataError or SettingsError naming the place and the remedy.
    """
    say("reading annotations, scores and pictures")
    content = gather(spec, workspace, say)
    facts = facts_of(spec, content)
    folder = workspace.datasets / spec.name
    newest = newest_version(folder)
    manifest = files.read_manifest(folder / newest) if newest else None
    new = manifest is None or manifest.get("content_sha256") != facts["content_sha256"]
    version = next_version(newest) if new else str(newest)
    if new:
        say(f"writing {spec.name} {version}")
        files.make_folder(folder / version, lambda draft: _write(draft, version, facts, content))
    text = (folder / version / card.FILE).read_text(encoding="utf-8")
    files.write_text(workspace.root / "data_cards" / f"{spec.name}-{version}.md", text)
    counts = facts["counts"]
    return BuildReport(
        folder=folder / version,
        version=version,
        new=new,
        simulated=content.simulated,
        images=counts["images"],
        annotations=counts["annotations"],
        chains=counts["chains"],
        quarantined=counts["quarantined"],
        reasons=counts["reasons"],
    )


def _write(draft: Path, version: str, facts: Mapping[str, Any], content: Content) -> None:
    def image(row: Row) -> Row | None:
        file = content.files[row["image_id"]]
        return None if file is None else {"bytes": _unchanged(file, row), "path": row["name"]}

    annotations = annotations_schema(content.dimension_ids)
    for split in SPLITS:
        file = f"{split}-00000-of-00001.parquet"
        write_table(draft / "data/chains" / file, content.chains[split], chains_schema(), image)
        rows = content.annotations[split]
        write_table(draft / "data/annotations" / file, rows, annotations, image)
    write_table(draft / "quarantine.parquet", content.quarantine, annotations, image)
    facts = {**facts, "version": version}
    (draft / card.FILE).write_text(card.render(facts), encoding="utf-8")
    files.write_manifest(draft, facts)


def _unchanged(file: Path, row: Row) -> bytes:
    content = file.read_bytes()
    if identity(content) != row["image_id"]:
        raise DataError(f"{file} changed while the dataset was built. Build it again.")
    return content
