"""An annotation project: its file with everything that it names looked up."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from qreasoning.annotation.accounts import addresses
from qreasoning.annotation.gold import Gold, read_gold
from qreasoning.annotation.items import Item
from qreasoning.annotation.names import read_names
from qreasoning.annotation.project_file import ProjectFile
from qreasoning.dimensions import Dimensions, load_dimensions
from qreasoning.errors import SettingsError
from qreasoning.settings import load
from qreasoning.workspace import Workspace, shipped, slug


@dataclass(frozen=True)
class Desk:
    """The place of one annotator of a blind project: a project of its own on the server."""

    person: str
    """The annotator's e-mail address."""
    items: tuple[Item, ...]
    """What is shown there, in this order."""
    names: Mapping[str, str]
    """The picture's name by id of all items that were ever planned here."""

    @property
    def label(self) -> str:
        """What a console may call the annotator."""
        return self.person.partition("@")[0]


@dataclass(frozen=True)
class Project:
    """A project with everything its file names looked up."""

    name: str
    path: Path
    """The project file."""
    file: ProjectFile
    dimensions: Dimensions
    guidelines: str
    """Markdown; empty where there is none."""
    consent: str
    """What annotators agree to, Markdown; empty where there is none."""
    root: Path
    """The study's folder."""
    gold: Gold = field(default_factory=dict)
    """What an attentive annotator answers, by picture and field."""
    pilot: frozenset[str] = frozenset()
    """Names of the pictures that everybody is shown first."""
    excluded: frozenset[str] = frozenset()
    """E-mail addresses of those whose answers are left out of datasets."""
    desk: Desk | None = None
    """Of a blind project, whose part of it this is; None: the whole."""

    @property
    def slug(self) -> str:
        """The project's name as a folder name."""
        return slug(self.name)

    @property
    def pictures(self) -> Path:
        """The folder that the pictures' names are relative to."""
        if self.file.images is not None:
            return _below(self.root, self.file.images)
        if self.file.scores is not None:
            return _below(self.root, str(self.file.scores.images))
        return _below(self.root, self.file.manifest or "").parent

    @property
    def document_root(self) -> Path:
        """The folder whose contents the embedded server may reach: pictures and nothing else."""
        return self.root / "outputs" / "pictures"

    @property
    def served(self) -> Path:
        """This project's folder in the document root: `originals`, a link to the folder of the
        pictures, and `prepared`, the copies that are shown instead of some of them."""
        return self.document_root / self.slug

    @property
    def prepared(self) -> Path:
        """The folder of the prepared copies."""
        return self.served / "prepared"

    @property
    def guidelines_version(self) -> str | None:
        """The version of the guidelines, or None where there are none."""
        return None if self.file.guidelines is None else self.file.guidelines.version

    @property
    def manifest(self) -> Path | None:
        """The list of pictures, where one is set."""
        return None if self.file.manifest is None else _below(self.root, self.file.manifest)


def load_project(name: str, workspace: Workspace) -> Project:
    """Read a project of the study (or a shipped one). Raises SettingsError naming the remedy."""
    path = workspace.settings("annotation", name, "project")
    file = load(path, ProjectFile)
    told = file.guidelines
    schema = workspace.settings("annotation", file.dimensions, "dimension schema")
    project = Project(
        name=Path(name).stem if name.endswith((".yaml", ".yml")) else name,
        path=path,
        file=file,
        dimensions=load_dimensions(schema),
        guidelines=_text(told.file if told else None, "file", path, workspace),
        consent=_text(told.consent if told else None, "consent", path, workspace),
        root=workspace.root,
    )
    project = _with_campaign(project)
    _refuse_private(project)
    return project


def marker(project: Project) -> str:
    """What tells this project on a server: the first line of its description there."""
    whose = "" if project.desk is None else f"/{project.desk.person}"
    return f"[qreasoning:{project.name}{whose}]"


def _with_campaign(project: Project) -> Project:
    gold, pilot = project.file.gold, project.file.pilot
    fields = (*project.dimensions.ids, "overall")
    return replace(
        project,
        excluded=frozenset(addresses(project.name, project.file.exclude)),
        gold={} if gold is None else read_gold(_below(project.root, gold), fields),
        pilot=frozenset() if pilot is None else frozenset(read_names(_below(project.root, pilot))),
    )


def _refuse_private(project: Project) -> None:
    # The embedded server lets annotators read whatever lies in the folder of the pictures.
    pictures = project.pictures.resolve()
    for name in ("label-studio", "annotations"):
        private = (project.root / "outputs" / name).resolve()
        if private.is_relative_to(pictures) or pictures.is_relative_to(private):
            raise SettingsError(
                f"{project.path}: annotators could read {private}, because the folder of the "
                f"pictures is {pictures}. Set 'images' to a folder that holds only pictures."
            )


def _text(name: str | None, key: str, path: Path, workspace: Workspace) -> str:
    if name is None:
        return ""
    for root in (workspace.root, shipped()):
        candidate = root / "annotation" / name
        if candidate.is_file():
            return candidate.read_text(encoding="utf-8")
    raise SettingsError(
        f"{path}: the guidelines' {key} {workspace.root / 'annotation' / name} is missing. "
        f"Write it, or correct guidelines.{key}."
    )


def _below(root: Path, name: str) -> Path:
    # Without following links: the embedded server serves by the path that was asked for.
    return Path(os.path.normpath(root / name))
