"""A run's model card: what it was made from, how its rewards went, and how to load it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import yaml
from matplotlib import rc_context
from matplotlib.figure import Figure

from qreasoning.chain import ChainFormat
from qreasoning.files import replacing, write_text
from qreasoning.training.progress import read_metrics
from qreasoning.training.recipe import Recipe
from qreasoning.training.start import START

CARD = "README.md"
CURVES = "curves.png"
FAMILIES = frozenset({"qwen2_5_vl", "qwen3_vl"})
"""Model types whose prompts with a picture the card's lines can make without their processor."""
_COLOURS = ("#1d5a8c", "#b3541e", "#3f7d3a", "#7a4d8f", "#8a6d1d", "#59636e", "#b0305c")


def write_card(run: Path, recipe: Recipe, facts: Mapping[str, Any], model_type: str) -> None:
    """Write `README.md` and the picture of its rewards into a run's folder.

    `facts` are those of the run's manifest. The same run gives the same bytes.
    """
    history = read_metrics(run)
    draw_curves(run / CURVES, history)
    started = sorted(each.name for each in (run / START).glob("*-*"))
    write_text(run / CARD, card_text(run, recipe, facts, history, started, model_type))


def draw_curves(path: Path, history: Sequence[Mapping[str, Any]]) -> None:
    """Write a PNG with the mean of every reward by step."""
    figure = Figure(figsize=(7.2, 3.6), dpi=120, layout="constrained")
    axes = figure.subplots()
    for colour, (name, points) in zip(_COLOURS, _curves(history).items(), strict=False):
        axes.plot(*zip(*points, strict=True), label=name, color=colour, lw=1.6, marker=".", ms=3)
    axes.set(xlabel="step", ylabel="mean reward", ylim=(-0.02, 1.02))
    axes.grid(color="#d5dae0", lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.lines:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8.5)
    with replacing(path) as draft, rc_context({"text.parse_math": False}):
        # No software or date in it: the same metrics give the same bytes.
        figure.savefig(draft, format="png", metadata={"Software": None})


