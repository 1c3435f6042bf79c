"""The command line: one short function per command, heavy imports inside.

Exit codes: 0 done, 1 findings, 2 an error that the user can mend.
"""

import errno
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from qreasoning import __version__
from qreasoning.console import printable, say
from qreasoning.errors import QReasoningError, SettingsError
from qreasoning.workspace import Workspace, cache_folder, make_study

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

EXTRAS = {
    "label_studio_sdk": "annotate",
    "httpx": "annotate",
    "markdown_it": "annotate",
    "torch": "train",
    "transformers": "train",
    "trl": "train",
    "peft": "train",
    "accelerate": "train",
    "datasets": "train",
    "jinja2": "report",
    "matplotlib": "report",
    "bert_score": "semantic",
    "skimage": "demo",
}
"""Which extra brings a module that is not part of the core."""

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
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        stop(
            f"The package '{error.name}' is missing. Install it: pip install 'qreasoning[{extra}]'"
        )
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


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="An empty folder, or one that is not there yet.")],
) -> None:
    """Make a new study: what a researcher edits, ready to run."""
    study = make_study(folder)
    say(
        f"{study.root} is a study now. "
        "Edit annotation/konIQ.yaml there, then: qr annotate --project konIQ"
    )


annotate_app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
app.add_typer(annotate_app, name="annotate")

ProjectOption = Annotated[
    str, typer.Option("--project", help="The name of a file in annotation/, such as konIQ.")
]


@annotate_app.callback(invoke_without_command=True)
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
    if dry_run:
        _would_do(project, annotators)
        return
    from qreasoning.annotation.run import annotate as run_annotate
    from qreasoning.console import show_status

    run_annotate(
        *(project, _study()),
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
        project, _study(), say=say, environ=os.environ, annotators=annotators
    )
    for change in changes:
        say(f"Would be done: {change}")
    for reason in refused:
        say(f"Refused, and all of the above with it: {reason}")
    if not changes and not refused:
        say("Nothing would change")
    if refused:
        raise typer.Exit(1)


@annotate_app.command("pull")
def annotate_pull(project: ProjectOption) -> None:
    """Pull the answers once, and change nothing on the server."""
    from qreasoning.annotation.commands import pull
    from qreasoning.console import show_command

    show_command(pull(project, _study(), say=say, environ=os.environ))


@annotate_app.command("status")
def annotate_status(project: ProjectOption) -> None:
    """Show how far the project is as of the last pull; asks no server.

    Exit code 1 where an answer has a finding. All findings are in
    outputs/annotations/PROJECT/findings.parquet.
    """
    from qreasoning.annotation.commands import status
    from qreasoning.console import show_status

    report = status(project, _study())
    show_status(report.status)
    raise typer.Exit(1 if report.status.findings else 0)


@annotate_app.command("import")
def annotate_import(
    project: ProjectOption,
    file: Annotated[Path, typer.Argument(help="A JSON export of Label Studio, 1.0 or later.")],
) -> None:
    """Take over the answers of an existing Label Studio export; twice adds nothing.

    Names that differ are mapped under 'importing' in the project file.
    """
    from qreasoning.annotation.commands import import_export
    from qreasoning.console import show_command

    show_command(import_export(project, _study(), file, say))


@annotate_app.command("rebuild")
def annotate_rebuild(project: ProjectOption) -> None:
    """Make the tables and the findings again from the log alone; asks no server."""
    from qreasoning.annotation.commands import rebuild
    from qreasoning.console import show_command

    show_command(rebuild(project, _study()))


@annotate_app.command("backup")
def annotate_backup(project: ProjectOption) -> None:
    """Save the embedded server's database and the log together, also while it runs.

    To restore: end qr annotate, copy the database, admin.json and .env back to
    outputs/label-studio and the rest to outputs/annotations/PROJECT.
    """
    from qreasoning.annotation.backup import backup

    report = backup(project, _study(), say=say)
    what = "Database and log are" if report.with_database else "The log is"
    say(f"{what} saved in {report.folder} ({report.bytes / 1e6:.1f} MB)")


@app.command("build-dataset")
def build_dataset(
    spec: Annotated[
        str, typer.Option(help="What goes in: the name of a file in annotation/.")
    ] = "dataset",
) -> None:
    """Turn the pulled annotations and the score lists into one immutable dataset version."""
    from qreasoning.console import show_build
    from qreasoning.data.build import build_dataset as run_build
    from qreasoning.data.spec import read_spec

    study = _study()
    show_build(run_build(read_spec(study, spec), study, say))


