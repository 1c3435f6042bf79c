"""Once per picture, once per prompt: what each saves of a training step, against plain TRL.

    .venv/bin/python benchmarks/sharing.py [--turns 5] [--groups 4 8 16] [--only steps|long|memory]

One process and one trainer; every step the same pictures are drawn with the same seed, and sharing
is switched from step to step (plain, pictures, prompts, both), so that a busy machine hits all
alike. Times are of the process (CPU seconds) and of the clock. The long case is the loss alone, on
made-up prompts of 400 tokens and completions of 200. Memory is the resident peak of one loss pass
with its backward pass. Prints its tables and writes them beside itself.
"""

import argparse
import ctypes
import gc
import os
import platform
import re
import statistics
import tempfile
import time
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import torch
import transformers
import trl
from simulated import write_dataset
from training_step import recipe_of
from transformers import TrainerCallback

from qreasoning.files import write_text
from qreasoning.training.examples import read_examples
from qreasoning.training.grpo import make_trainer
from qreasoning.training.model import load_model, load_processor
from qreasoning.training.recipe import Recipe

RESULT = Path(__file__).with_suffix(".md")
MODES = {
    "plain": (False, False),
    "pictures": (False, True),
    "prompts": (True, False),
    "both": (True, True),
}
PARTS = ("generation", "rewards", "loss forward", "loss backward", "whole step")
IMAGES = 8
LONG = (400, 200)


def trainer_of(group, steps, folder):
    content = recipe_of(steps, stage2=True).model_dump()
    content["grpo"] |= {"images_per_step": IMAGES, "num_generations": group}
    content["report_to"] = []
    recipe = Recipe.model_validate(content)
    model, processor = load_model(recipe.model, "cpu"), load_processor(recipe.model)
    counts = {"train": 64}
    dataset = write_dataset(Path(folder) / "simulated" / "1.0.0", counts, counts, 0)
    examples = read_examples(dataset, "train").rows
    trainer = make_trainer(recipe, examples, model, processor, folder)
    assert trainer.share(True, True) == []
    return trainer


class Clock:
    """Seconds of the process and of the wall, of the parts of a step."""

    def __init__(self):
        self.now = {}
        self.found = defaultdict(list)

    def timed(self, part, function):
        def call(*given, **options):
            started = time.process_time(), time.perf_counter()
            result = function(*given, **options)
            ended = time.process_time(), time.perf_counter()
            spent = [b - a for a, b in zip(started, ended, strict=True)]
            self.now[part] = [a + b for a, b in zip(self.now.get(part, (0, 0)), spent, strict=True)]
            return result

        return call


