"""What a run begins with: the start model with earlier adapters merged in, in order.

The adapters of an earlier run (`init_from`) and of a warm-up on the human chains (`sft`) lie in the
run's own folder, so that a run can be read without the one that it grew from. The merged model is
what new adapters are put on, and what the KL divergence is measured from.
"""

import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import PrinterCallback
from trl import SFTConfig, SFTTrainer

from qreasoning.chain import Chain, ChainFormat
from qreasoning.errors import DataError, SettingsError
from qreasoning.files import make_folder, read_manifest
from qreasoning.settings import load
from qreasoning.training.examples import Example, decoded_pictures
from qreasoning.training.generate import messages
from qreasoning.training.recipe import Recipe

START = "start"
"""The folder of a run with the adapters that were merged in, `1-<name>`, `2-<name>`, …"""
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


def start_run(recipe: Recipe, runs: Path) -> Path | None:
    """The finished run that `init_from` names; None where that is a recipe with no run yet.

    Raises DataError for a run that is not finished, SettingsError for one of another model.
    """
    name = recipe.init_from or ""
    for folder in (Path(name).expanduser(), runs / name):
        if (folder / "recipe.yaml").is_file():
            if read_manifest(folder) is None:
                raise DataError(f"The run {folder} is not finished, so nothing can start from it.")
            return _of_the_same_model(folder, recipe)
    finished = [each for each in (runs / name).glob("*") if read_manifest(each) is not None]
    return _of_the_same_model(max(finished), recipe) if finished else None


def _of_the_same_model(run: Path, recipe: Recipe) -> Path:
    model = load(run / "recipe.yaml", Recipe).model
    if model != recipe.model:
        raise SettingsError(
            f"{run} adapts {model}, and the recipe starts from {recipe.model}. Name another run "
            "under init_from, or the same model."
        )
    return run


def take_over(earlier: Path, run: Path) -> None:
    """Copy what an earlier run began with, and its own adapter, into a new run."""
    for adapter in (*_adapters(earlier), earlier):
        name = f"{earlier.parent.name}-{earlier.name}" if adapter == earlier else adapter.name[2:]

        def fill(draft: Path, adapter: Path = adapter) -> None:
            for file in ADAPTER_FILES:
                shutil.copyfile(adapter / file, draft / file)

        make_folder(_next(run, name), fill)


def merged(model: Any, run: Path) -> Any:
    """The model with the adapters that a run began with merged in."""
    for adapter in _adapters(run):
        model = with_adapter(model, adapter).merge_and_unload()
    return model


def with_adapter(model: Any, folder: Path) -> Any:
    """The model with the adapter that lies in `folder` put on it."""
    with warnings.catch_warnings():
        # peft 0.21 asks for a name that transformers is about to drop.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        return PeftModel.from_pretrained(model, str(folder))


def _adapters(run: Path) -> list[Path]:
    return sorted((run / START).glob("*-*"), key=lambda each: int(each.name.partition("-")[0]))


def _next(run: Path, name: str) -> Path:
    return run / START / f"{len(_adapters(run)) + 1}-{name}"


def learn_chains(
    recipe: Recipe,
    examples: Sequence[Example],
    model: Any,
    processor: Any,
    lora: LoraConfig,
    run: Path,
) -> Any:
    """Teach the model to write the human chains; returns it with what it learned merged in.

    A chain carries its picture's MOS, or where there is none the person's own rating. Raises
    DataError where there is none to learn from.
    """
    settings = recipe.sft
    if settings is None:
        return model
    rows = chain_rows(recipe.chain_format, examples)
    adapted = get_peft_model(model, lora)
    on_gpu = model.device.type == "cuda"
    trainer = SFTTrainer(
        model=adapted,
        args=SFTConfig(
            output_dir=str(run / START),
            num_train_epochs=settings.epochs,
            learning_rate=settings.learning_rate,
            per_device_train_batch_size=settings.batch,
            completion_only_loss=True,
            max_length=None,
            seed=recipe.grpo.seed,
            bf16=on_gpu,
            use_cpu=not on_gpu,
            gradient_checkpointing=recipe.grpo.gradient_checkpointing,
            remove_unused_columns=False,  # a picture that cannot be read is named by its id
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
        ),
        train_dataset=rows,
        processing_class=processor,
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    learned = trainer.accelerator.unwrap_model(trainer.model)
    if trainer.accelerator.is_main_process:
        make_folder(_next(run, "sft"), lambda draft: learned.save_pretrained(str(draft)))
    trainer.accelerator.wait_for_everyone()
    return learned.merge_and_unload().eval()


def chain_rows(form: ChainFormat, examples: Sequence[Example]) -> Dataset:
    """A row per human chain: the prompt with its picture, and the chain as the format writes it."""
    rows = [
        (example, chain)
        for example in examples
        for chain in example.chains
        if _rating(chain, example) is not None
    ]
    if not rows:
        raise DataError(
            "There is no human chain with a rating or a MOS to warm up on. Annotate some pictures, "
            "or take 'sft' out of the recipe."
        )
    columns = {
        "prompt": [messages(form, form.prompt)] * len(rows),
        "completion": [
            [{"role": "assistant", "content": form.render(_written(form, chain, example))}]
            for example, chain in rows
        ],
        "image": [example.image for example, _ in rows],
        "image_id": [example.image_id for example, _ in rows],
    }
    return Dataset.from_dict(columns).with_transform(decoded_pictures)


def _written(form: ChainFormat, chain: Chain, example: Example) -> Chain:
    rating = _rating(chain, example)
    return (
        Chain(chain.caption, chain.reasoning, rating)
        if form.has_caption
        else Chain(None, chain.text, rating)
    )


def _rating(chain: Chain, example: Example) -> float | None:
    return chain.rating if example.mos is None else example.mos
