"""The command line: which commands there are, and how errors of each end it.

Exit codes: 0 done, 1 findings, 2 an error that the user can mend.
"""

import errno
import signal
import sys
from typing import Annotated

import typer

from qreasoning import __version__
from qreasoning.commands.annotate import app as annotate_app
from qreasoning.commands.dataset import build_dataset
from qreasoning.commands.doctor import doctor
from qreasoning.commands.learning_curve import learning_curve
from qreasoning.commands.predict import predict
from qreasoning.commands.report import align_report
from qreasoning.commands.study import demo, init
from qreasoning.commands.sweep import sweep
from qreasoning.commands.train import train
from qreasoning.console import printable
from qreasoning.errors import QReasoningError
from qreasoning.extras import extra_of, how_to_install

app = typer.Typer(
    name="qr",
    help=(
        "From raw pictures to a vision-language model whose explanations agree with people's: "
        "annotate, build-dataset, train, predict, align-report. Try it all with: qr demo"
    ),
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

DISK_ERRORS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would be larger than is allowed",
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
    errno.EROFS: "the disk is read-only",
    errno.EIO: "the disk does not answer",
}


def main() -> None:
    """Run `qr`; an error that the user can mend is one message and exit code 2."""
    # Being ended is like Ctrl-C: what was started (a server, a process) is ended too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except QReasoningError as error:
        stop(str(error))
    except ModuleNotFoundError as error:
        extra = extra_of(error.name or "")
        if extra is None:
            raise
        stop(how_to_install(str(error.name), extra))
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        place = error.filename or "outputs/"
        stop(
            f"{place} could not be written: {DISK_ERRORS[error.errno]}. Make room or correct the "
            "permissions, then run the same command again; what was there before is whole."
        )


def stop(message: str) -> None:
    """Show an error and end with exit code 2."""
    typer.echo(f"Error: {printable(message)}", err=True)
    sys.exit(2)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"qreasoning {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None: ...


app.command()(init)
app.add_typer(annotate_app, name="annotate")
app.command()(build_dataset)
app.command()(train)
app.command()(sweep)
app.command()(learning_curve)
app.command()(predict)
app.command()(align_report)
app.command()(demo)
app.command()(doctor)
