"""A model that writes chains, with all that identifies it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qreasoning.chain import FORMATS, ChainFormat
from qreasoning.errors import DataError, SettingsError
from qreasoning.files import read_manifest, sha256_file
from qreasoning.settings import load
from qreasoning.training.generate import complete
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

if TYPE_CHECKING:
    from PIL.Image import Image

ADAPTER = "adapter_model.safetensors"


@dataclass(frozen=True)
class Speaker:
    """A model with all that identifies it; its weights are loaded when they are first needed.

    `revision` is the commit of a Hub model; `weights` tells its weights from others here.
    """

    load: Callable[[], Any]
    processor: Any
    chain_format: ChainFormat
    name: str
    model_id: str
    adapter_sha: str | None
    max_new_tokens: int
    revision: str | None
    weights: tuple[str, ...]
    device: str
    engine: str = "transformers"

    @cached_property
    def model(self) -> Any:
        """The model itself. Raises SettingsError where it cannot be loaded."""
        return self.load()

    @property
    def dtype(self) -> str:
        """The precision that the model computes in."""
        return "bfloat16" if self.device == "cuda" else "float32"

    def write(
        self, prompts: Sequence[str], pictures: "Sequence[Image] | None", max_new_tokens: int
    ) -> list[str]:
        """Greedy completions of prompts, one picture each or none at all."""
        if self.engine == "vllm":
            from qreasoning.training.vllm_engine import complete as complete_by_vllm

            return complete_by_vllm(self.model, prompts, pictures, max_new_tokens)
        return complete(self.model, self.processor, prompts, pictures, max_new_tokens)


def load_speaker(
    model: str | Path,
    format: str | None,
    max_new_tokens: int,
    device: str | None,
    revision: str | None = None,
    *,
    engine: str = "transformers",
) -> Speaker:
    """A run's folder, a Hub id (at a revision) or a model's folder as a speaker.

    A run brings its format and completion length along. With the engine `ray` the device is that of
    the cluster, which this machine need not have. Raises SettingsError or DataError for an unknown
    model or format, an unfinished run, or a model too large for this machine.
    """
    folder = Path(model)
    if (folder / "recipe.yaml").is_file():
        if revision is not None:
            raise SettingsError(f"{folder} is a run, which has no revisions. Leave --revision out.")
        return _run_speaker(folder, format, device, engine)
    if format is not None and format not in FORMATS:
        raise SettingsError(f"Unknown format '{format}'. Choose from {', '.join(FORMATS)}.")
    name = str(model)
    device = _device(name, device, engine)
    shown = folder.resolve().name if folder.is_dir() else name

    def load_it() -> Any:
        if engine == "vllm":
            from qreasoning.training.vllm_engine import load_vllm

            return load_vllm(name, revision)
        return load_model(name, device, revision=revision)

    return Speaker(
        load=load_it,
        processor=load_processor(name, revision=revision),
        chain_format=FORMATS[format or "q-reasoning"],
        name=slug(shown),
        model_id=shown,
        adapter_sha=None,
        max_new_tokens=max_new_tokens,
        revision=commit_of(name, revision),
        weights=tuple(weights_of(name, revision)),
        device=device,
        engine=engine,
    )


def _device(name: str, device: str | None, engine: str) -> str:
    return device if engine == "ray" and device is not None else choose_device(name, device)


def _run_speaker(run: Path, format: str | None, device: str | None, engine: str) -> Speaker:
    manifest = read_manifest(run)
    if manifest is None:
        raise DataError(f"The run {run} is not finished. Train again, or choose another run.")
    recipe = load(run / "recipe.yaml", Recipe)
    if format not in (None, recipe.format):
        raise SettingsError(f"{run} was trained to write {recipe.format}, not {format}.")
    device = _device(recipe.model, device, engine)

    def load_it() -> Any:
        if engine == "vllm":
            from qreasoning.training.vllm_engine import load_vllm

            return load_vllm(run, None)
        return _adapted(run, recipe, device)

    return Speaker(
        load=load_it,
        processor=load_processor(recipe.model, recipe.max_pixels, revision=recipe.revision),
        chain_format=recipe.chain_format,
        name=run_names(run.resolve())[1],
        model_id=str(manifest["model"]),
        adapter_sha=sha256_file(run / ADAPTER),
        max_new_tokens=recipe.grpo.max_completion_length,
        revision=commit_of(recipe.model, recipe.revision),
        weights=tuple(weights_of(recipe.model, recipe.revision)),
        device=device,
        engine=engine,
    )


def _adapted(run: Path, recipe: Recipe, device: str) -> Any:
    """The start model with the run's adapter merged in.

    Into weights of 4 bits nothing is merged: rounding would lose what was learned.
    """
    base = load_model(
        recipe.model, device, revision=recipe.revision, quantization=recipe.quantization
    )
    adapted = with_adapter(merged(base, run), run)
    return (adapted if recipe.quantization else adapted.merge_and_unload()).eval()
