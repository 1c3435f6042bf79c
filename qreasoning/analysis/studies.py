"""Sweeps and learning curves of a dataset version, read from what they left in `outputs/`."""

from dataclasses import dataclass
from pathlib import Path

from qreasoning.errors import DataError
from qreasoning.files import sha256_file
from qreasoning.studies import RESULTS, CurveResult, SweepResult, read_curve, read_sweep
from qreasoning.workspace import Workspace


@dataclass(frozen=True)
class Studies:
    """The studies of one dataset version by name, the hashes of their files, and what could not be
    read."""

    sweeps: tuple[SweepResult, ...] = ()
    curves: tuple[CurveResult, ...] = ()
    hashes: tuple[tuple[str, str], ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        """Whether there is something to show."""
        return bool(self.sweeps or self.curves)


def read_training_studies(workspace: Workspace, dataset: Path) -> Studies:
    """The studies of this version that have at least one trial or point."""
    sweeps: list[SweepResult] = []
    curves: list[CurveResult] = []
    hashes, problems = [], []
    for folder in (workspace.sweeps, workspace.learning_curves):
        for path in sorted(folder.glob(f"*/{RESULTS}")):
            try:
                found = read_sweep(path) if folder == workspace.sweeps else read_curve(path)
            except DataError as error:
                problems.append(str(error).rstrip("."))
                continue
            if (found.about.dataset, found.about.version) != (dataset.parent.name, dataset.name):
                continue
            hashes.append((found.about.name, sha256_file(path)))
            if isinstance(found, SweepResult):
                sweeps.append(found)
            else:
                curves.append(found)
    return Studies(tuple(sweeps), tuple(curves), tuple(hashes), tuple(problems))
