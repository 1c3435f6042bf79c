"""`qr align-report`."""

from pathlib import Path
from typing import Annotated

import typer

from qreasoning.commands import DatasetOption, study_here
from qreasoning.console import say
from qreasoning.errors import SettingsError


def align_report(
    dataset: DatasetOption = None,
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
    study = study_here()
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
