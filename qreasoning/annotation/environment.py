"""The Label Studio environment: a virtual environment of its own and a migrated empty database.

Label Studio's pins collide with those of the training stage, so it is installed apart, once per
user, into the cache folder. Making it is one visible step of a few minutes.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from qreasoning.errors import ServerError
from qreasoning.files import sha256_bytes, write_text

REQUIREMENTS = Path(__file__).with_name("server-requirements.txt")
TEMPLATE = Path("template") / "label_studio.sqlite3"
"""The migrated empty database, below an environment's folder."""

_READY = "ready"


def version() -> str:
    """The pinned version of Label Studio."""
    return next(
        line.removeprefix("label-studio==")
        for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines()
        if line.startswith("label-studio==")
    )


def environment(cache: Path, say: Callable[[str], None]) -> Path:
    """The folder of a complete environment below `cache`, made now where there is none.

    `venv/` below it holds the programs, `template/` the migrated database. Two processes at once
    make it once; one that was interrupted is made anew. Raises ServerError naming the log file.
    """
    folder = _place(cache)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_name(f"{folder.name}.lock"), say):
        if not _usable(folder):
            _make(folder, say)
    return folder


def installed(cache: Path) -> Path | None:
    """The folder of the environment below `cache` where it is complete, else None."""
    folder = _place(cache)
    return folder if _usable(folder) else None


def program(folder: Path) -> Path:
    """Label Studio's own command in an environment."""
    return folder / "venv" / "bin" / "label-studio"


def settings(data: Path) -> dict[str, str]:
    """The whole process environment of a Label Studio that keeps its files in `data`.

    Nothing is inherited but the search path: Label Studio also reads bare names like HOST, PORT,
    PASSWORD, DEBUG and CI. Reports to its makers (errors, analytics, version check) are off.
    """
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(data),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "LABEL_STUDIO_BASE_DATA_DIR": str(data),
        "LABEL_STUDIO_SENTRY_DSN": "",
        "LABEL_STUDIO_FRONTEND_SENTRY_DSN": "",
        "LABEL_STUDIO_COLLECT_ANALYTICS": "false",
        "LABEL_STUDIO_LATEST_VERSION_CHECK": "false",
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
    }


@contextmanager
def locked(path: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold an exclusive lock on the file `path`, waiting (and saying so once) for its holder."""
    import fcntl

    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another process is setting Label Studio up; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _place(cache: Path) -> Path:
    python = f"py{sys.version_info.major}.{sys.version_info.minor}"
    pins = sha256_bytes(REQUIREMENTS.read_bytes())[:8]
    return cache / "label-studio" / f"{version()}-{python}-{pins}"


def _usable(folder: Path) -> bool:
    # The interpreter is a link: it breaks when the Python it was made from is removed.
    python = folder / "venv" / "bin" / "python"
    return (folder / _READY).is_file() and python.exists() and (folder / TEMPLATE).is_file()


def _make(folder: Path, say: Callable[[str], None]) -> None:
    say(f"Setting up Label Studio {version()} in {folder} (once; about 1 GB and three minutes)")
    began = time.monotonic()
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    log = folder.with_name(f"{folder.name}.log")
    log.unlink(missing_ok=True)
    _run([sys.executable, "-m", "venv", str(folder / "venv")], dict(os.environ), log)
    python = str(folder / "venv" / "bin" / "python")
    # Without compiling: most of the code never runs, and what does is compiled when it first does.
    install = ["-m", "pip", "install", "--no-deps", "--no-compile", "--disable-pip-version-check"]
    _run([python, *install, "-r", str(REQUIREMENTS)], dict(os.environ), log)
    # This command does all migrations and makes no user.
    _run([str(program(folder)), "version"], settings((folder / TEMPLATE).parent), log)
    write_text(folder / _READY, f"{version()}\n")
    say(f"Label Studio is set up ({time.monotonic() - began:.0f} s)")


def _run(command: list[str], environ: Mapping[str, str], log: Path) -> None:
    with log.open("ab") as output:
        result = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environ
        )
    if result.returncode != 0:
        raise ServerError(
            f"Label Studio could not be set up: '{Path(command[0]).name} {' '.join(command[1:4])}' "
            f"failed ({result.returncode}). See the end of {log}, then try again."
        )
