"""Finished batches of a prediction, kept beside its file until that file is written.

A command that was interrupted takes them up again, if it is the same command: the same model,
prompts, pictures and batches. So it ends with the bytes it would have had without interruption.
"""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from qreasoning.files import write_json

IDENTITY = "identity.json"


class Parts:
    """The hidden folder of a prediction's finished batches.

    Made for another `identity` than the folder was begun with, it starts empty.
    """

    def __init__(self, target: Path, identity: Mapping[str, Any]) -> None:
        self.folder = target.parent / f".{target.stem}.parts"
        if self._identity() != identity:
            self.remove()
            write_json(self.folder / IDENTITY, dict(identity))

    def _identity(self) -> Any:
        path = self.folder / IDENTITY
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def once(self, name: str, answer: Callable[[], Sequence[Any]]) -> list[Any]:
        """The answers of the batch `name`: those kept, else made by `answer` and kept."""
        path = self.folder / f"{name}.json"
        if not path.is_file():
            write_json(path, list(answer()))
        kept: list[Any] = json.loads(path.read_text(encoding="utf-8"))
        return kept

    def remove(self) -> None:
        """Forget all of it."""
        if self.folder.is_dir():
            shutil.rmtree(self.folder)
