"""The commands of `qr`: one short function each, heavy imports inside."""

from pathlib import Path
from typing import Annotated

import typer

from qreasoning.workspace import Workspace

DatasetOption = Annotated[
    str | None, typer.Option("--dataset", help="NAME or NAME@VERSION; the newest if left out.")
]
DeviceOption = Annotated[
    str | None, typer.Option("--device", help="cpu or cuda; the GPU if there is one if left out.")
]


def study_here() -> Workspace:
    """The study around the folder that `qr` was called in."""
    return Workspace.around(Path.cwd())