class Switch(TrainerCallback):
    def __init__(self, trainer, clock):
        self.trainer, self.clock = trainer, clock

    def on_step_begin(self, args, state, control, **_):
        self.mode = list(MODES)[state.global_step % len(MODES)]
        self.trainer.share_prompts, self.trainer.share_pictures = MODES[self.mode]
        torch.manual_seed(state.global_step // len(MODES))
        self.started = time.process_time(), time.perf_counter()
        self.clock.now = {}

    def on_step_end(self, args, state, control, **_):
        ended = time.process_time(), time.perf_counter()
        self.clock.now["whole step"] = [b - a for a, b in zip(self.started, ended, strict=True)]
        if state.global_step > len(MODES):  # the first turn warms up
            self.clock.found[self.mode].append(self.clock.now)


def steps(group, turns, folder):
    trainer, clock = trainer_of(group, (turns + 1) * len(MODES), folder), Clock()
    # The same pictures in each turn.
    trainer._get_train_sampler = lambda dataset=None: Same(trainer, turns + 1)
    for part, name in (
        ("generation", "_generate_single_turn"),
        ("rewards", "_calculate_rewards"),
        ("loss forward", "_compute_loss"),
    ):
        setattr(trainer, name, clock.timed(part, getattr(trainer, name)))
    trainer.accelerator.backward = clock.timed("loss backward", trainer.accelerator.backward)
    trainer.add_callback(Switch(trainer, clock))
    trainer.train()
    return clock.found


class Same:
    """The rows of a turn again in each of its steps."""

    def __init__(self, trainer, turns):
        self.group, self.turns = trainer.num_generations, turns

    def __iter__(self):
        for turn in range(self.turns):
            for _ in MODES:
                for place in range(IMAGES):
                    yield from [(turn * IMAGES + place) % 64] * self.group

    def __len__(self):
        return self.turns * len(MODES) * IMAGES * self.group


def table(found, which):
    """Rows of a table: medians of a mode, and how many times faster than plain."""
    medians = {
        mode: {part: statistics.median(each[part][which] for each in runs) for part in PARTS}
        for mode, runs in found.items()
    }
    for each in medians.values():
        each["rest"] = each["whole step"] - sum(each[part] for part in PARTS[:-1])
        each["loss"] = each["loss forward"] + each["loss backward"]
    plain = medians["plain"]
    for mode, each in medians.items():
        cells = [
            f"{each[part]:.3f} ({plain[part] / each[part]:.2f})"
            for part in ("generation", "loss forward", "loss backward", "loss", "whole step")
        ]
        yield f"| {mode} | {' | '.join(cells)} | {each['rewards']:.3f} | {each['rest']:.3f} |"


def long_batch(trainer, prompt=LONG[0], width=LONG[1]):
    """Inputs of the loss with long made-up texts around the real pictures."""
    group = trainer.num_generations
    rows = [trainer.train_dataset[place // group] for place in range(IMAGES * group)]
    batch = trainer._generate_and_score_completions(rows)
    count, own = batch["prompt_ids"].shape
    generator = torch.Generator().manual_seed(0)
    text = torch.randint(10, 250, (IMAGES, prompt - own), generator=generator)
    text = text.repeat_interleave(group, 0)
    batch["prompt_ids"] = torch.cat([text, batch["prompt_ids"]], 1)
    batch["prompt_mask"] = torch.ones_like(batch["prompt_ids"])
    completions = torch.randint(10, 250, (count, width), generator=generator)
    batch["completion_ids"] = completions
    batch["completion_mask"] = torch.ones_like(completions)
    zeros = torch.zeros(count, prompt - own + width, dtype=torch.long)
    types = batch["mm_token_type_ids"]
    batch["mm_token_type_ids"] = torch.cat(
        [zeros[:, : prompt - own], types[:, :own], zeros[:, prompt - own :]], 1
    )
    batch["advantages"] = torch.randn(count, generator=generator)
    batch["num_items_in_batch"] = torch.tensor(count * width)
    for name in ("old_per_token_logps", "ref_per_token_logps", "importance_sampling_ratio"):
        batch.pop(name, None)
    trainer.current_gradient_accumulation_steps = 1
    return batch


def loss(trainer, batch, mode):
    trainer.share_prompts, trainer.share_pictures = MODES[mode]
    trainer._features = {}
    trainer.model.zero_grad()
    times = [(time.process_time(), time.perf_counter())]
    value = trainer._compute_loss(trainer.model, batch)
    times.append((time.process_time(), time.perf_counter()))
    value.backward()
    times.append((time.process_time(), time.perf_counter()))
    return [[b - a for a, b in zip(one, two, strict=True)] for one, two in pairwise(times)]


def long_losses(trainer, turns):
    batch, found = long_batch(trainer), defaultdict(list)
    for turn in range(turns + 1):
        for mode in MODES:
            spent = loss(trainer, batch, mode)
            if turn:
                found[mode].append(spent)
    for which in (0, 1):
        medians = {
            mode: [statistics.median(each[part][which] for each in runs) for part in (0, 1)]
            for mode, runs in found.items()
        }
        yield ("CPU", "clock")[which], medians


def peaks(trainer, turns=3):
    """MB that a loss with its backward pass takes at most, per mode."""
    libc = ctypes.CDLL("libc.so.6")
    batch, found = long_batch(trainer), defaultdict(list)
    for turn in range(turns + 1):
        for mode in MODES:
            gc.collect()
            libc.malloc_trim(0)
            Path("/proc/self/clear_refs").write_text("5")
            before = _memory("VmRSS")
            loss(trainer, batch, mode)
            if turn:
                found[mode].append(_memory("VmHWM") - before)
    return {mode: statistics.median(each) for mode, each in found.items()}


def _memory(name):
    return int(re.search(rf"{name}:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1e3


def arithmetic(prompt, completion, group, picture_tokens):
    """Multiplications of a 7B (Qwen2.5-VL-7B) for one group, in 10^12: plain, and both shared.

    Language model 7.07e9 parameters in products, 28 layers of 3584 with causal attention; vision
    tower 6.76e8 parameters on four patches per picture token. Forward, and backward for adapters on
    frozen weights (the inputs' gradients only) at the cost of another forward pass.
    """

    def text(tokens, attended):
        return 7.07e9 * tokens + 2 * 28 * 3584 * attended

    def pairs(tokens):
        return tokens * (tokens + 1) / 2

    whole = prompt + completion
    vision = 6.76e8 * 4 * picture_tokens
    plain = 2 * group * text(whole, pairs(whole)) + group * vision
    attended = pairs(prompt) + group * (pairs(whole) - pairs(prompt))
    shared = 2 * text(prompt + group * completion, attended)
    return plain / 1e12, shared / 1e12


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--turns", type=int, default=5)
    arguments.add_argument("--groups", type=int, nargs="+", default=[4, 8, 16])
    arguments.add_argument("--only", choices=("steps", "long", "memory"))
    chosen = arguments.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 0)) or torch.get_num_threads())
    command = f"python benchmarks/sharing.py --turns {chosen.turns}"
    if chosen.groups != [4, 8, 16]:
        command += f" --groups {' '.join(map(str, chosen.groups))}"
    lines = [
        "# Once per picture, once per prompt\n",
        f"`{command}`, {os.cpu_count()} cores ({platform.machine()}), {torch.get_num_threads()} "
        f"threads, torch {torch.__version__}, transformers {transformers.__version__}, trl "
        f"{trl.__version__}, load {os.getloadavg()[0]:.1f} at the start. The tiny simulated model, "
        f"{IMAGES} pictures a step. Seconds of the process, medians over turns; in brackets how "
        "many times faster than plain TRL.\n",
    ]

    def show(*more):
        lines.extend(more)
        print("\n".join(more), flush=True)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for group in chosen.groups:
            if chosen.only in (None, "steps"):
                found = steps(group, chosen.turns, folder / str(group))
                for which, clock in ((0, "process"), (1, "clock")):
                    show(
                        f"\n## K = {group}, the demo's lengths, seconds of the {clock}\n",
                        "| shared | generation | loss forward | loss backward | both | whole step "
                        "| rewards | rest |",
                        "|---|---|---|---|---|---|---|---|",
                        *table(found, which),
                    )
            if chosen.only in (None, "long"):
                for clock, medians in long_losses(trainer_of(group, 1, folder), chosen.turns):
                    plain = sum(medians["plain"])
                    show(
                        f"\n## K = {group}, 400 + 200 tokens, loss alone, {clock} seconds\n",
                        "| shared | forward | backward | together |",
                        "|---|---|---|---|",
                        *(
                            f"| {mode} | {forward:.2f} | {backward:.2f} | {forward + backward:.2f} "
                            f"({plain / (forward + backward):.2f}) |"
                            for mode, (forward, backward) in medians.items()
                        ),
                    )
            if group == 8 and chosen.only in (None, "memory"):
                show(
                    "\n## K = 8, 400 + 200 tokens, peak memory of a loss pass with backward\n",
                    "| shared | MB |",
                    "|---|---|",
                    *(f"| {m} | {mb:.0f} |" for m, mb in peaks(trainer_of(8, 1, folder)).items()),
                )
    show(
        "\n## The arithmetic for 7B\n",
        "Products of one group in 10^12, loss forward and backward, LoRA on a frozen "
        "Qwen2.5-VL-7B.\n",
        "| K | prompt (picture) + completion | plain | shared | ratio |",
        "|---|---|---|---|---|",
    )
    for group in (4, 8, 16):
        for prompt, picture, completion in ((400, 300, 200), (1200, 1000, 200)):
            plain, shared = arithmetic(prompt, completion, group, picture)
            show(
                f"| {group} | {prompt} ({picture}) + {completion} | {plain:.1f} | {shared:.1f} | "
                f"{plain / shared:.2f} |"
            )
    if chosen.only is None:
        write_text(RESULT, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
