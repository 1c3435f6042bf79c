"""What the terminal shows: lines of progress, and the reports of the stages as tables."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from qreasoning.annotation.commands import CommandReport
    from qreasoning.annotation.reporting import StatusReport
    from qreasoning.annotation.signs import Interval
    from qreasoning.annotation.status import StatusTable
    from qreasoning.data.build import BuildReport
    from qreasoning.data.diff import TableDiff
    from qreasoning.demo import DemoReport
    from qreasoning.metrics.bootstrap import Estimate
    from qreasoning.studies import CurveResult, SweepResult
    from qreasoning.training.dry_run import DryRun
    from qreasoning.training.predict import PredictReport


def say(text: str) -> None:
    """Show a line of progress; control characters of foreign texts never reach the terminal."""
    typer.echo(printable(text))


def printable(text: str) -> str:
    """`text` with control characters other than newlines written as escapes."""
    kept = (each if each.isprintable() or each == "\n" else repr(each)[1:-1] for each in text)
    return "".join(kept)


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Show rows under a title; texts are taken literally, nothing in them is markup."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(printable(title)), title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(Text(column), justify="left" if number == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(_cell(value))) for value in row))
    Console().print(table)


def _cell(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


FINDINGS_SHOWN = 6
"""Of one annotator, the most frequent ones; all are in findings.parquet."""


def show_status(status: "StatusTable") -> None:
    """Show how far an annotation project is."""
    target = f"{status.complete} of {status.images} pictures have {status.annotators_per_image}"
    everybody = [person.with_findings for person in status.people.values()]
    show_table(
        f"{status.project}: {target} or more answers",
        ["annotator", "answers", "skipped", "s per picture", "with findings"],
        [
            *(
                (
                    *(name, person.answers, person.skipped),
                    "" if person.seconds is None else f"{person.seconds:.0f}",
                    person.with_findings,
                )
                for name, person in status.people.items()
            ),
            ("everybody", status.total, status.skipped, "", sum(everybody)),
        ],
    )
    for name, person in status.people.items():
        if person.findings:
            shown = list(person.findings.items())[:FINDINGS_SHOWN]
            more = "" if len(person.findings) <= FINDINGS_SHOWN else ", …"
            counts = ", ".join(f"{count} x {finding}" for finding, count in shown)
            say(f"  {name}: {counts}{more}")
    for what, count in (("replaced", status.replaced), ("foreign", status.foreign)):
        if count:
            say(f"  {count} x {what}")


def show_campaign(report: "StatusReport") -> None:
    """Show how a campaign is going: the status, who agrees, and whom to look at."""
    show_status(report.table)
    agreement = report.campaign.agreement
    if any(found.ordinal.n for found in agreement.values()):
        show_table(
            "Agreement",
            ["", "alpha (ordinal)", "alpha (interval)", "ICC(A,1)", "pairwise SRCC", "n"],
            [
                (
                    name,
                    *map(_estimate, (found.ordinal, found.interval, found.icc, found.srcc)),
                    found.ordinal.n,
                )
                for name, found in agreement.items()
            ],
        )
    for ranking in report.rankings:
        show_table(
            f"Preferred: {ranking.field}",
            ["author", "value", "pictures"],
            [(each.author, _estimate(each.value), each.value.n) for each in ranking.standings],
        )
        for gap in ranking.gaps:
            verdict = "differ" if gap.real else "are not told apart"
            say(f"  {gap.first} and {gap.second} {verdict} ({_estimate(gap.difference)})")
    for name, person in report.campaign.people.items():
        if person.screened.verdict != "ok" or person.excluded:
            excluded = " (excluded)" if person.excluded else ""
            why = "; ".join(person.screened.reasons)
            say(f"  {name}: {person.screened.verdict}{excluded} {why}")
    if report.needed:
        show_table(
            "One more annotator helps most",
            ["", "answers", "mean", "standard error", "smaller by"],
            [
                (report.names[each.unit], each.answers, each.mean, each.error, each.narrower)
                for each in report.needed
            ],
        )
    if report.asked:
        say(f"{report.asked} more showings are planned. Next: qr annotate")
    say(f"{report.page} shows all of it; hours are in {report.times}")


def _estimate(found: "Interval | Estimate") -> str:
    """A value with its interval; empty where it is undefined."""
    if found.value != found.value:
        return ""
    limits = "" if found.low != found.low else f" [{found.low:.2f}, {found.high:.2f}]"
    return f"{found.value:.2f}{limits}"


def show_command(report: "CommandReport") -> None:
    """Show what a command of the annotate group did."""
    for note in report.notes:
        say(note)
    show_status(report.status)
    say(f"{report.appended} new states in the log of {report.folder}")


def show_build(report: "BuildReport") -> None:
    """Show what a dataset version holds and what was kept aside."""
    simulated = " (simulated)" if report.simulated else ""
    state = "is made" if report.new else "holds all there is already; nothing new to build"
    show_table(
        f"{report.folder.parent.name} {report.version}{simulated}",
        ["split", "pictures", "with human chains", "annotations"],
        [
            [split, count, report.chains[split], report.annotations[split]]
            for split, count in report.images.items()
        ],
    )
    for what, counts in (
        ("kept aside", report.reasons),
        ("kept, with a warning", report.warnings),
        ("picture kept aside", report.image_reasons),
    ):
        for reason, count in counts.items():
            say(f"  {what}: {count} x {reason}")
    if report.new:
        say(f"  {report.version}: {'; '.join(report.why)}")
    say(f"{report.folder} {state}. Next: qr train")


def show_dry_run(run: "DryRun") -> None:
    """Show what a training run would be."""
    say(f"The recipe:\n\n{run.recipe}")
    for prompt in run.prompts:
        pictures = "1 picture" if prompt.pictures == 1 else f"{prompt.pictures} pictures"
        say(
            f"{prompt.name}: {pictures} of {prompt.picture_tokens} tokens, {prompt.tokens} in "
            f"all\n{prompt.text}"
        )
    if not run.prompts:
        say(f"The prompt: {run.question}")
    say(f"Format reward of the prompt's own example: {run.example_reward}")
    say(f"Drawn from: {run.pictures}")
    say(
        f"A step: {run.groups} groups of {run.completions} completions on each of {run.processes} "
        f"process{'es' if run.processes > 1 else ''}"
    )
    say(f"{run.steps} steps, {round(run.epochs, 2):g} epochs")
    if run.memory is not None:
        parts = run.memory
        say(
            f"Memory per process, roughly: {parts.total / 1e9:.1f} GB ({parts.weights / 1e9:.1f} "
            f"weights, {parts.adapters / 1e9:.1f} adapters, {parts.generating / 1e9:.1f} while "
            f"generating, {parts.learning / 1e9:.1f} while learning)"
        )
    if run.seconds is not None:
        say(f"Time on this machine's {run.device}, roughly: {_duration(run.seconds)}")
    elif run.memory is not None:
        say("Time: measured on a GPU only")
    for each in run.missing:
        say(f"Missing here: {each}")
    say("Nothing was done. Leave --dry-run out to train")


def _duration(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours >= 1 else f"{seconds / 60:.1f} min"


def show_diff(title: str, tables: "Sequence[TableDiff]") -> None:
    """Show what one dataset version has otherwise than another."""
    show_table(
        title,
        ["table", "added", "removed", "changed", "columns that changed"],
        [
            [
                *(each.table, each.added, each.removed, each.changed),
                ", ".join(f"{name} ({count})" for name, count in sorted(each.columns.items())),
            ]
            for each in tables
        ],
    )
    for each in tables:
        for example in each.examples:
            say(f"  {each.table} {example}")


def show_predictions(report: "PredictReport") -> None:
    """Show how the answers of a model could be read."""
    for condition, statuses in report.statuses.items():
        counts = ", ".join(f"{count} {status}" for status, count in statuses.items())
        say(f"{condition} condition: {counts}")
    if report.left_out:
        say(f"{report.left_out} rows have no picture and were left out")
    say(f"{report.path} holds {report.images} pictures. Next: qr align-report")


def show_sweep(result: "SweepResult", folder: "Path") -> None:
    """Show the trials on a sweep's front, and what did not count."""
    from qreasoning.studies import LABELS

    simulated = " (simulated)" if result.about.simulated else ""
    count = sum(trial.why is None for trial in result.trials)
    show_table(
        f"{result.about.name}{simulated}: {len(result.front)} of {count} trials on the front, on "
        "the validation split",
        ["trial", *(LABELS[each] for each in result.objectives), *result.parameters, "run"],
        [
            [
                str(trial.number),
                *(trial.values[each] for each in result.objectives),
                *(_setting(trial.parameters.get(each)) for each in result.parameters),
                trial.run,
            ]
            for trial in result.front
        ],
    )
    for trial in result.trials:
        if trial.why:
            say(f"  trial {trial.number} does not count: {trial.why}")
    say(f"{folder} holds all trials (front.csv) and the picture (front.svg). Next: qr align-report")


