"""The commands of `qr`: one short function each, heavy imports inside."""

from pathlib import Path

from qreasoning.workspace import Workspace


def study_here() -> Workspace:
    """The study around the folder that `qr` was called in."""
    return Workspace.around(Path.cwd())
