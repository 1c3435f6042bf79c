"""`--merge`: a run as a whole model, for what loads no adapters (vLLM, a plain `transformers`)."""

import shutil
from pathlib import Path

from huggingface_hub import snapshot_download

from qreasoning.errors import DataError
from qreasoning.files import read_manifest, replace_folder, write_manifest
from qreasoning.settings import load
from qreasoning.training.model import load_model, save_model
from qreasoning.training.recipe import Recipe
from qreasoning.training.start import merged, with_adapter

MERGED = "merged"
COMPANIONS = ("*.json", "*.jinja", "*.txt")
"""What belongs to a model besides its weights: tokenizer, processors, chat template."""


def merge(run: Path) -> Path:
    """Write `<run>/merged`: the start model with all that was learned merged in, on the CPU and in
    the precision that its weights are stored in.

    Tokenizer and processors are the start model's own, video included. Raises DataError for a run
    that is not finished.
    """
    manifest = read_manifest(run)
    if manifest is None:
        raise DataError(f"The run {run} is not finished, so it cannot be merged.")
    recipe = load(run / "recipe.yaml", Recipe)
    base = merged(load_model(recipe.model, "cpu", revision=recipe.revision, dtype="auto"), run)
    whole = with_adapter(base, run).merge_and_unload()
    facts = {key: manifest[key] for key in ("recipe", "model", "model_revision", "simulated")}

    def fill(draft: Path) -> None:
        save_model(whole, draft)
        for file in _companions(recipe):
            if not (draft / file.name).exists():
                shutil.copyfile(file, draft / file.name)
        write_manifest(draft, facts)

    replace_folder(run / MERGED, fill)
    return run / MERGED


def _companions(recipe: Recipe) -> list[Path]:
    folder = Path(recipe.model).expanduser()
    if not folder.is_dir():
        folder = Path(
            snapshot_download(
                recipe.model, revision=recipe.revision, allow_patterns=list(COMPANIONS)
            )
        )
    found = {file for pattern in COMPANIONS for file in folder.glob(pattern)}
    return sorted(file for file in found if not file.name.endswith(".index.json"))
