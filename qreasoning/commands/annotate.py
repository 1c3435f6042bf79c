"""`qr annotate` and the commands below it."""

import os
from pathlib import Path
from typing import Annotated

import typer

from qreasoning.commands import study_here
from qreasoning.console import say
from qreasoning.errors import SettingsError
from qreasoning.extras import need

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)

ProjectOption = Annotated[
    str, typer.Option("--project", help="The name of a file in annotation/, such as konIQ.")
]


@app.callback(invoke_without_command=True)
def annotate(
    context: typer.Context,
    project: Annotated[
        str | None,
        typer.Option(help="A project: the name of a file in annotation/, such as konIQ."),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Do one round (start, import, pull) and end.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Keep pulling from a team's server too, until Ctrl-C.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would change on the server.")
    ] = False,
    annotators: Annotated[
        int | None,
        typer.Option(min=0, max=1000, help="How many log-ins, instead of the project file's."),
    ] = None,
    host: Annotated[
        str,
        typer.Option(help="The embedded server listens on this address; others can reach it."),
    ] = "127.0.0.1",
) -> None:
    """Collect annotations in Label Studio, until Ctrl-C:  qr annotate --project konIQ

    Brings the server to the state that annotation/PROJECT.yaml describes (project, form, pictures,
    log-ins), prints the address, where the annotators' log-ins are, and a status table, and pulls
    what is annotated into outputs/annotations/PROJECT all the while. Run it as often as you like,
    also after an edit of the file; --dry-run says beforehand what would change.

    The server is an embedded one on this machine, or your team's, which LABEL_STUDIO_URL and
    LABEL_STUDIO_API_KEY name (then it makes one round, and stays with --watch). The commands below
    do one thing each:  qr annotate pull --project konIQ
    """
    if context.invoked_subcommand is not None:
        return
    if project is None:
        raise SettingsError("No project is named. Add --project NAME, a file of annotation/.")
    need("annotate")
    if dry_run:
        _would_do(project, annotators)
        return
    from qreasoning.annotation.run import annotate as run_annotate
    from qreasoning.console import show_status

    run_annotate(
        *(project, study_here()),
        once=once,
        watch=watch,
        annotators=annotators,
        host=host,
        say=say,
        show=show_status,
        environ=os.environ,
    )


def _would_do(project: str, annotators: int | None) -> None:
    from qreasoning.annotation.run import would_do

    changes, refused = would_do(
        project, study_here(), say=say, environ=os.environ, annotators=annotators
    )
    for change in changes:
        say(f"Would be done: {change}")
    for reason in refused:
        say(f"Refused, and all of the above with it: {reason}")
    if not changes and not refused:
        say("Nothing would change")
    if refused:
        raise typer.Exit(1)


@app.command("pull")
def annotate_pull(project: ProjectOption) -> None:
    """Pull the answers once, and change nothing on the server."""
    from qreasoning.annotation.commands import pull
    from qreasoning.console import show_command

    show_command(pull(project, study_here(), say=say, environ=os.environ))


@app.command("status")
def annotate_status(
    project: ProjectOption,
    as_json: Annotated[bool, typer.Option("--json", help="All numbers as JSON.")] = False,
    needs: Annotated[
        int, typer.Option(min=0, help="List so many, where one more annotator helps most.")
    ] = 0,
    ask: Annotated[
        bool, typer.Option("--ask", help="Plan one more showing of each of those (blind projects).")
    ] = False,
) -> None:
    """Show how the project is going as of the last pull; asks no server.

    Progress, pace, agreement, and of each annotator a verdict with its reasons. A page with all of
    it and the hours of each annotator are written to outputs/annotations/PROJECT (status.html,
    times.csv), where all findings are too (findings.parquet). Exit code 1 where an answer has a
    finding.
    """
    import json

    from qreasoning.annotation.reporting import report as make_report
    from qreasoning.console import show_campaign

    report = make_report(project, study_here(), needs=needs, ask=ask)
    if as_json:
        typer.echo(json.dumps(report.json(), ensure_ascii=False, indent=1))
    else:
        show_campaign(report)
    raise typer.Exit(1 if report.table.findings else 0)


@app.command("import")
def annotate_import(
    project: ProjectOption,
    file: Annotated[Path, typer.Argument(help="A JSON export of Label Studio, 1.0 or later.")],
) -> None:
    """Take over the answers of an existing Label Studio export; twice adds nothing.

    Names that differ are mapped under 'importing' in the project file.
    """
    from qreasoning.annotation.commands import import_export
    from qreasoning.console import show_command

    show_command(import_export(project, study_here(), file, say))


@app.command("rebuild")
def annotate_rebuild(project: ProjectOption) -> None:
    """Make the tables and the findings again from the log alone; asks no server."""
    from qreasoning.annotation.commands import rebuild
    from qreasoning.console import show_command

    show_command(rebuild(project, study_here()))


@app.command("backup")
def annotate_backup(project: ProjectOption) -> None:
    """Save the embedded server's database and the log together, also while it runs.

    To restore: end qr annotate, copy the database, admin.json and .env back to
    outputs/label-studio and the rest to outputs/annotations/PROJECT.
    """
    from qreasoning.annotation.backup import backup

    report = backup(project, study_here(), say=say)
    what = "Database and log are" if report.with_database else "The log is"
    say(f"{what} saved in {report.folder} ({report.bytes / 1e6:.1f} MB)")
