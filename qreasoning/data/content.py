"""What a dataset version will hold: the deciding part of the build, which writes nothing."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qreasoning import __version__
from qreasoning.data.pictures import Picture, annotated_pictures, merge, scored_pictures
from qreasoning.data.projects import Checked, Project, check_annotation, read_project
from qreasoning.data.pseudonyms import read_key
from qreasoning.data.rows import Row, by_split, chains_row
from qreasoning.data.spec import SPLITS, BuildSpec
from qreasoning.data.splits import assign_splits
from qreasoning.data.version import content_hash
from qreasoning.dimensions import load_dimensions
from qreasoning.errors import DataError, SettingsError
from qreasoning.records import annotation_row
from qreasoning.scores import read_scores
from qreasoning.workspace import Workspace


@dataclass(frozen=True)
class Content:
    """What a version will hold. `files` are the picture files by `image_id`."""

    chains: Mapping[str, Sequence[Row]]
    annotations: Mapping[str, Sequence[Row]]
    quarantine: Sequence[Row]
    files: Mapping[str, Path | None]
    dimension_ids: tuple[str, ...]
    simulated: bool


def gather(spec: BuildSpec, workspace: Workspace, say: Callable[[str], None]) -> Content:
    """Read, check, merge and split; every picture is read and decoded.

    Raises DataError or SettingsError naming the place and the remedy.
    """
    dimensions = load_dimensions(workspace.settings("annotation", spec.dimensions, "dimensions"))
    projects = [read_project(name, dimensions.ids, workspace) for name in spec.projects]
    simulated = spec.simulated or any(project.simulated for project in projects)
    _refuse_hidden_simulation(spec.name, simulated)
    checked = _check(projects, spec, dimensions.ids, workspace)
    pictures = _pictures(projects, checked, spec, workspace, say)
    splits = assign_splits(pictures, spec.splits)
    kept = [each for picture in pictures for each in picture.annotations]
    return Content(
        chains=by_split(
            ((splits[each.image_id], chains_row(each, splits[each.image_id])) for each in pictures),
            SPLITS,
        ),
        annotations=by_split(
            ((splits[each.image_id], annotation_row(each, [])) for each in kept), SPLITS
        ),
        quarantine=[
            annotation_row(each.annotation, each.reasons)
            for rows in checked.values()
            for each in rows
            if each.reasons
        ],
        files={each.image_id: each.file for each in pictures},
        dimension_ids=dimensions.ids,
        simulated=simulated,
    )


def _refuse_hidden_simulation(name: str, simulated: bool) -> None:
    if simulated and "simulated" not in name.lower():
        raise SettingsError(
            f"The dataset '{name}' holds simulated data, and its name does not say so. "
            f"Rename it in its settings, for example name: {name}-simulated"
        )


def _check(
    projects: Sequence[Project],
    spec: BuildSpec,
    dimension_ids: Sequence[str],
    workspace: Workspace,
) -> dict[str, list[Checked]]:
    if not projects:
        return {}
    key = read_key(workspace.root)
    return {
        project.name: [
            check_annotation(each, spec.rules, dimension_ids, key) for each in project.annotations
        ]
        for project in projects
    }


def _pictures(
    projects: Sequence[Project],
    checked: Mapping[str, Sequence[Checked]],
    spec: BuildSpec,
    workspace: Workspace,
    say: Callable[[str], None],
) -> list[Picture]:
    found: list[Picture] = []
    for score_set in spec.score_sets:
        scores = read_scores(score_set, workspace.root)
        found += scored_pictures(score_set, scores, workspace.root, say)
    for project in projects:
        kept = [each for each in checked[project.name] if not each.reasons]
        found += annotated_pictures(project, kept)
    if not found:
        raise DataError(
            f"Every annotation for the dataset '{spec.name}' breaks a rule, so there is no picture "
            "to build it from. Correct the annotations, or relax 'rules' in its settings."
        )
    return merge(found)


def facts_of(spec: BuildSpec, content: Content) -> dict[str, Any]:
    """What the manifest and the card say of a version: the content's hash, counts, settings."""
    identity_facts = {
        "name": spec.name,
        "simulated": content.simulated,
        "dimensions": list(content.dimension_ids),
    }
    tables = {
        **{f"chains/{split}": rows for split, rows in content.chains.items()},
        **{f"annotations/{split}": rows for split, rows in content.annotations.items()},
        "quarantine": content.quarantine,
    }
    return {
        **identity_facts,
        "content_sha256": content_hash(tables, identity_facts),
        "counts": _counts(content),
        "settings": spec.model_dump(mode="json"),
        "made_by": f"qreasoning {__version__}",
    }


def _counts(content: Content) -> dict[str, Any]:
    rows = [row for part in content.chains.values() for row in part]
    supervised = sum(row["mos_source"] == "benchmark" and bool(row["chains"]) for row in rows)
    chain_only = sum(row["mos_source"] != "benchmark" for row in rows)
    # "caption too short (2 of 3 words)" counts as "caption too short".
    reasons = Counter(
        reason.partition(" (")[0] for row in content.quarantine for reason in row["findings"]
    )
    return {
        "images": {split: len(part) for split, part in content.chains.items()},
        "annotations": {split: len(part) for split, part in content.annotations.items()},
        "chains": {
            split: sum(bool(row["chains"]) for row in part)
            for split, part in content.chains.items()
        },
        "supervised": supervised,
        "chain_only": chain_only,
        "mos_only": len(rows) - supervised - chain_only,
        "quarantined": len(content.quarantine),
        "reasons": dict(sorted(reasons.items())),
    }
