"""The files of a study: whether each can be used, and who may read the secret ones."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qreasoning.errors import QReasoningError
from qreasoning.health import Check
from qreasoning.workspace import Workspace

if TYPE_CHECKING:
    from qreasoning.annotation.project import Project

SECRETS = (
    "pseudonym.key",
    *(f"outputs/label-studio/{each}" for each in ("admin.json", ".env", "label_studio.sqlite3")),
    *(
        f"outputs/annotations/*/{each}"
        for each in ("logins.csv", "log.jsonl", "items.json", "status.html", "times.csv")
    ),
)
"""What holds keys, log-ins, or who said what: files below the study, as patterns."""


def files(study: Workspace) -> Iterator[Check]:
    """Every YAML file of the study, read as its command reads it."""
    from qreasoning.analysis.report import read_settings

    readers: dict[str, Callable[[Path], Any]] = {
        "annotation": lambda path: _read_annotation(path, study),
        "training": lambda path: _read_training(path, study),
        "analysis": lambda path: _read_analysis(path, study, read_settings),
        "data_cards": lambda path: _read_set(path, study),
    }
    for folder, read in readers.items():
        paths = sorted((study.root / folder).rglob("*.yaml"))
        bad = [(path, problem) for path in paths if (problem := _problem(read, path)) is not None]
        yield from (
            Check(str(path.relative_to(study.root)), "problem", problem) for path, problem in bad
        )
        if not bad:
            yield Check(f"{folder}/", "ok", f"{len(paths)} YAML files can be used")


def _problem(read: Callable[[Path], Any], path: Path) -> str | None:
    try:
        read(path)
    except (QReasoningError, OSError) as error:
        return str(error)
    return None


def _read_annotation(path: Path, study: Workspace) -> None:
    from qreasoning.annotation.project import load_project
    from qreasoning.data.spec import read_spec
    from qreasoning.dimensions import load_dimensions

    kind = _kind(path)
    if kind == "project":
        load_project(path.relative_to(study.root / "annotation").with_suffix("").as_posix(), study)
    elif kind == "schema":
        load_dimensions(path)
    else:
        read_spec(study, str(path))


def _kind(path: Path) -> str:
    """What a file of annotation/ is, by its keys."""
    from qreasoning.settings import read_yaml

    content = read_yaml(path)
    keys = content if isinstance(content, dict) else {}
    if isinstance(keys.get("dimensions"), list):
        return "schema"
    return "project" if "title" in keys else "dataset"


def _read_training(path: Path, study: Workspace) -> None:
    from qreasoning.settings import read_yaml
    from qreasoning.training.recipe import load_recipe
    from qreasoning.training.sweep_file import load_sweep

    readers = {"sweeps": load_sweep, "accelerate": read_yaml}
    folder = path.relative_to(study.root / "training").parts[0]
    readers.get(folder, load_recipe)(path)


def _read_analysis(path: Path, study: Workspace, read_settings: Callable[..., Any]) -> None:
    from qreasoning.analysis.published import read_published

    if path.stem == "published":
        read_published(path)
    else:
        read_settings(study, str(path))


def _read_set(path: Path, study: Workspace) -> None:
    from qreasoning.benchmark_sets import describe, read_names

    read_names(study, describe(study, path.stem))


def secrets(study: Workspace) -> Iterator[Check]:
    """Who may read what holds keys, log-ins, or who said what."""
    found = [path for pattern in SECRETS for path in study.root.glob(pattern) if path.is_file()]
    opened = [path for path in found if _open_to_others(path, study.root)]
    for path in opened:
        name = path.relative_to(study.root)
        mode = f"{path.stat().st_mode & 0o777:o}"
        yield Check(str(name), "problem", f"others may read it (mode {mode})", f"chmod 600 {name}")
    if not opened:
        yield Check("secrets", "ok", f"{len(found)} files, for their owner alone")


def _open_to_others(path: Path, root: Path) -> bool:
    folders = path.relative_to(root).parents
    return all((root / each).stat().st_mode & 0o077 for each in (path.relative_to(root), *folders))


def projects(study: Workspace) -> "list[Project]":
    """The study's annotation projects that can be read."""
    from qreasoning.annotation.project import load_project

    paths = sorted((study.root / "annotation").glob("*.yaml"))
    good = [
        path for path in paths if _problem(lambda each: _read_annotation(each, study), path) is None
    ]
    return [load_project(path.stem, study) for path in good if _kind(path) == "project"]
