"""Files that are whole or absent: atomic writes, hashes and manifests.

Everything is written beside its place, flushed to the disk and renamed into it. A manifest comes
last and carries the SHA-256 of what it vouches for, so a folder without one is unfinished. What a
process that was killed left beside a place goes when the place is written next.
"""

import ctypes
import errno
import fcntl
import glob
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from qreasoning.errors import DataError

MANIFEST = "manifest.json"
TEMPORARY = ".tmp"
"""How the name of what is not in its place yet ends; it begins with a dot."""


@contextmanager
def replacing(path: Path, mode: int = 0o644) -> Iterator[Path]:
    """A temporary path beside `path`; what is written there replaces `path` when the block ends.

    If the block raises, the temporary file is removed and `path` is as it was.
    """
    try:
        with _beside(path, _new_file) as temporary:
            yield temporary
            temporary.chmod(mode)
            _flush(temporary)
            temporary.replace(path)
            _flush(path.parent)
    except OSError as error:
        raise _placed(error, path) from None


@contextmanager
def _beside(path: Path, make: Callable[[Path], Path]) -> Iterator[Path]:
    """What `make` makes beside `path`, hidden; gone when the block ends.

    It is locked meanwhile, which tells it from what processes that were killed left there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent.glob(f".{glob.escape(path.name)}.*{TEMPORARY}"))
    while True:
        temporary = make(path)
        descriptor = os.open(temporary, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if temporary.exists():
            break
        os.close(descriptor)  # somebody else's sweep was faster than the lock
    try:
        yield temporary
    finally:
        _remove(temporary)
        os.close(descriptor)


def _new_file(path: Path) -> Path:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=TEMPORARY)
    os.close(handle)
    return Path(name)


def _new_folder(path: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=TEMPORARY))


def _sweep(leftovers: Iterable[Path]) -> None:
    for each in leftovers:
        try:
            descriptor = os.open(each, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(each)
        except BlockingIOError:
            continue  # whoever writes it is alive
        finally:
            os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


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


def sha256_files(folder: Path, known: Mapping[str, str] | None = None) -> dict[str, str]:
    """The SHA-256 of every file in `folder` by its path there, of those in `known` taken over."""
    files = {each.relative_to(folder).as_posix(): each for each in sorted(folder.rglob("*"))}
    found = dict(known or {})
    names = [name for name, each in files.items() if each.is_file() and name not in found]
    with ThreadPoolExecutor(2) as pool:
        digests = list(pool.map(sha256_file, [files[name] for name in names]))
    return found | dict(zip(names, digests, strict=True))


def write_manifest(
    folder: Path, facts: dict[str, Any], known: Mapping[str, str] | None = None
) -> None:
    """Vouch for every file now in `folder` (SHA-256 each) with `facts` beside; write it last.

    Each is on the disk before the manifest is. Digests in `known` are taken over.
    """
    _sweep(list(folder.rglob(f".*{TEMPORARY}")))
    for each in folder.rglob("*"):
        _flush(each)
    digests = sha256_files(folder, known)
    hashes = {name: each for name, each in digests.items() if Path(name).name != MANIFEST}
    write_json(folder / MANIFEST, {**facts, "files": hashes})


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a finished folder, or None where there is none: the folder is unfinished.

    Raises DataError for one that is damaged: it is never written by half.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return None
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        manifest = None
    if not isinstance(manifest, dict):
        raise DataError(f"{path} is damaged. Restore it, or remove {folder} and make it again.")
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
        try:
            draft.rename(folder)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            _exchange(draft, folder)


@contextmanager
def _filled(folder: Path, fill: Callable[[Path], None]) -> Iterator[Path]:
    """A finished folder beside `folder`, whole on the disk; removed if it is not used."""
    with _beside(folder, _new_folder) as place:
        draft = place / folder.name
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