def _setting(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def show_curve(result: "CurveResult", folder: "Path") -> None:
    """Show a learning curve, and what its last doubling bought."""
    from qreasoning.studies import LABELS, gain_sentence

    simulated = " (simulated)" if result.about.simulated else ""
    seeds = "1 seed" if result.seeds == 1 else f"{result.seeds} seeds"
    metrics = list(result.points[0].values)
    show_table(
        f"{result.about.name}{simulated}: {seeds}, on the validation split",
        ["human chains", "pictures", *(LABELS[each] for each in metrics)],
        [
            [
                f"{point.chains:,}",
                f"{point.pictures:,}",
                *(_estimate(point.values[each]) for each in metrics),
            ]
            for point in result.points
        ],
    )
    say(gain_sentence(result))
    if result.seeds == 1:
        say("With one seed, the intervals do not show how runs differ. Add some: --seeds 3")
    say(f"{folder} holds table (curve.csv) and picture (curve.svg). Next: qr align-report")


def show_demo(report: "DemoReport") -> None:
    """Show what GRPO changed, and where the report is."""
    minutes, seconds = divmod(round(report.seconds), 60)
    show_table(
        "Simulated: tiny model, test pictures from regions it never saw",
        ["", "before GRPO", "after GRPO"],
        [[name, value, report.after[name]] for name, value in report.before.items()],
    )
    say(f"{minutes} min {seconds} s. The report is {report.report}")
