"""`qr doctor`."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from qreasoning.console import say


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="All checks as JSON.")] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Do not start an embedded server that does not run.")
    ] = False,
) -> None:
    """Say what is installed, what is missing, and what is wrong, with what to do about it.

    Versions, extras, disk, GPU; and of the study around here its files, who may read its secrets,
    and its Label Studio: whether it can be reached, and whether one picture of each project opens
    in it. Changes nothing. Exit code 1 where there is a problem; a note is none.
    """
    import json

    from qreasoning.doctor import examine

    checks = []
    for check in examine(Path.cwd(), os.environ, start=not quick, say=_quiet if as_json else say):
        checks.append(check)
        if not as_json:
            remedy = f"\n{' ' * 9}-> {check.remedy}" if check.remedy else ""
            say(f"{check.state:8} {check.what}: {check.found}{remedy}")
    problems = sum(check.state == "problem" for check in checks)
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in checks], ensure_ascii=False, indent=1))
    else:
        say(f"{problems} of {len(checks)} are problems" if problems else "No problem was found")
    raise typer.Exit(1 if problems else 0)


def _quiet(text: str) -> None:
    """JSON alone goes to the output."""
