"""A `qr` command that dies at every single thing it does to the disk, or is killed at any time.

    python crash.py ROOT BEFORE REQUEST

REQUEST is JSON: `first`, the arguments of `qr` in the folder ROOT that die; `again`, those that
finish what died (a list: the first that does); `load`, the modules to import before; `most`, how
many operations to die at, spread evenly over all (null: all); `kills`, how often to be ended by
SIGKILL at a random time; `clock`, a time to stop the annotate stage's clock at; `outcome`, a
pattern of which only the newest file has to be as in an undisturbed run (null: all files but
caches). BEFORE is what ROOT holds before each try.

Prints a line of JSON per death: the operation, whether each visible file was as before or as after
(`torn` names those that are not), how the next run ended, and whether the files are then those of a
run that nothing disturbed (`other` names those that are not).

What dies is a fork, so all of Python is loaded once. Dying at an operation is worse than SIGKILL:
of each file that was not flushed to the disk, half of what was written is lost, as when the power
fails.
"""

import importlib
import io
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

DIED = 77
CACHE = "outputs/cache/"
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
        if self.busy or not str(Path(name).absolute()).startswith(self.root):
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
        self.did("fsync", Path(f"/proc/self/fd/{number}").readlink())
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


def forked(work: Callable[[], None], killed_after: float | None = None) -> tuple[int, str]:
    """Do the work in a fork, killed after some seconds; how it ended, and what it printed."""
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
    if killed_after is not None:
        time.sleep(killed_after)
        os.kill(child, signal.SIGKILL)
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


class Trial:
    """The command, its folder, and what an undisturbed run makes of it."""

    def __init__(self, root: Path, start: Path, request: dict[str, Any]) -> None:
        self.root, self.start, self.request = root, start, request
        self.restore()
        self.before = contents(root)
        begun = time.monotonic()
        code, said = self.attempt(request["first"])
        self.seconds = time.monotonic() - begun
        if code:
            raise SystemExit(f"The undisturbed run ended with {code}: {said}")
        self.count = int(said)
        self.after = contents(root)

    def restore(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(self.start, self.root, symlinks=True)
        os.chdir(self.root)

    def attempt(
        self, arguments: list[str], last: int | None = None, killed_after: float | None = None
    ) -> tuple[int, str]:
        def work() -> None:
            disk = Disk(self.root, last)
            with redirect_stdout(io.StringIO()):
                command(arguments)
            print(disk.count)

        return forked(work, killed_after)

    def look(self, died: str) -> dict[str, Any]:
        """What is there after a death, and after the next run."""
        found = contents(self.root)
        if self.request.get("outcome"):
            torn, lost = [], []
        else:
            torn = [
                name
                for name, content in found.items()
                if visible(name) and not same(name, content, self.before, self.after)
            ]
            lost = [each for each in self.before.keys() & self.after.keys() if each not in found]
        code, said = 1, ""
        for arguments in self.request["again"]:
            code, more = self.attempt(arguments)
            said += more
            if code == 0:
                break
        line = {"died": died, "torn": torn, "lost": lost, "next": code, "said": said[-500:]}
        return {**line, "other": self.other()}

    def other(self) -> list[str]:
        now = contents(self.root)
        pattern = self.request.get("outcome")
        if pattern:
            mine = [each for each in now if fnmatch(each, pattern)]
            theirs = [each for each in self.after if fnmatch(each, pattern)]
            same = mine and now[max(mine)] == self.after[max(theirs)]
            return [] if same else [pattern]
        # What a cache holds is made again when it is needed.
        names = {each for each in now.keys() | self.after.keys() if CACHE not in each}
        return sorted(each for each in names if now.get(each) != self.after.get(each))


def main() -> None:
    request = json.loads(sys.argv[3])
    for module in ("qreasoning.cli", *request["load"]):
        importlib.import_module(module)
    if request.get("clock"):
        stop_clock(request["clock"])
    trial = Trial(Path(sys.argv[1]), Path(sys.argv[2]), request)
    most = request.get("most")
    step = max(1, trial.count // (trial.count if most is None else max(1, most)))
    places = range(1, trial.count + 1, step) if most != 0 else ()
    for last in places:
        trial.restore()
        code, said = trial.attempt(request["first"], last=last)
        if code != DIED:
            raise SystemExit(f"No death at {last} of {trial.count}, but {code}: {said}")
        print(json.dumps(trial.look(f"{last} of {trial.count}: {said}")), flush=True)
    random = Random(0)
    for _ in range(request.get("kills") or 0):
        trial.restore()
        seconds = random.uniform(0, trial.seconds)
        trial.attempt(request["first"], killed_after=seconds)
        print(json.dumps(trial.look(f"SIGKILL after {seconds:.2f} s")), flush=True)


if __name__ == "__main__":
    main()
