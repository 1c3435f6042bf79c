"""Files that are whole or absent: atomic writes, hashes and manifests.

Everything is written beside its place, flushed to the disk and renamed into it. A manifest comes
last and carries the SHA-256 of what it vouches for, so a folder without one is unfinished.
"""

import ctypes
import fcntl
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"


@contextmanager
def replacing(path: Path, mode: int = 0o644) -> Iterator[Path]:
    """A temporary path beside `path`; what is written there replaces `path` when the block ends.

    If the block raises, the temporary file is removed and `path` is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(mode)
        _flush(temporary)
        temporary.replace(path)
        _flush(path.parent)
    except OSError as error:
        raise _placed(error, path) from None
    finally:
        temporary.unlink(missing_ok=True)


def _placed(error: OSError, path: Path) -> OSError:
    """`error`, naming `path` where it names nothing: a failed write does not know its file."""
    if error.errno is None or error.filename is not None:
        return error
    return OSError(error.errno, error.strerror or os.strerror(error.errno), str(path))


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_bytes(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write `content` to `path`, atomically, with permissions `mode`."""
    with replacing(path, mode) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str, mode: int = 0o644) -> None:
    """Write `content` to `path` as UTF-8, atomically, with permissions `mode`."""
    write_bytes(path, content.encode(), mode)


def write_json(path: Path, content: Any, mode: int = 0o644) -> None:
    """Write `content` as canonical JSON (sorted keys, no nan), atomically."""
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False)
    write_text(path, text + "\n", mode)


def sha256_bytes(content: bytes) -> str:
    """Hexadecimal SHA-256 of bytes."""
    return hashlib.sha256(content).hexdigest()


def sha256_file(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """No other process holds `folder` inside the block; it is made where it is missing.

    Raises BlockingIOError where one does. Nothing is left behind, and a process that dies lets go.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def write_manifest(folder: Path, facts: dict[str, Any]) -> None:
    """Vouch for every file now in `folder` (SHA-256 each) with `facts` beside; write it last."""
    files = sorted(each for each in folder.rglob("*") if each.is_file() and each.name != MANIFEST)
    hashes = {each.relative_to(folder).as_posix(): sha256_file(each) for each in files}
    write_json(folder / MANIFEST, {**facts, "files": hashes})


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a finished folder, or None where there is none: the folder is unfinished."""
    path = folder / MANIFEST
    if not path.is_file():
        return None
    manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return manifest


def make_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` write a new folder beside `folder` and rename it into place when it returns.

    `folder` must not exist, or be empty. If `fill` raises, nothing is left behind.
    """
    with _filled(folder, fill) as draft:
        draft.rename(folder)


def move_folder(draft: Path, folder: Path) -> None:
    """Flush everything in `draft`, a folder on the same disk, and rename it to `folder`, which must
    not exist, or be empty."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    for each in draft.rglob("*"):
        _flush(each)
    draft.rename(folder)
    _flush(folder.parent)


def replace_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` write a folder anew; the old one is there, whole, until the new one takes over.

    If `fill` raises, the old one stays.
    """
    with _filled(folder, fill) as draft:
        if folder.exists():
            _exchange(draft, folder)
        else:
            draft.rename(folder)


@contextmanager
def _filled(folder: Path, fill: Callable[[Path], None]) -> Iterator[Path]:
    """A finished folder beside `folder`, whole on the disk; removed if it is not used."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as name:
        draft = Path(name) / folder.name
        draft.mkdir()
        try:
            fill(draft)
            for each in draft.rglob("*"):
                _flush(each)
        except OSError as error:
            raise _placed(error, folder) from None
        yield draft
        _flush(folder.parent)


def _exchange(one: Path, other: Path) -> None:
    """Give two folders each other's name, in one step of the file system."""
    libc = ctypes.CDLL(None, use_errno=True)
    paths = os.fsencode(one), os.fsencode(other)
    if sys.platform == "darwin":
        failed = libc.renamex_np(*paths, _RENAME_EXCHANGE)
    else:
        failed = libc.renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE)
    if failed:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(other))


# From <linux/fs.h> and <fcntl.h>; RENAME_SWAP of macOS has the same value.
_RENAME_EXCHANGE = 2
_AT_FDCWD = -100