def _curves(history: Sequence[Mapping[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    """(step, mean) of each reward by name, where it applied."""
    curves: dict[str, list[tuple[int, float]]] = {}
    for line in history:
        for key, value in line.items():
            if key.startswith("rewards/") and key.endswith("/mean") and value is not None:
                name = key.removeprefix("rewards/").removesuffix("/mean")
                curves.setdefault(name, []).append((line["step"], value))
    return curves


def card_text(
    run: Path,
    recipe: Recipe,
    facts: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    started: Sequence[str],
    model_type: str,
) -> str:
    """The card in Markdown, with the Hub's front matter. `started` are the folders of adapters
    below `start/` that were merged in before this one was trained."""
    name = f"{run.parent.name}/{run.name}"
    versions = (f"{key} {value}" for key, value in sorted(facts["versions"].items()))
    parts = [
        _front_matter(recipe, facts),
        f"# {name}",
        *(["> Simulated: trained on simulated pictures and people."] if facts["simulated"] else []),
        _what(recipe, facts, started),
        "## Rewards",
        f"![Mean rewards by step]({CURVES})",
        _rewards(recipe, history),
        *_warnings(history),
        "## How to load it",
        "With peft alone, from this folder or its Hub id:",
        f"```python\n{snippet(recipe, facts, started, model_type)}```",
        f"## Recipe\n\n```yaml\n{_shown(recipe, facts)}```",
        f"Made with {', '.join(versions)}.",
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(recipe: Recipe, facts: Mapping[str, Any]) -> str:
    tags = ["image-quality-assessment", "grpo", "lora", "trl"]
    content: dict[str, Any] = {
        "library_name": "peft",
        "pipeline_tag": "image-text-to-text",
        "tags": [*tags, *(["simulated"] if facts["simulated"] else [])],
    }
    if not Path(recipe.model).is_dir():
        content["base_model"] = recipe.model
    return f"---\n{yaml.safe_dump(content, sort_keys=True)}---"


def _what(recipe: Recipe, facts: Mapping[str, Any], started: Sequence[str]) -> str:
    revision = f" at {facts['model_revision']}" if facts["model_revision"] else ""
    before = f", after merging in {' and '.join(started)}" if started else ""
    return (
        f"A LoRA adapter (rank {recipe.lora.rank}) of {facts['model']}{revision}{before}, trained "
        f"with GRPO by the recipe `{facts['recipe']}` for {facts['steps']} steps on the split "
        f"`{recipe.data.split}` of {facts['dataset']} (content {facts['dataset_content']}): "
        f"{facts['images']} pictures, {facts['annotated']} of them with human chains; "
        f"{facts['left_out']} rows were left out, since no reward applies to them. It writes the "
        f"format `{recipe.format}` and learned from completions of at most "
        f"{recipe.grpo.max_completion_length} tokens."
    )


def _rewards(recipe: Recipe, history: Sequence[Mapping[str, Any]]) -> str:
    weights = {key: value.weight for key, value in recipe.rewards if value is not None}
    rows = [
        f"| {name} | {weights.get(name, 1):g} | {points[0][1]:.3f} | {points[-1][1]:.3f} |"
        for name, points in _curves(history).items()
    ]
    first, last = (history[0]["step"], history[-1]["step"]) if history else (0, 0)
    head = f"| reward | weight | mean up to step {first} | mean up to step {last} |"
    shares = [line.get("completions/clipped_ratio") for line in history]
    cut = [share for share in shares if share is not None]
    note = f"\n\n{fmean(cut):.1%} of the completions were cut by the length limit." if cut else ""
    return "\n".join([head, "|---|---|---|---|", *rows]) + note


def _warnings(history: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = [
        f"- step {line['step']}: {text}"
        for line in history
        for text in line.get("warnings", {}).values()
    ]
    return ["## Warnings during the run", "\n".join(lines)] if lines else []


def snippet(
    recipe: Recipe, facts: Mapping[str, Any], started: Sequence[str], model_type: str
) -> str:
    """Python that loads a run with peft and, for the families it knows, asks about a picture."""
    revision = f', revision="{facts["model_revision"]}"' if facts["model_revision"] else ""
    merges = "".join(
        f'model = PeftModel.from_pretrained(model, here, subfolder="{START}/{each}")'
        ".merge_and_unload()\n"
        for each in started
    )
    load = (
        "from peft import PeftModel\n"
        "from transformers import AutoModelForImageTextToText\n\n"
        'here = "."\n'
        f'model = AutoModelForImageTextToText.from_pretrained("{facts["model"]}"{revision})\n'
        f"{merges}model = PeftModel.from_pretrained(model, here).eval()\n"
    )
    return load + (_question(recipe) if model_type in FAMILIES else "")


def _question(recipe: Recipe) -> str:
    form: ChainFormat = recipe.chain_format
    system = f'    {{"role": "system", "content": {json.dumps(form.system)}}},\n'
    return f"""
from PIL import Image
from transformers import AutoImageProcessor, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(here)
image_processor = AutoImageProcessor.from_pretrained(here, backend="pil")
turns = [
{system if form.system else ""}    {{
        "role": "user",
        "content": [
            {{"type": "image"}},
            {{"type": "text", "text": {json.dumps(form.prompt)}}},
        ],
    }},
]
text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
picture = image_processor([Image.open("picture.png").convert("RGB")], return_tensors="pt")
places = int(picture["image_grid_thw"].prod()) // image_processor.merge_size**2
text = text.replace("<|image_pad|>", "<|image_pad|>" * places)
inputs = tokenizer(text, return_tensors="pt", add_special_tokens=False)
inputs["mm_token_type_ids"] = (inputs["input_ids"] == model.config.image_token_id).int()
answer = model.generate(
    **inputs, **picture, max_new_tokens={recipe.grpo.max_completion_length}, do_sample=False
)
print(tokenizer.decode(answer[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))
"""


def _shown(recipe: Recipe, facts: Mapping[str, Any]) -> str:
    """The recipe, with the name of a model's folder instead of its place on this machine."""
    content = {**recipe.model_dump(mode="json"), "model": facts["model"]}
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
