"""What `qr doctor` looks at: this machine, what is installed, the study's files, its server.

Nothing is changed. A part that cannot be looked at is a problem of its own and ends no other part.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from qreasoning.doctor.machine import gpu, packages, system
from qreasoning.doctor.study import files, projects, secrets
from qreasoning.errors import QReasoningError
from qreasoning.extras import lacking
from qreasoning.health import Check, broken
from qreasoning.workspace import Workspace


def examine(
    here: Path, environ: Mapping[str, str], start: bool, say: Callable[[str], None]
) -> Iterator[Check]:
    """Everything that can be said about this machine and about the study around `here`.

    `start` allows an embedded server that does not run to be tried on a copy of its data.
    """
    yield from _guarded("machine", lambda: system(here))
    yield from _guarded("packages", packages)
    yield from _guarded("GPU", gpu)
    try:
        study = Workspace.around(here)
    except QReasoningError as error:
        yield Check("study", "note", str(error))
        return
    yield Check("study", "ok", str(study.root))
    yield from _guarded("study files", lambda: files(study))
    yield from _guarded("secrets", lambda: secrets(study))
    yield from _guarded("Label Studio", lambda: _server(study, environ, start, say))


def _guarded(what: str, part: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    try:
        yield from part()
    except Exception as error:
        # Whatever is wrong with a machine must not keep the rest of it from being told.
        yield broken(what, RuntimeError(f"could not be looked at: {type(error).__name__}: {error}"))


def _server(
    study: Workspace, environ: Mapping[str, str], start: bool, say: Callable[[str], None]
) -> Iterator[Check]:
    if lacking("annotate"):
        return  # Said with the extras.
    from qreasoning.annotation.checkup import check_server

    yield from check_server(study, projects(study), environ, start, say)
