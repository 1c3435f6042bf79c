"""The embedded Label Studio: one process on loopback, SQLite, started and ended by us."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from qreasoning.annotation.client import Server
from qreasoning.annotation.environment import TEMPLATE, environment, program, settings
from qreasoning.errors import ServerError
from qreasoning.files import replacing, write_json, write_text

ADMIN_EMAIL = "admin@qreasoning.local"
START_SECONDS = 180.0
"""How long a start may take (3 to 5 s are usual, a minute on a busy machine)."""

LOOPBACK = "127.0.0.1"

DATABASE = "label_studio.sqlite3"

PORT = "port"
"""Where the data folder says which port the last start had: annotators have bookmarks."""


@dataclass(frozen=True)
class Admin:
    """The server's own account: kept in `admin.json` (mode 600) of the data folder."""

    email: str
    password: str = field(repr=False)
    token: str = field(repr=False)
    proven: bool
    """Whether a server with this database accepted the token; until then it may be made anew."""


@contextmanager
def embedded(
    data: Path,
    document_root: Path,
    cache: Path,
    say: Callable[[str], None],
    host: str = LOOPBACK,
) -> Iterator[Server]:
    """A running Label Studio that keeps everything in `data` and may serve what lies below
    `document_root`; ended when the block ends, however it ends.

    `cache` is where its environment is made on first use, `host` the address of this machine that
    it listens on. Raises ServerError naming the log file where it does not start, and where another
    one runs on the same data or no port is free.
    """
    home = environment(cache, say)
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _sole_user(data) as lock:
        admin = _admin(data, home)
        port = _port(data, host, say)
        url = f"http://{host}:{port}/"
        process = _start(program(home), data, document_root, admin, url, lock)
        try:
            server = Server(url, admin.token, loopback=True)
            _wait(server, process, data)
            _save(data, admin, proven=True)
            write_text(data / PORT, f"{port}\n")
            yield server
        finally:
            _end(process)


def has_data(data: Path) -> bool:
    """Whether an embedded server was ever started on `data`."""
    return (data / DATABASE).is_file() and (data / "admin.json").is_file()


def running_on(data: Path) -> Server | None:
    """The embedded server that another process runs on `data` now, or None."""
    import fcntl

    if not has_data(data) or not (data / "lock").is_file():
        return None
    with (data / "lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None
        except BlockingIOError:
            url = lock.read(200).partition(", ")[2]
    token = json.loads((data / "admin.json").read_text(encoding="utf-8"))["token"]
    server = Server(url, token, loopback=True) if url else None
    if server is None or not server.healthy():
        raise ServerError(f"A Label Studio is just starting on {data}. Try again in a moment.")
    return server


@contextmanager
def _sole_user(data: Path) -> Iterator[int]:
    # The server inherits the lock's descriptor, so one that outlives us still holds it.
    import fcntl

    descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 200, 0).decode() or "a process that is just starting"
            raise ServerError(
                f"A Label Studio already runs on {data} ({holder}). "
                "Use that one, or end it (Ctrl-C in its terminal, or kill its process)."
            ) from None
        os.truncate(descriptor, 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _admin(data: Path, home: Path) -> Admin:
    path = data / "admin.json"
    database = data / DATABASE
    if path.is_file():
        admin = Admin(**json.loads(path.read_text(encoding="utf-8")))
        if admin.proven:
            return admin
    elif database.exists():
        raise ServerError(
            f"{path} is missing, so the database beside it cannot be opened. "
            f"Put it back, or move {data} away to begin with an empty server."
        )
    admin = Admin(ADMIN_EMAIL, secrets.token_urlsafe(18), secrets.token_hex(20), proven=False)
    _save(data, admin, proven=False)
    for leftover in data.glob(f"{DATABASE}-*"):
        leftover.unlink()
    with replacing(database, 0o600) as temporary:
        shutil.copyfile(home / TEMPLATE, temporary)
    return admin


def _save(data: Path, admin: Admin, proven: bool) -> None:
    write_json(data / "admin.json", {**asdict(admin), "proven": proven}, mode=0o600)


def _port(data: Path, host: str, say: Callable[[str], None]) -> int:
    """The port of the last start where it is free, else another one, and then it is said."""
    path = data / PORT
    last = int(path.read_text(encoding="utf-8")) if path.is_file() else None
    if last is not None and _is_free(host, last):
        return last
    port = _free_port(host)
    if last is not None:
        say(
            f"Port {last}, which the last start had, is taken: this time it is port {port}. "
            "Annotators' bookmarks lead nowhere until they are changed."
        )
    return port


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        # As the server does it: connections of the last start that still end take no port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        try:
            probe.bind((host, 0))
        except OSError as error:
            problem = error.strerror or str(error)
            raise ServerError(
                f"There is no port to listen on at {host} ({problem}). End a program that listens "
                "there, or give --host an address of this machine."
            ) from None
        return int(probe.getsockname()[1])


def _start(
    command: Path, data: Path, document_root: Path, admin: Admin, url: str, lock: int
) -> "subprocess.Popen[bytes]":
    environ = {
        **settings(data),
        "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(document_root),
        # Through the environment: arguments can be read by everybody on the machine.
        "LABEL_STUDIO_USERNAME": admin.email,
        "LABEL_STUDIO_PASSWORD": admin.password,
        "LABEL_STUDIO_USER_TOKEN": admin.token,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
    }
    host, _, port = url.removeprefix("http://").rstrip("/").rpartition(":")
    arguments = ["start", "--no-browser", "--internal-host", host, "--port", port]
    with (data / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [str(command), *arguments],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[lock],
            # Ctrl-C in our terminal must not end it before the last pull.
            start_new_session=True,
        )
    os.pwrite(lock, f"process {process.pid}, {url}".encode(), 0)
    return process


def _wait(server: Server, process: "subprocess.Popen[bytes]", data: Path) -> None:
    log = data / "server.log"
    end = time.monotonic() + START_SECONDS
    while not server.healthy():
        if process.poll() is not None:
            raise ServerError(
                f"Label Studio ended while starting ({process.returncode}). See {log}."
            )
        if time.monotonic() > end:
            raise ServerError(
                f"Label Studio did not answer within {START_SECONDS:.0f} s. See {log}."
            )
        time.sleep(0.2)
    # A taken port makes Label Studio move to the next one, and another program could answer here.
    if process.poll() is not None or not _is_ours(server):
        raise ServerError(
            f"What answers at {server.url} does not know the account in {data / 'admin.json'}. "
            f"Try again; if it stays so, see {log}."
        )


def _is_ours(server: Server) -> bool:
    try:
        return bool(server.whoami()["email"] == ADMIN_EMAIL)
    except ServerError:
        return False


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
