"""One full step of GRPO on Qwen2.5-VL-7B's architecture with random weights, on one GPU of 80 GB.

    .venv/bin/python benchmarks/gpu_step.py [--turns 3] [--small]

Nothing is downloaded: the configuration is written out below, the tokenizer is the tiny model's,
and the weights are random, so only time and memory mean anything. Plain TRL and once-per-picture
with once-per-prompt are switched from step to step, for each way to read stage 2 (not at all,
generated, from the logits). `--small` runs the same code on the CPU with a shrunken configuration.
Prints its table and, on a GPU, writes it beside itself.
"""

import argparse
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import transformers
import trl
from PIL import Image
from training_step import recipe_of, simulated_examples
from transformers import (
    AutoTokenizer,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    TrainerCallback,
)
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from qreasoning.files import write_text
from qreasoning.simulation import tiny
from qreasoning.simulation.warm_up import ensure_base
from qreasoning.training.examples import decoded_pictures
from qreasoning.training.grpo import make_trainer
from qreasoning.training.model import ImageOnlyQwen2_5_VLProcessor
from qreasoning.training.recipe import Recipe
from qreasoning.workspace import cache_folder

RESULT = Path(__file__).with_suffix(".md")
WAYS = {"plain": False, "shared": True}
COMPLETION = 200
# Qwen2.5-VL-7B-Instruct's config.json: text, then vision.
TEXT = {
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "max_position_embeddings": 32768,
    "vocab_size": 152064,
}
VISION = {
    "depth": 32,
    "hidden_size": 1280,
    "intermediate_size": 3420,
    "num_heads": 16,
    "patch_size": 14,
    "window_size": 112,
    "fullatt_block_indexes": [7, 15, 23, 31],
}
SMALL_TEXT = {
    "hidden_size": 128,
    "intermediate_size": 352,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "vocab_size": 2048,
}
SMALL_VISION = {
    "depth": 2,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_heads": 4,
    "patch_size": 14,
    "window_size": 112,
    "fullatt_block_indexes": [1],
}


def model_and_processor(small, device):
    base = ensure_base(cache_folder(), print)
    tokenizer = AutoTokenizer.from_pretrained(base)
    token = tokenizer.convert_tokens_to_ids
    text, vision = (SMALL_TEXT, SMALL_VISION) if small else (TEXT, VISION)
    half = text["hidden_size"] // text["num_attention_heads"] // 2
    side = half * 3 // 8
    config = Qwen2_5_VLConfig(
        text_config={
            **text,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 1_000_000.0,
                "mrope_section": [half - 2 * side, side, side],
            },
            "bos_token_id": None,
            # Never drawn, so that every completion has its full length.
            "eos_token_id": text["vocab_size"] - 1,
            "pad_token_id": token(tiny.END),
        },
        vision_config={
            **vision,
            "in_channels": 3,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "out_hidden_size": text["hidden_size"],
        },
        image_token_id=token(tiny.IMAGE),
        video_token_id=token("<|video_pad|>"),
        vision_start_token_id=token("<|vision_start|>"),
        vision_end_token_id=token("<|vision_end|>"),
        tie_word_embeddings=False,
    )
    torch.manual_seed(0)
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    with torch.device(device):
        model = Qwen2_5_VLForConditionalGeneration(config)
    torch.set_default_dtype(before)
    model.generation_config.eos_token_id = text["vocab_size"] - 1
    model.generation_config.pad_token_id = token(tiny.END)
    processor = ImageOnlyQwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessorPil(
            patch_size=14, merge_size=2, temporal_patch_size=2, min_pixels=56 * 56
        ),
        tokenizer=tokenizer,
        chat_template=tokenizer.chat_template,
    )
    return model.eval(), processor


def recipe(stage2, small, turns):
    content = recipe_of(turns * len(WAYS), stage2 != "off").model_dump()
    content |= {"stage2": stage2, "model": "random-7b", "report_to": []}
    content["lora"] = {"rank": 64, "alpha": 128, "dropout": 0.0, "vision_tower": False}
    content["grpo"] |= {
        "images_per_step": 2 if small else 8,
        "num_generations": 4 if small else 8,
        "gradient_accumulation_steps": 1 if small else 8,
        "max_completion_length": 24 if small else COMPLETION,
        "gradient_checkpointing": not small,
    }
    return Recipe.model_validate(content)


