"""What is looked at before a run begins: that every reward can apply, and to whole comparisons."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from qreasoning.errors import DataError, SettingsError
from qreasoning.files import sha256_bytes
from qreasoning.training.examples import Example, read_examples
from qreasoning.training.recipe import Recipe
from qreasoning.training.source import look_at, refuse


def usable_examples(recipe: Recipe, dataset: Path) -> tuple[list[Example], int]:
    """The rows of the recipe's split that a reward applies to, and the number of the others.

    Raises DataError where a reward of the recipe would never apply.
    """
    found = read_examples(dataset, recipe.data.split)
    rows = keep_chains(found.rows, recipe.data.annotated)
    rewards = recipe.rewards
    if rewards.need_mos and not any(row.mos is not None for row in rows):
        raise DataError(
            f"{dataset} has no MOS in the split '{recipe.data.split}', so the rating rewards would "
            "never apply. Name a score list in annotation/dataset.yaml and build it again."
        )
    if rewards.reasoning is not None and not any(row.references for row in rows):
        raise DataError(
            f"{dataset} has no human chain in the split '{recipe.data.split}', so the reasoning "
            "reward would never apply. Annotate some of them, or take it out of the recipe."
        )
    if (
        rewards.margin is not None
        and rewards.margin.tau == "human"
        and not any(row.mos_std for row in rows)
    ):
        raise DataError(
            f"{dataset} has no standard deviations of its scores, so the margin reward with "
            "tau: human would never apply. Map 'mos_std' in the score list, or give tau a number."
        )
    usable = [
        row
        for row in rows
        if (row.mos is not None and rewards.need_mos)
        or (row.references and rewards.reasoning is not None)
    ]
    return usable, found.without_picture + len(rows) - len(usable)


def keep_chains(rows: Sequence[Example], share: float) -> list[Example]:
    """The rows, with human chains only in that share of those that have some, at least one.

    Which keep them is decided by the hash of each picture alone, so a smaller share lies within a
    larger one, whatever else is in the split.
    """
    annotated = [row.image_id for row in rows if row.chains]
    order = sorted(annotated, key=lambda image_id: sha256_bytes(image_id.encode()))
    kept = set(order[: max(1, round(share * len(order)))])
    return [row if row.image_id in kept else replace(row, chains=()) for row in rows]


def check_batches(recipe: Recipe, examples: Sequence[Example], processes: int) -> None:
    """Refuse a recipe that would leave a picture of a batch with nobody to be compared with.

    Raises SettingsError or DataError with the numbers that mend it. Groups are whole by
    construction: a step draws `images_per_step` pictures per process, K completions of each, and
    rewards that compare pictures gather them from all processes.
    """
    pictures = recipe.grpo.images_per_step * processes
    if len(examples) < pictures:
        raise DataError(
            f"A step draws {pictures} pictures and the dataset has {len(examples)} that a reward "
            f"applies to. Set grpo.images_per_step to {max(1, len(examples) // processes)} or less."
        )
    if not recipe.rewards.compare_pictures:
        return
    if pictures % 2:
        raise SettingsError(
            f"The rank and margin rewards compare pictures, drawn in twos of one score set, and a "
            f"step draws {pictures}. Set grpo.images_per_step to {recipe.grpo.images_per_step + 1}."
        )
    sets = Counter(row.mos_set for row in examples if row.mos is not None)
    alone = next((name for name, count in sets.items() if count < 2), None)
    if alone is not None:
        raise DataError(
            f"The score set '{alone}' has one picture in this split, which nothing can be "
            "compared with. Add another, or leave the set out of the dataset."
        )


def check_vllm(recipe: Recipe, device: str) -> None:
    """Raises SettingsError where the recipe asks for vLLM and it, or a GPU, is not there."""
    if recipe.vllm is None or (device == "cuda" and find_spec("vllm") is not None):
        return
    missing = "its package" if find_spec("vllm") is None else "a GPU"
    raise SettingsError(
        f"vllm in the recipe needs {missing}, which is not here. Install it with pip install "
        "'qreasoning[gpu]' on a machine with a GPU, or take vllm out of the recipe."
    )


def check_pictures(examples: Sequence[Example]) -> None:
    """Decode every picture once. Raises DataError listing those that cannot be read."""
    with ThreadPoolExecutor() as pool:
        looks = list(pool.map(lambda row: look_at(row.image, row.name), examples))
    refuse([problem for problem in looks if problem])


def drawn(recipe: Recipe, examples: Sequence[Example]) -> str:
    """What is drawn, in words."""
    annotated = sum(bool(example.references) for example in examples)
    often = recipe.data.repeat_annotated
    weight = f", each drawn {often} times as often as another" if often > 1 else ""
    return f"{len(examples)} pictures, {annotated} with human chains{weight}"
