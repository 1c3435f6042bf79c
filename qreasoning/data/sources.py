"""What a dataset is made from: its settings resolved, and the headers of all that it reads."""

from dataclasses import dataclass
from pathlib import Path

from qreasoning.benchmark_sets import resolve
from qreasoning.data.projects import Project, read_project
from qreasoning.data.spec import BuildSpec
from qreasoning.dimensions import load_dimensions
from qreasoning.errors import SettingsError
from qreasoning.scores import ScoreSet
from qreasoning.workspace import Workspace


@dataclass(frozen=True)
class Sources:
    """The inputs of a build."""

    spec: BuildSpec
    workspace: Workspace
    dimension_ids: tuple[str, ...]
    projects: tuple[Project, ...]
    score_sets: tuple[ScoreSet, ...]

    @property
    def simulated(self) -> bool:
        """Whether anything of it is."""
        return self.spec.simulated or any(project.simulated for project in self.projects)

    @property
    def folders(self) -> dict[str, str | None]:
        """The folder of each project's pictures, None where they are not at hand."""
        at_hand = self.spec.pictures == "embed"
        return {each.name: str(each.images) if at_hand else None for each in self.projects}

    @property
    def root(self) -> Path:
        """The study."""
        return self.workspace.root


def read_sources(spec: BuildSpec, workspace: Workspace) -> Sources:
    """Look at all inputs of `spec`; the rows stay on the disk.

    Raises DataError or SettingsError naming what is missing or does not fit.
    """
    path = workspace.settings("annotation", spec.dimensions, "dimensions")
    ids = tuple(load_dimensions(path).ids)
    projects = tuple(read_project(name, ids, spec, workspace) for name in spec.projects)
    score_sets = tuple(resolve(each, workspace) for each in spec.score_sets)
    sources = Sources(spec, workspace, ids, projects, score_sets)
    if sources.simulated and "simulated" not in spec.name.lower():
        raise SettingsError(
            f"The dataset '{spec.name}' holds simulated data, and its name does not say so. "
            f"Rename it in its settings, for example name: {spec.name}-simulated"
        )
    return sources
