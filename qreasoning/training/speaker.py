"""A model that is ready to write chains, with all that identifies it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qreasoning.chain import FORMATS, ChainFormat
from qreasoning.errors import DataError, SettingsError
from qreasoning.files import read_manifest, sha256_file
from qreasoning.settings import load
from qreasoning.training.model import (
    choose_device,
    commit_of,
    load_model,
    load_processor,
    weights_of,
)
from qreasoning.training.recipe import Recipe
from qreasoning.training.start import merged, with_adapter
from qreasoning.workspace import run_names, slug

ADAPTER = "adapter_model.safetensors"


@dataclass(frozen=True)
class Speaker:
    """A loaded model with all that identifies it.

    `revision` is the commit of a Hub model; `weights` tells its weights from others here.
    """

    model: Any
    processor: Any
    chain_format: ChainFormat
    name: str
    model_id: str
    adapter_sha: str | None
    max_new_tokens: int
    revision: str | None
    weights: tuple[str, ...]


def load_speaker(
    model: str | Path,
    format: str | None,
    max_new_tokens: int,
    device: str | None,
    revision: str | None = None,
) -> Speaker:
    """Load a run's folder, a Hub id (at a revision) or a model's folder.

    A run brings its format and completion length along. Raises SettingsError or DataError for an
    unknown model or format, an unfinished run, or a model too large for this machine.
    """
    folder = Path(model)
    if (folder / "recipe.yaml").is_file():
        if revision is not None:
            raise SettingsError(f"{folder} is a run, which has no revisions. Leave --revision out.")
        return _load_run(folder, format, device)
    if format is not None and format not in FORMATS:
        raise SettingsError(f"Unknown format '{format}'. Choose from {', '.join(FORMATS)}.")
    name = str(model)
    device = choose_device(name, device)
    shown = folder.resolve().name if folder.is_dir() else name
    return Speaker(
        model=load_model(name, device, revision=revision),
        processor=load_processor(name, revision=revision),
        chain_format=FORMATS[format or "q-reasoning"],
        name=slug(shown),
        model_id=shown,
        adapter_sha=None,
        max_new_tokens=max_new_tokens,
        revision=commit_of(name, revision),
        weights=tuple(weights_of(name, revision)),
    )


def _load_run(run: Path, format: str | None, device: str | None) -> Speaker:
    """The model of a finished run: its start model with the adapter merged in.

    Into weights of 4 bits nothing is merged: rounding would lose what was learned.
    """
    manifest = read_manifest(run)
    if manifest is None:
        raise DataError(f"The run {run} is not finished. Train again, or choose another run.")
    recipe = load(run / "recipe.yaml", Recipe)
    if format not in (None, recipe.format):
        raise SettingsError(f"{run} was trained to write {recipe.format}, not {format}.")
    device = choose_device(recipe.model, device)
    base = load_model(
        recipe.model, device, revision=recipe.revision, quantization=recipe.quantization
    )
    adapted = with_adapter(merged(base, run), run)
    return Speaker(
        model=(adapted if recipe.quantization else adapted.merge_and_unload()).eval(),
        processor=load_processor(recipe.model, recipe.max_pixels, revision=recipe.revision),
        chain_format=recipe.chain_format,
        name=run_names(run.resolve())[1],
        model_id=str(manifest["model"]),
        adapter_sha=sha256_file(run / ADAPTER),
        max_new_tokens=recipe.grpo.max_completion_length,
        revision=commit_of(recipe.model, recipe.revision),
        weights=tuple(weights_of(recipe.model, recipe.revision)),
    )
