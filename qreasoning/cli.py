"""The command line: one short function per command, heavy imports inside.

Exit codes: 0 done, 1 findings, 2 an error that the user can mend.
"""

import errno
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Literal

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
    "huggingface_hub": "train",
    "jinja2": "report",
    "matplotlib": "report",
    "tensorboard": "train",
    "bert_score": "semantic",
    "skimage": "demo",
}
"""Which extra brings a module that is not part of the core."""

ExportKind = Literal["json", "csv", "trl"]

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

    report = make_report(project, _study(), needs=needs, ask=ask)
    if as_json:
        typer.echo(json.dumps(report.json(), ensure_ascii=False, indent=1))
    else:
        show_campaign(report)
    raise typer.Exit(1 if report.table.findings else 0)


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

    study = _study()
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
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change the recipe: grpo.steps=5; may be repeated."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what the run would be and need.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the newest unfinished run of the recipe.")
    ] = False,
    merge: Annotated[
        bool, typer.Option("--merge", help="Also write the whole model, the adapter merged in.")
    ] = False,
    push_to_hub: Annotated[
        str | None,
        typer.Option(metavar="ORG/NAME", help="Publish the run on the Hugging Face Hub."),
    ] = None,
) -> None:
    """Train with GRPO and LoRA on a dataset; the run goes to outputs/runs/RECIPE/NUMBER.

    `qr train tiny` trains the demo's tiny model, which needs no GPU.
    """
    from qreasoning.training.recipe import TINY, load_recipe

    study = _study()
    chosen = load_recipe(study.settings("training", recipe, "recipe"), changes or ())
    data = study.dataset(dataset)
    if push_to_hub is not None:
        from qreasoning.training.publish import check_repository

        check_repository(push_to_hub)
    from qreasoning.training.run import train as run_train
    from qreasoning.training.start import start_run

    if chosen.model == TINY:
        from qreasoning.simulation.warm_up import WarmUp, ensure_base

        chosen = chosen.model_copy(
            update={"model": str(ensure_base(cache_folder(), say, WarmUp(format=chosen.format)))}
        )
    if chosen.init_from is not None and start_run(chosen, study.runs) is None:
        say(f"{chosen.name} starts from a run of {chosen.init_from}, and there is none: made first")
        # It has to be of the same model, whatever else is changed here.
        model = [each for each in changes or () if each.startswith(("model=", "revision="))]
        train(chosen.init_from, dataset, device, changes=model, dry_run=dry_run)
    if dry_run:
        from qreasoning.console import show_dry_run
        from qreasoning.training.dry_run import dry_run as look_at

        show_dry_run(look_at(chosen, data, device))
        return
    report = run_train(chosen, data, study.runs, device=device, resume=resume, say=say)
    _follow_up(report.run, merge, push_to_hub)
    say(f"{report.run} is ready. Next: qr predict")


def _follow_up(run: Path, merge: bool, repository: str | None) -> None:
    """What is made of a finished run on request; of several processes, one does it."""
    from accelerate import PartialState

    if not PartialState().is_main_process:
        return
    if merge:
        from qreasoning.training.merge import merge as run_merge

        say(f"{run_merge(run)} holds the merged model")
    if repository is not None:
        from qreasoning.training.publish import push

        say(f"{push(run, repository)} holds the run")


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
    condition: Annotated[
        str, typer.Option(help="image, caption or both; the caption is the one written before.")
    ] = "image,caption",
    stage2: Annotated[
        str,
        typer.Option(help="Ratings of captions: generate them, or expect them from the logits."),
    ] = "generate",
    chain_format: Annotated[
        str | None, typer.Option("--format", help="The chain format of a model that is no run.")
    ] = None,
    revision: Annotated[
        str | None, typer.Option(help="Branch, tag or commit of a Hub model.")
    ] = None,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Pictures that are answered at once.")
    ] = 16,
    device: Annotated[
        str | None, typer.Option(help="cpu or cuda; the GPU if there is one if left out.")
    ] = None,
) -> None:
    """Write a model's chains, greedily, in the image and in the caption condition.

    Interrupted, the same command goes on where it was. What made the file is in its metadata.
    """
    conditions = _chosen("--condition", condition.split(","), ("image", "caption"))
    (way,) = _chosen("--stage2", [stage2], ("generate", "expect"))
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
            conditions=conditions,  # type: ignore[arg-type]
            stage2=way,  # type: ignore[arg-type]
            format=chain_format,
            batch_size=batch_size,
            device=device,
            revision=revision,
            say=say,
        )
    )


def _chosen(option: str, given: list[str], known: tuple[str, ...]) -> list[str]:
    """The choices of an option, in their own order. Raises SettingsError for another one."""
    names = {each.strip() for each in given}
    if not names <= set(known):
        raise SettingsError(f"{option} takes {' or '.join(known)}, not {', '.join(given)}.")
    return [each for each in known if each in names]


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
