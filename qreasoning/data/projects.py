"""Reading what the annotation stage pulled, in pieces."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from qreasoning.arrow import open_parquet
from qreasoning.data.rules import DatasetRules
from qreasoning.data.spec import BuildSpec
from qreasoning.errors import DataError, SettingsError
from qreasoning.files import read_manifest
from qreasoning.records import annotations_schema, people_digest
from qreasoning.settings import read_yaml, validate
from qreasoning.workspace import Workspace, slug

TABLE = "table.parquet"
HISTORY = "history.parquet"
STATES = ("skipped", "draft")
"""The reasons in the history for which an answer never came to be."""
ROWS = 16_384
"""Rows that are read at once."""


@dataclass(frozen=True)
class Project:
    """The pulled annotations of one project; `images` is the folder of its pictures, `rows` the
    number of answers, `rules` what they are checked against."""

    name: str
    folder: Path
    images: Path
    simulated: bool
    rows: int
    rules: DatasetRules


def read_project(
    name: str, dimension_ids: Sequence[str], spec: BuildSpec, workspace: Workspace
) -> Project:
    """Look at `outputs/annotations/<name>`.

    Raises DataError where nothing was annotated yet, the table is damaged, has other columns than
    the dimensions ask for or was made before others were excluded; SettingsError where the
    project's rules cannot be read.
    """
    folder = workspace.annotations / slug(name)
    manifest = read_manifest(folder)
    if manifest is None or not (folder / TABLE).is_file():
        raise _nothing_yet(name, folder)
    with _opened(folder / TABLE, name) as file:
        names, count = file.schema_arrow.names, file.metadata.num_rows
    expected = annotations_schema(dimension_ids).names
    if names != expected:
        other = sorted(set(names) ^ set(expected))
        raise DataError(
            f"{folder / TABLE} was made with other dimensions (columns that differ: "
            f"{', '.join(other[:3]) or 'their order'}). Name the project's own file under "
            "'dimensions' in the dataset's settings."
        )
    if not count:
        raise _nothing_yet(name, folder)
    images = workspace.root / str(manifest["images"])
    path, content = _project_file(name, workspace)
    if manifest.get("excluded", people_digest([])) != people_digest(_people(content)):
        raise DataError(
            f"{path} excludes others than {folder / TABLE} was made with. Make it again with: "
            f"qr annotate rebuild --project {name}"
        )
    rules = spec.rules or _rules(path, content)
    return Project(name, folder, images, bool(manifest.get("simulated")), count, rules)


def answers(project: Project, dimension_ids: Sequence[str]) -> Iterator[pa.Table]:
    """The answers in pieces: the columns of `annotations_schema` and `state`, which is null, or
    `skipped` or `draft` for what was never submitted."""
    schema = annotations_schema(dimension_ids)
    for piece in _pieces(project.folder / TABLE, project.name, schema.names):
        nothing = pa.nulls(piece.num_rows, pa.string())
        yield piece.cast(schema).append_column("state", nothing)
    if (project.folder / HISTORY).is_file():
        columns = [*schema.names, "reason"]
        for piece in _pieces(project.folder / HISTORY, project.name, columns):
            wanted = piece.filter(pc.is_in(piece["reason"], pa.array(STATES)))
            states = wanted["reason"].combine_chunks().cast(pa.string())
            yield wanted.select(schema.names).cast(schema).append_column("state", states)


def _pieces(path: Path, name: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    with _opened(path, name) as file:
        try:
            for batch in file.iter_batches(ROWS, columns=list(columns)):
                yield pa.Table.from_batches([batch])
        except (pa.ArrowException, OSError) as error:
            raise _damaged(path, name, error) from None


def _opened(path: Path, name: str) -> Any:
    try:
        return open_parquet(path)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, name, error) from None


def _damaged(path: Path, name: str, error: Exception) -> DataError:
    reason = str(error).splitlines()[0]
    return DataError(
        f"{path} is damaged ({reason}). Make it again from the log with: "
        f"qr annotate rebuild --project {name}"
    )


def _project_file(name: str, workspace: Workspace) -> tuple[Path | None, Mapping[str, Any]]:
    """The settings with which a project collects, where the study has its file."""
    try:
        path = workspace.settings("annotation", name, "project")
    except SettingsError:
        return None, {}
    content = read_yaml(path)
    return path, content if isinstance(content, dict) else {}


def _people(content: Mapping[str, Any]) -> list[str]:
    """Whom a project excludes."""
    given = content.get("exclude") or []
    return [str(each) for each in (given if isinstance(given, list) else [given])]


def _rules(path: Path | None, content: Mapping[str, Any]) -> DatasetRules:
    """The rules under which a project collects."""
    rules = content.get("rules")
    if not isinstance(rules, dict):
        return DatasetRules()
    # A campaign may have rules that are not about single answers.
    known = {key: value for key, value in rules.items() if key in DatasetRules.model_fields}
    return validate(known, DatasetRules, f"{path}, rules")


def _nothing_yet(name: str, folder: Path) -> DataError:
    return DataError(
        f"Project '{name}' has no annotations yet ({folder / TABLE}). "
        f"Collect some with: qr annotate --project {name}"
    )
