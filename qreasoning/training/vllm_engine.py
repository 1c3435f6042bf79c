"""Prediction with vLLM, which is an optional package and needs a GPU.

Not run in this project's own tests, which have neither; they check the refusals only.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qreasoning.errors import SettingsError
from qreasoning.training.answering import Question
from qreasoning.training.merge import MERGED

if TYPE_CHECKING:
    from PIL.Image import Image


def refuse_without_vllm(question: Question) -> None:
    """Raises SettingsError where vLLM is not installed, or is asked what it cannot answer."""
    if find_spec("vllm") is None:
        raise SettingsError(
            "The engine vllm needs the package vllm and a GPU. Install it: pip install "
            "'qreasoning[gpu]', or leave --engine out."
        )
    if question.stage2 == "expect" and "caption" in question.conditions:
        raise SettingsError(
            "Ratings of captions cannot be read from vLLM's logits. Take --stage2 generate, or "
            "leave --engine out."
        )


def load_vllm(model: str | Path, revision: str | None) -> Any:
    """vLLM with a whole model: of a run, the merged one."""
    from vllm import LLM

    name = str(model)
    if (Path(model) / "recipe.yaml").is_file():
        name = str(Path(model) / MERGED)
        if not Path(name).is_dir():
            raise SettingsError(
                f"vLLM reads whole models, and {model} has no merged one. Train with --merge, or "
                "leave --engine out."
            )
    return LLM(model=name, revision=revision, limit_mm_per_prompt={"image": 1}, seed=0)


def complete(
    model: Any, prompts: Sequence[str], pictures: "Sequence[Image] | None", max_new_tokens: int
) -> list[str]:
    """Greedy completions, one picture each or none at all."""
    from vllm import SamplingParams

    asked: list[dict[str, Any]] = [{"prompt": prompt} for prompt in prompts]
    if pictures is not None:
        for each, picture in zip(asked, pictures, strict=True):
            each["multi_modal_data"] = {"image": picture}
    found = model.generate(
        asked, SamplingParams(temperature=0.0, max_tokens=max_new_tokens), use_tqdm=False
    )
    return [str(each.outputs[0].text) for each in found]
