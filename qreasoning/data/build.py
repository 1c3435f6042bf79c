"""The stage `build-dataset`: from annotations and score lists to one immutable dataset version."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from qreasoning import files
from qreasoning.data import card, croissant
from qreasoning.data.assembly import Assembled, assemble
from qreasoning.data.facts import difference_facts, difference_of, facts_of
from qreasoning.data.place import building, make_room, put_in_place
from qreasoning.data.previous import QUARANTINE, newest
from qreasoning.data.shard import LEFT_OUT_SCHEMA
from qreasoning.data.sources import Sources, read_sources
from qreasoning.data.spec import BuildSpec
from qreasoning.data.tables import with_features
from qreasoning.data.version import next_version
from qreasoning.data.writing import gather_parts
from qreasoning.records import annotations_schema
from qreasoning.workspace import Workspace

QUARANTINE_IMAGES = "quarantine_images.parquet"


@dataclass(frozen=True)
class BuildReport:
    """What was built. `new` is False where this content already was the newest version.

    `images`, `annotations` and `chains` count per split: pictures, kept annotations, and pictures
    with at least one human chain. `quarantined` annotations are kept aside for `reasons`, others
    kept with `warnings`; `quarantined_images` are in no split for `image_reasons`. `why` explains
    the version: what differs from the one before.
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
    warnings: Mapping[str, int]
    quarantined_images: int
    image_reasons: Mapping[str, int]
    leaks: int
    why: tuple[str, ...]

    @property
    def findings(self) -> int:
        """How many things were found, of any severity."""
        counted = (self.reasons, self.warnings, self.image_reasons)
        return sum(sum(each.values()) for each in counted) + self.leaks


def build_dataset(
    spec: BuildSpec, workspace: Workspace, say: Callable[[str], None] = lambda _: None
) -> BuildReport:
    """Build the dataset of `spec` as a new version, or find that the newest one is the same.

    The version appears whole or not at all. Raises DataError or SettingsError naming the place and
    the remedy, also where another build is at work in the study.
    """
    with building(workspace):
        say("reading annotations, scores and pictures")
        sources = read_sources(spec, workspace)
        folder = workspace.datasets / spec.name
        with TemporaryDirectory(dir=make_room(workspace)) as name:
            return _build(sources, folder, Path(name), say)


def _build(sources: Sources, folder: Path, work: Path, say: Callable[[str], None]) -> BuildReport:
    before = newest(folder)
    made = assemble(sources, before, work, say)
    facts = facts_of(sources, made)
    difference = difference_of(facts, made, before)
    facts["diff"] = difference_facts(difference, before)
    new = before is None or before.manifest.get("content_sha256") != facts["content_sha256"]
    if new:
        level = difference.level or "patch"
        version = next_version(folder, before.number if before else None, level)
        say(f"writing {sources.spec.name} {version}")
        facts = _finished({**facts, "version": version}, made, sources, work)
        put_in_place(made.draft, folder / version, made.index, facts["content_sha256"])
    else:
        version = before.number if before else ""
    text = (folder / version / card.FILE).read_text(encoding="utf-8")
    cards = sources.root / "data_cards"
    files.write_text(cards / f"{sources.spec.name}-{version}.md", text)
    return _report(folder / version, new, facts, made)


def _finished(
    facts: dict[str, Any], made: Assembled, sources: Sources, work: Path
) -> dict[str, Any]:
    """Write what is not divided; the manifest comes last."""
    schema = with_features(annotations_schema(sources.dimension_ids))
    gather_parts(work, "quarantine", made.shards, made.draft / QUARANTINE, schema)
    if made.counts["quarantined_images",]:
        schema = with_features(LEFT_OUT_SCHEMA)
        gather_parts(work, "left-out", made.shards, made.draft / QUARANTINE_IMAGES, schema)
    (made.draft / card.FILE).write_text(card.render(facts), encoding="utf-8")
    digests = files.sha256_files(made.draft)
    files.write_json(made.draft / croissant.FILE, croissant.croissant(facts, digests))
    files.write_manifest(made.draft, facts, digests)
    return facts


def _report(folder: Path, new: bool, facts: Mapping[str, Any], made: Assembled) -> BuildReport:
    counts = facts["counts"]
    return BuildReport(
        folder=folder,
        version=folder.name,
        new=new,
        simulated=facts["simulated"],
        leaks=len(made.leaks),
        why=tuple(facts["diff"]["why"]),
        **{
            name: counts[name]
            for name in (
                *("images", "annotations", "chains", "quarantined", "reasons", "warnings"),
                *("quarantined_images", "image_reasons"),
            )
        },
    )
