"""Encoded pictures kept on disk, for the next pass over them and the next run.

A file's name is a hash of everything that its content follows from: the weights of the vision
tower, their precision, and the picture as the processor made it. So recipes can share a folder:
what was made by other weights or settings is never found. What was used longest ago goes first when
the folder is full.
"""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from qreasoning.files import sha256_bytes, write_bytes

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class PictureCache:
    """Features of pictures in `folder`, at most `limit` bytes; `weights` tells what encodes.

    On a disk that is full, or where nothing may be written, it says so once and keeps nothing more.
    """

    def __init__(
        self, folder: Path, limit: int, weights: str, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self.folder = folder
        self.limit = limit
        self.weights = weights
        self.say = say
        self.writable = True
        self.size = sum(each.stat().st_size for each in folder.glob("*/*.safetensors"))

    def get(self, picture: str) -> torch.Tensor | None:
        """The features of a picture by its hash; None where they are not kept, or are damaged."""
        path = self._path(picture)
        try:
            features = load_file(path)["features"]
            os.utime(path)
        except (OSError, SafetensorError, KeyError):
            # What cannot be read is encoded and written anew.
            return None
        return features

    def put(self, picture: str, features: torch.Tensor) -> None:
        """Keep the features of a picture."""
        content = _bytes(features)
        if not self.writable or len(content) > self.limit:
            return
        try:
            self._make_room(len(content))
            write_bytes(self._path(picture), content)
            self.size += len(content)
        except OSError as error:
            self.writable = False
            why = "the disk is full" if error.errno in FULL else error.strerror
            self.say(f"No more pictures are kept in {self.folder}: {why}. The run goes on without.")

    def _path(self, picture: str) -> Path:
        name = sha256_bytes(f"{self.weights} {picture}".encode())
        return self.folder / name[:2] / f"{name}.safetensors"

    def _make_room(self, wanted: int) -> None:
        if self.size + wanted <= self.limit:
            return
        files = sorted(_aged(self.folder))
        self.size = sum(size for _, size, _ in files)
        for _, size, path in files:
            # A tenth more than needed, so that not every picture has to look again.
            if self.size + wanted <= self.limit * 0.9:
                return
            path.unlink(missing_ok=True)
            self.size -= size


def _aged(folder: Path) -> list[tuple[float, int, Path]]:
    """Time of last use, size and path of every file; another process may have removed some."""
    found = []
    for path in folder.glob("*/*.safetensors"):
        try:
            stat = path.stat()
        except FileNotFoundError:
            continue
        found.append((stat.st_mtime, stat.st_size, path))
    return found


def weights_hash(tower: Any) -> str:
    """A hash of a vision tower's weights and their precision."""
    hashes = [
        f"{name} {each.dtype} {sha256_bytes(_raw(each))}"
        for name, each in sorted(tower.state_dict().items())
    ]
    return sha256_bytes("\n".join(hashes).encode())


def _raw(values: torch.Tensor) -> bytes:
    return values.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes()


def _bytes(features: torch.Tensor) -> bytes:
    return bytes(save({"features": features.detach().cpu().contiguous()}))
