"""An annotation project: its file `annotation/<project>.yaml`, its schema, and its pictures."""

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, field_validator, model_validator

from qreasoning.dimensions import Dimensions, load_dimensions
from qreasoning.errors import SettingsError
from qreasoning.records import Rules
from qreasoning.settings import Settings, load
from qreasoning.workspace import Workspace, shipped, slug


class ProjectFile(Settings):
    """What `annotation/<project>.yaml` may say."""

    title: str
    """The project's name in Label Studio, 3 to 50 characters; another title is another project."""
    images: str | None = None
    """The folder of the pictures, relative to the study (or absolute)."""
    manifest: str | None = None
    """A file that lists the pictures to take, relative to the study: one path per line, or a .csv
    with a column `name`. Paths are relative to `images`, or to the list's own folder without it."""
    source: str | None = None
    """Where the pictures are to be had; shown where they are missing."""
    annotators: int = Field(default=3, ge=0, le=1000)
    """How many log-ins are made; 0 where everybody has an account already."""
    annotators_per_image: int = Field(default=2, ge=1, le=1000)
    """How many people annotate each picture."""
    dimensions: str = "dimensions"
    """The dimension schema: the name of a YAML file in annotation/."""
    guidelines: str | None = "guidelines.md"
    """What annotators are told: a Markdown file in annotation/."""
    simulated: bool = False
    """Whether the answers come from a program; everything made from them then says so."""
    rules: Rules = Rules()
    """What an annotation must satisfy."""

    @field_validator("title")
    @classmethod
    def _title(cls, value: str) -> str:
        value = value.strip()
        if not 3 <= len(value) <= 50:
            raise ValueError(f"has {len(value)} characters, Label Studio wants 3 to 50")
        if not value.isprintable():
            raise ValueError("must be one line of printable characters")
        return value

    @model_validator(mode="after")
    def _some_pictures(self) -> "ProjectFile":
        if self.images is None and self.manifest is None:
            raise ValueError("neither 'images' nor 'manifest' is given, name a folder or a list")
        return self


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
    root: Path
    """The study's folder."""

    @property
    def slug(self) -> str:
        """The project's name as a folder name."""
        return slug(self.name)

    @property
    def pictures(self) -> Path:
        """The folder that the pictures' names are relative to."""
        if self.file.images is not None:
            return _below(self.root, self.file.images)
        return _below(self.root, self.file.manifest or "").parent

    @property
    def document_root(self) -> Path:
        """The folder whose contents the embedded server may reach: the study, or for pictures
        outside of it the folder above theirs."""
        inside = self.pictures.is_relative_to(self.root) and self.pictures != self.root
        return self.root if inside else self.pictures.parent

    @property
    def manifest(self) -> Path | None:
        """The list of pictures, where one is set."""
        return None if self.file.manifest is None else _below(self.root, self.file.manifest)


def load_project(name: str, workspace: Workspace) -> Project:
    """Read a project of the study (or a shipped one). Raises SettingsError naming the remedy."""
    path = workspace.settings("annotation", name, "project")
    file = load(path, ProjectFile)
    schema = workspace.settings("annotation", file.dimensions, "dimension schema")
    project = Project(
        name=Path(name).stem if name.endswith((".yaml", ".yml")) else name,
        path=path,
        file=file,
        dimensions=load_dimensions(schema),
        guidelines=_guidelines(file, path, workspace),
        root=workspace.root,
    )
    _refuse_private(project)
    return project


def marker(project: Project) -> str:
    """What tells this project on a server: the first line of its description there."""
    return f"[qreasoning:{project.name}]"


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


def _guidelines(file: ProjectFile, path: Path, workspace: Workspace) -> str:
    if file.guidelines is None:
        return ""
    for root in (workspace.root, shipped()):
        candidate = root / "annotation" / file.guidelines
        if candidate.is_file():
            return candidate.read_text(encoding="utf-8")
    raise SettingsError(
        f"{path}: the guidelines {workspace.root / 'annotation' / file.guidelines} are missing. "
        "Write them, or set guidelines: null."
    )


def _below(root: Path, name: str) -> Path:
    # Without following links: the embedded server serves by the path that was asked for.
    return Path(os.path.normpath(root / name))
