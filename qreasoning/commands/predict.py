"""`qr predict`."""

from pathlib import Path
from typing import Annotated

import typer

from qreasoning.commands import DatasetOption, DeviceOption, study_here
from qreasoning.console import say
from qreasoning.errors import SettingsError


def predict(
    model: Annotated[
        str | None,
        typer.Option(
            help="A run (RECIPE/NUMBER), a Hub id or a folder; the newest run if left out."
        ),
    ] = None,
    dataset: DatasetOption = None,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    images: Annotated[
        Path | None,
        typer.Option(
            help="Pictures instead of a dataset: a folder, a .tar or a folder of them, or a text "
            "file with a path a line."
        ),
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
    device: DeviceOption = None,
    engine: Annotated[
        str,
        typer.Option(
            help="transformers or vllm in this process, or ray: workers on this machine, or on the "
            "cluster that RAY_ADDRESS names, which has to see all files under the same paths."
        ),
    ] = "transformers",
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Ray's workers; one per GPU, or per core, if left out."),
    ] = None,
) -> None:
    """Write a model's chains, greedily, in the image and in the caption condition.

    Interrupted, the same command goes on where it was. What made the file is in its metadata.
    """
    conditions = _chosen("--condition", condition.split(","), ("image", "caption"))
    (way,) = _chosen("--stage2", [stage2], ("generate", "expect"))
    (who,) = _chosen("--engine", [engine], ("transformers", "vllm", "ray"))
    if workers is not None and who != "ray":
        raise SettingsError("--workers are Ray's. Add --engine ray, or leave it out.")
    study = study_here()
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
            engine=who,  # type: ignore[arg-type]
            workers=workers,
            say=say,
        )
    )


def _chosen(option: str, given: list[str], known: tuple[str, ...]) -> list[str]:
    """The choices of an option, in their own order. Raises SettingsError for another one."""
    names = {each.strip() for each in given}
    if not names <= set(known):
        raise SettingsError(f"{option} takes {' or '.join(known)}, not {', '.join(given)}.")
    return [each for each in known if each in names]