@app.command()
def train(
    recipe: Annotated[
        str, typer.Argument(help="A recipe: the name of a file in training/.")
    ] = "q-reasoning",
    dataset: Annotated[
        str | None, typer.Option(help="NAME or NAME@VERSION; the newest if left out.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu or cuda; the GPU if there is one if left out.")
    ] = None,
) -> None:
    """Train with GRPO and LoRA on a dataset; the run goes to outputs/runs/RECIPE/NUMBER.

    `qr train tiny` trains the demo's tiny model, which needs no GPU.
    """
    from qreasoning.training.recipe import TINY, load_recipe

    study = _study()
    chosen = load_recipe(study.settings("training", recipe, "recipe"))
    data = study.dataset(dataset)
    from qreasoning.training.run import train as run_train

    if chosen.model == TINY:
        from qreasoning.simulation.warm_up import ensure_base

        chosen = chosen.model_copy(update={"model": str(ensure_base(cache_folder(), say))})
    report = run_train(chosen, data, study.runs, device=device, say=say)
    say(f"{report.run} is ready. Next: qr predict")


@app.command()
def predict(
    model: Annotated[
        str | None,
        typer.Option(
            help="A run (RECIPE/NUMBER), a Hub id or a folder; the newest run if left out."
        ),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="NAME or NAME@VERSION; the newest if left out.")
    ] = None,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    images: Annotated[
        Path | None, typer.Option(help="A folder of pictures instead of a dataset.")
    ] = None,
    chain_format: Annotated[
        str | None, typer.Option("--format", help="The chain format of a model that is no run.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu or cuda; the GPU if there is one if left out.")
    ] = None,
) -> None:
    """Write a model's chains, greedily, in the image and in the caption condition."""
    study = _study()
    data = images if images is not None else study.dataset(dataset)
    chosen = study.model(model)
    from qreasoning.console import show_predictions
    from qreasoning.training.predict import predict as run_predict

    show_predictions(
        run_predict(
            chosen,
            data,
            study.predictions,
            split=split,
            format=chain_format,
            device=device,
            say=say,
        )
    )


@app.command("align-report")
def align_report(
    dataset: Annotated[
        str | None, typer.Option(help="NAME or NAME@VERSION; the newest if left out.")
    ] = None,
    predictions: Annotated[
        list[str] | None,
        typer.Option(
            help="A model's name in outputs/predictions, or a .jsonl or .parquet file with chains "
            "made elsewhere; repeat it. All on the test split if left out."
        ),
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option(help="rouge1, claims or semantic; repeat it. As in the settings if left out."),
    ] = None,
    benchmarks: Annotated[
        Path | None,
        typer.Option(help="A folder of score manifests, one per public set (koniq.parquet, …)."),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(help="Compare every other model with this one only.")
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            help="FIELD=NAME: how a file made elsewhere calls image, caption, reasoning, rating or "
            "caption_rating; repeat it."
        ),
    ] = None,
    settings: Annotated[
        str, typer.Option(help="Report settings: the name of a file in analysis/.")
    ] = "report",
    name: Annotated[
        str | None, typer.Option(help="The report's folder in outputs/reports.")
    ] = None,
) -> None:
    """Compare the models' chains with the human chains, and ratings with the MOS.

    Everything that needs no neural model is computed; BERTScore and cosine where the settings name
    a semantic_model.
    """
    study = _study()
    data = study.dataset(dataset)
    from qreasoning.analysis.report import align_report as run_report
    from qreasoning.analysis.report import read_settings

    chosen = read_settings(
        *(study, settings),
        metrics=None if metrics is None else [m for each in metrics for m in each.split(",")],
        baseline=baseline,
        columns=None if columns is None else _named(columns),
    )
    report = run_report(
        study,
        dataset=data,
        predictions=predictions,
        name=name or data.parent.name,
        settings=chosen,
        benchmarks=benchmarks,
        say=say,
    )
    for what in report.left_out:
        say(f"Left out: {what}")
    say(f"The report is {report.folder / 'index.html'}")


def _named(columns: list[str]) -> dict[str, str]:
    pairs = [each.partition("=") for each in columns]
    wrong = next((each[0] for each in pairs if not each[1] or not each[2]), None)
    if wrong is not None:
        raise SettingsError(f"--columns {wrong}: write FIELD=NAME, for example image=filename.")
    return {field: name for field, _, name in pairs}


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Where the demo's own study is made.")] = Path(
        "outputs/demo"
    ),
    seed: Annotated[int, typer.Option(help="Another seed: other pictures, answers, samples.")] = 0,
) -> None:
    """Run the whole loop on this machine: simulated pictures and people, no GPU, no download."""
    from qreasoning.console import show_demo
    from qreasoning.demo import FULL, run_demo

    show_demo(run_demo(folder, seed=seed, size=FULL, say=say))


def _study() -> Workspace:
    return Workspace.around(Path.cwd())
