"""Where a version is made and where it goes: one build at a time, whole or not at all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qreasoning.data.previous import index_folder
from qreasoning.errors import DataError
from qreasoning.files import held, move_folder
from qreasoning.workspace import Workspace


@contextmanager
def building(workspace: Workspace) -> Iterator[None]:
    """Nobody else builds in the study inside the block. Raises DataError where somebody does."""
    try:
        with held(workspace.root):
            yield
    except BlockingIOError:
        raise DataError(
            f"Another qr build-dataset is at work in {workspace.root}. Wait until it has ended."
        ) from None


def make_room(workspace: Workspace) -> Path:
    """A folder for what a build writes on its way, without what builds that died left there."""
    folder = workspace.root / "outputs" / ".building"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def put_in_place(draft: Path, folder: Path, index: Path, content_sha256: str) -> None:
    """Make a finished draft the version `folder`, in one step, and then keep its index."""
    move_folder(draft, folder)
    kept = index_folder(folder.parent, content_sha256)
    shutil.rmtree(kept.parent, ignore_errors=True)
    move_folder(index, kept)
