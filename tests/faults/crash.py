"""A `qr` command that dies at every single thing it does to the disk, one after the other.

    python crash.py ROOT BEFORE REQUEST

REQUEST is JSON: `first` and `again`, the arguments of `qr` in the folder ROOT that die, and that
finish what died; `load`, the modules to import before; `most`, how many deaths to try, spread evenly
over all of them (null: all); `clock`, a time to stop the annotate stage's clock at. BEFORE is what
ROOT holds before each try. Prints a line of JSON per death: the operation, whether each visible file
was as before or as after (`torn` names those that are not), how the next run ended, and whether all
files are then those of a run that nothing disturbed (`other` names those that are not).

What dies is a fork, so all of Python is loaded once. Dying is worse than SIGKILL: of each file that
was not flushed to the disk, half of what was written is lost, as when the power fails.
"""

import importlib
import io
import json
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

DIED = 77
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.symlink", "os.link"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Disk:
    """Counts what the process does to files below `root`, and ends it before the `last` of it."""

    def __init__(self, root: Path, last: int | None) -> None:
        self.root = str(root)
        self.last = last
        self.count = 0
        self.flushed = {each.stat().st_ino: each.stat().st_size for each in files(root)}
        self.fsync, self.busy = os.fsync, False
        sys.addaudithook(self._heard)
        os.fsync = self._fsync
        from qreasoning import files as ours

        exchange = ours._exchange
        ours._exchange = lambda one, other: (self.did("exchange", other), exchange(one, other))

    def did(self, what: str, path: object) -> None:
        name = path.decode() if isinstance(path, bytes) else str(path)
        if self.busy or not os.path.abspath(name).startswith(self.root):
            return
        self.count += 1
        if self.count == self.last:
            self.busy = True
            self._lose()
            os.write(1, f"{what} {os.path.relpath(name, self.root)}".encode())
            os._exit(DIED)

    def _heard(self, event: str, given: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(given[0], str | bytes) and given[2] & WRITES:
            self.did("open", given[0])
        elif event in CHANGES and isinstance(given[0], str | bytes | Path):
            self.did(event.removeprefix("os."), given[0])

    def _fsync(self, descriptor: int) -> None:
        number = descriptor if isinstance(descriptor, int) else descriptor.fileno()
        self.did("fsync", os.readlink(f"/proc/self/fd/{number}"))
        self.fsync(number)
        facts = os.fstat(number)
        self.flushed[facts.st_ino] = facts.st_size

    def _lose(self) -> None:
        for path in files(Path(self.root)):
            facts = path.stat()
            safe = min(self.flushed.get(facts.st_ino, 0), facts.st_size)
            if facts.st_size > safe:
                os.truncate(path, safe + (facts.st_size - safe) // 2)


def files(root: Path) -> list[Path]:
    return [each for each in root.rglob("*") if each.is_file() and not each.is_symlink()]


def contents(root: Path) -> dict[str, bytes]:
    return {each.relative_to(root).as_posix(): each.read_bytes() for each in files(root)}


def visible(name: str) -> bool:
    return not any(part.startswith(".") for part in Path(name).parts)


def forked(work: Callable[[], None]) -> tuple[int, str]:
    """Do the work in a fork; how it ended, and what it printed."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reading)
            os.dup2(writing, 1)
            work()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException as error:
            sys.stdout.write(f"{type(error).__name__}: {error}")
        finally:
            sys.stdout.flush()
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, errors="replace") as said:
        text = said.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), text


def command(arguments: list[str]) -> None:
    from qreasoning.cli import app

    app(arguments, standalone_mode=False)


def stop_clock(text: str) -> None:
    """The annotate stage writes down when it saw something: always at the same time here."""
    from qreasoning.annotation import marks, store

    at = datetime.fromisoformat(text).astimezone(UTC)
    stopped = SimpleNamespace(time=at.timestamp)
    marks.datetime = SimpleNamespace(now=lambda _: at)
    marks.time = store.time = stopped


def same(name: str, found: bytes, before: dict[str, bytes], after: dict[str, bytes]) -> bool:
    if name.endswith("log.jsonl"):
        # Only ever appended to; a last line that is torn is taken back by the next run.
        whole = found[: found.rfind(b"\n") + 1]
        return after[name].startswith(whole) and whole.startswith(before.get(name, b""))
    return found in (before.get(name), after.get(name))


def main() -> None:
    root, before_folder = Path(sys.argv[1]), Path(sys.argv[2])
    request = json.loads(sys.argv[3])
    for module in ("qreasoning.cli", *request["load"]):
        importlib.import_module(module)
    if request.get("clock"):
        stop_clock(request["clock"])

    def restore() -> None:
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(before_folder, root, symlinks=True)
        os.chdir(root)

    def attempt(arguments: list[str], last: int | None) -> tuple[int, str]:
        def work() -> None:
            disk = Disk(root, last)
            with redirect_stdout(io.StringIO()):
                command(arguments)
            print(disk.count)

        return forked(work)

    restore()
    before = contents(root)
    code, said = attempt(request["first"], None)
    if code:
        raise SystemExit(f"The undisturbed run ended with {code}: {said}")
    count = int(said)
    after = contents(root)
    most = request.get("most") or count
    step = max(1, count // most)
    offset = request.get("offset", 0) % step
    for last in range(1 + offset, count + 1, step):
        restore()
        code, said = attempt(request["first"], last)
        if code != DIED:
            print(json.dumps({"at": last, "of": count, "ended": code, "said": said}), flush=True)
            continue
        found = contents(root)
        torn = [
            name
            for name, content in found.items()
            if visible(name) and not same(name, content, before, after)
        ]
        lost = [name for name in before.keys() & after.keys() if name not in found]
        code, again = attempt(request["again"], None)
        now = contents(root)
        other = sorted(name for name in now.keys() | after.keys() if now.get(name) != after.get(name))
        line = {"at": last, "of": count, "died": said, "torn": torn, "lost": lost}
        print(json.dumps({**line, "next": code, "said": again[-500:], "other": other}), flush=True)


if __name__ == "__main__":
    main()
