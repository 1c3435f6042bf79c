"""A model that is ready to write chains, with all that identifies it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qreasoning.chain import FORMATS, ChainFormat
from qreasoning.errors import DataError, SettingsError
from qreasoning.files import read_manifest, sha256_file
from qreasoning.settings import load
from qreasoning.training.model import choose_device, load_model, load_processor
from qreasoning.training.recipe import Recipe
from qreasoning.training.start import merged
from qreasoning.workspace import run_names, slug

ADAPTER = "adapter_model.safetensors"


@dataclass(frozen=True)
class Speaker:
    """A loaded model with all that identifies it."""

    model: Any
    processor: Any
    chain_format: ChainFormat
    name: str
    model_id: str
    adapter_sha: str | None
    max_new_tokens: int


def load_speaker(
    model: str | Path, format: str | None, max_new_tokens: int, device: str | None
) -> Speaker:
    """Load a run's folder, a Hub id or a model's folder.

    A run brings its format and completion length along. Raises SettingsError or DataError for an
    unknown model or format, an unfinished run, or a model too large for this machine.
    """
    folder = Path(model)
    if (folder / "recipe.yaml").is_file():
        return _load_run(folder, format, device)
    if format is not None and format not in FORMATS:
        raise SettingsError(f"Unknown format '{format}'. Choose from {', '.join(FORMATS)}.")
    name = str(model)
    device = choose_device(name, device)
    shown = folder.resolve().name if folder.is_dir() else name
    return Speaker(
        model=load_model(name, device),
        processor=load_processor(name),
        chain_format=FORMATS[format or "q-reasoning"],
        name=slug(shown),
        model_id=shown,
        adapter_sha=None,
        max_new_tokens=max_new_tokens,
    )


def _load_run(run: Path, format: str | None, device: str | None) -> Speaker:
    """The model of a finished run: its start model with the adapter merged in."""
    from peft import PeftModel

    manifest = read_manifest(run)
    if manifest is None:
        raise DataError(f"The run {run} is not finished. Train again, or choose another run.")
    recipe = load(run / "recipe.yaml", Recipe)
    if format not in (None, recipe.format):
        raise SettingsError(f"{run} was trained to write {recipe.format}, not {format}.")
    base = load_model(recipe.model, choose_device(recipe.model, device))
    return Speaker(
        model=PeftModel.from_pretrained(merged(base, run), str(run)).merge_and_unload().eval(),
        processor=load_processor(recipe.model, recipe.max_pixels),
        chain_format=recipe.chain_format,
        name=run_names(run.resolve())[1],
        model_id=str(manifest["model"]),
        adapter_sha=sha256_file(run / ADAPTER),
        max_new_tokens=recipe.grpo.max_completion_length,
    )
