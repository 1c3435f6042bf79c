"""`qr build-dataset`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from qreasoning.commands import study_here
from qreasoning.console import say
from qreasoning.workspace import Workspace

ExportKind = Literal["json", "csv", "trl"]


def build_dataset(
    spec: Annotated[
        str, typer.Option(help="What goes in: the name of a file in annotation/.")
    ] = "dataset",
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Exit code 1 where anything was found, also a warning; then nothing is published.",
        ),
    ] = False,
    diff: Annotated[
        tuple[str, str] | None,
        typer.Option(help="Build nothing: list what the second version has otherwise."),
    ] = None,
    export: Annotated[
        ExportKind | None,
        typer.Option(help="Also write the version for other tools, to outputs/exports."),
    ] = None,
    push_to_hub: Annotated[
        str | None,
        typer.Option(
            help="ORG/NAME: also publish it on the Hugging Face Hub, tagged with its version; "
            "pictures only where their licence allows it."
        ),
    ] = None,
) -> None:
    """Turn the pulled annotations and the score lists into one immutable dataset version."""
    from qreasoning.console import show_build
    from qreasoning.data.build import build_dataset as run_build
    from qreasoning.data.spec import read_spec

    study = study_here()
    settings = read_spec(study, spec)
    if diff is not None:
        _diff(study.datasets / settings.name, *diff)
        return
    report = run_build(settings, study, say)
    show_build(report)
    if strict and report.findings:
        raise typer.Exit(1)
    if export is not None:
        _export(report.folder, export, study)
    if push_to_hub is not None:
        _publish(report.folder, push_to_hub)


def _diff(dataset: Path, one: str, other: str) -> None:
    from qreasoning.console import show_diff
    from qreasoning.data.diff import diff_versions

    show_diff(f"{dataset.name} {one} to {other}", diff_versions(dataset, one, other))


def _export(version: Path, kind: ExportKind, study: Workspace) -> None:
    from qreasoning.data.export import export

    into = study.exports / f"{version.parent.name}-{version.name}-{kind}"
    if into.exists():
        say(f"{into} is there already")
        return
    report = export(version, kind, into)
    say(f"{report.folder} holds {sum(report.rows.values()):,} rows")


def _publish(version: Path, repository: str) -> None:
    from qreasoning.data.publish import push

    report = push(version, repository, say)
    state = "is published" if report.new else "was published before, with the same content"
    say(f"{report.address} at the tag {report.tag} {state}")
