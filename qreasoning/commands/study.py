"""`qr init` and `qr demo`: a new study, and the whole loop in one."""

from pathlib import Path
from typing import Annotated

import typer

from qreasoning.console import say
from qreasoning.extras import need
from qreasoning.workspace import make_study


def init(
    folder: Annotated[Path, typer.Argument(help="An empty folder, or one that is not there yet.")],
) -> None:
    """Make a new study: what a researcher edits, ready to run."""
    study = make_study(folder)
    say(
        f"{study.root} is a study now. "
        "Edit annotation/konIQ.yaml there, then: qr annotate --project konIQ"
    )


def demo(
    folder: Annotated[Path, typer.Argument(help="Where the demo's own study is made.")] = Path(
        "outputs/demo"
    ),
    seed: Annotated[int, typer.Option(help="Another seed: other pictures, answers, samples.")] = 0,
) -> None:
    """Run the whole loop on this machine: simulated pictures and people, no GPU, no download."""
    need("annotate", "train", "report", "demo")
    from qreasoning.console import show_demo
    from qreasoning.demo import FULL, run_demo

    show_demo(run_demo(folder, seed=seed, size=FULL, say=say))