class Switch(TrainerCallback):
    """Switches sharing from step to step and keeps seconds and peak memory of each."""

    def __init__(self, trainer, device):
        self.trainer, self.device = trainer, device
        self.found = {way: [] for way in WAYS}

    def on_step_begin(self, args, state, control, **_):
        self.way = list(WAYS)[state.global_step % len(WAYS)]
        self.trainer.share_prompts = self.trainer.share_pictures = WAYS[self.way]
        torch.manual_seed(state.global_step // len(WAYS))
        if self.device == "cuda":
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
        self.started = time.perf_counter()

    def on_step_end(self, args, state, control, **_):
        peak = 0.0
        if self.device == "cuda":
            torch.cuda.synchronize()
            peak = torch.cuda.max_memory_allocated() / 1e9
        self.found[self.way].append((time.perf_counter() - self.started, peak))


def readable(trainer):
    """Let stage 2 read a chain for every completion: random weights write none."""
    parse = trainer.chain_format
    example = parse.render(parse.example)
    reward = next((r for r in trainer.reward_funcs if r.__name__ == "self_consistency"), None)
    if reward is None:
        return
    call = type(reward).__call__

    def judged(completions, **fields):
        texts = [
            example.replace("</caption>", f" {place}</caption>")
            for place, _ in enumerate(completions)
        ]
        return call(reward, texts, **fields)

    judged.__name__ = "self_consistency"
    trainer.reward_funcs[trainer.reward_funcs.index(reward)] = judged


def measured(stage2, small, turns, device, folder):
    model, processor = model_and_processor(small, device)
    examples = simulated_examples(16)
    trainer = make_trainer(recipe(stage2, small, turns), examples, model, processor, folder)

    def large(batch):
        rows = decoded_pictures(batch)
        if "image" in rows:
            # 784 x 588 pixels: 56 x 42 patches, 588 tokens.
            size = (112, 84) if small else (784, 588)
            rows["image"] = [
                Image.fromarray(np.asarray(each)).resize(size) for each in rows["image"]
            ]
        return rows

    trainer.train_dataset.set_transform(large)
    readable(trainer)
    for problem in trainer.share(True, True):
        print(f"not shared: {problem}")
    able = trainer.share_prompts
    switch = Switch(trainer, device)
    trainer.add_callback(switch)
    trainer.train()
    if not able:
        sys.exit("Sharing is switched off by its own check, so there is nothing to compare.")
    return switch.found


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--turns", type=int, default=3)
    arguments.add_argument("--small", action="store_true")
    chosen = arguments.parse_args()
    if not chosen.small and not torch.cuda.is_available():
        print("no GPU")
        return
    device = "cpu" if chosen.small else "cuda"
    name = "the CPU, shrunken" if chosen.small else torch.cuda.get_device_name()
    lines = [
        "# One step of 7B\n",
        f"`python benchmarks/gpu_step.py --turns {chosen.turns}` on {name}, Python "
        f"{platform.python_version()}, torch {torch.__version__}, transformers "
        f"{transformers.__version__}, trl {trl.__version__}. Qwen2.5-VL-7B's architecture, random "
        f"weights, LoRA rank 64, 8 pictures of 784 x 588 x 8 completions of {COMPLETION} tokens, "
        "gradient accumulation 8, checkpointing. Medians, the first turn left out.\n",
        "| stage 2 | way | seconds a step | faster | peak memory |",
        "|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for stage2 in ("off", "generate", "expect"):
            found = measured(stage2, chosen.small, chosen.turns + 1, device, Path(folder))
            seconds = {
                way: statistics.median(each for each, _ in runs[1:]) for way, runs in found.items()
            }
            for way, runs in found.items():
                peak = max(each for _, each in runs[1:])
                lines.append(
                    f"| {stage2} | {way} | {seconds[way]:.2f} | "
                    f"{seconds['plain'] / seconds[way]:.2f} | {peak:.1f} GB |"
                )
            if device == "cuda":
                torch.cuda.empty_cache()
    print("\n".join(lines))
    if not chosen.small:
        write_text(RESULT, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
