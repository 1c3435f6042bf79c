"""What stage 2 and our trainer cost: seconds a step, side by side on the same rollouts.

One process trains the tiny model; every step the same pictures are drawn, and stage 2 is switched
between `off`, `expect` and `generate` from step to step, so that a noisy machine hits all alike.
Beside it TRL's own GRPOTrainer with the same rewards, against ours without stage 2.

    .venv/bin/python benchmarks/training_step.py [STEPS]
"""

import io
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
from transformers import TrainerCallback
from trl import GRPOTrainer

from qreasoning.chain import Chain
from qreasoning.images import identity
from qreasoning.simulation.annotators import answer
from qreasoning.simulation.photographs import draw_scenes, picture
from qreasoning.simulation.warm_up import ensure_base
from qreasoning.training.examples import Example
from qreasoning.training.grpo import make_trainer
from qreasoning.training.model import load_model, load_processor
from qreasoning.training.recipe import Recipe, load_recipe
from qreasoning.training.self_consistency import expected_ratings, generated_ratings
from qreasoning.workspace import cache_folder, shipped

MODES = ("off", "expect", "generate")


class Clock(TrainerCallback):
    """Seconds of each step; `before` is called with the number of the step that begins."""

    def __init__(self, before):
        self.before = before
        self.seconds = []

    def on_step_begin(self, args, state, control, **_):
        torch.manual_seed(state.global_step // len(MODES))
        self.before(state.global_step)
        self.started = time.perf_counter()

    def on_step_end(self, args, state, control, **_):
        self.seconds.append(time.perf_counter() - self.started)


def simulated_examples(count, split="train", seed=0):
    """`count` pictures of the training or the test regions, each with one person's chain."""
    found = []
    for scene in draw_scenes(count, split, seed):
        buffer = io.BytesIO()
        picture(scene).save(buffer, "PNG")
        given = answer(scene, 1, seed)
        found.append(
            Example(
                image_id=identity(buffer.getvalue()),
                name=scene.name,
                image=buffer.getvalue(),
                mos=scene.mos,
                mos_set="simulated",
                mos_std=None,
                chains=(Chain(given.caption, given.reasoning, float(given.overall)),),
            )
        )
    return found


def recipe_of(steps, stage2):
    content = load_recipe(shipped() / "training" / "tiny.yaml").model_dump()
    content["model"] = str(ensure_base(cache_folder(), print))
    # A learning rate of nothing: every step then writes about the same.
    content["grpo"] |= {"steps": steps, "learning_rate": 1e-12, "save_steps": 10**6}
    if not stage2:
        content["rewards"]["self_consistency"] = None
        content["stage2"] = "off"
    return Recipe.model_validate(content)


def stage_2(steps, examples, folder):
    recipe = recipe_of(steps * len(MODES), stage2=True)
    trainer = make_trainer(
        recipe, examples, load_model(recipe.model, "cpu"), load_processor(recipe.model), folder
    )
    reward = next(each for each in trainer.reward_funcs if each.__name__ == "self_consistency")
    rates = {
        "off": lambda model, processor, form, texts: [3.0] * len(texts),
        "expect": expected_ratings,
        "generate": generated_ratings,
    }

    def switch(step):
        reward.rate = rates[MODES[step % len(MODES)]]

    clock = Clock(switch)
    trainer.add_callback(clock)
    trainer.train()
    return {mode: clock.seconds[place :: len(MODES)] for place, mode in enumerate(MODES)}


def trainers(steps, examples, folder):
    recipe = recipe_of(steps, stage2=False)
    found = {"ours": [], "TRL's": []}
    # Twice each, in turn: ours, theirs, theirs, ours.
    for name in ("ours", "TRL's", "TRL's", "ours"):
        model, processor = load_model(recipe.model, "cpu"), load_processor(recipe.model)
        trainer = make_trainer(recipe, examples, model, processor, folder)
        if name != "ours":
            trainer = GRPOTrainer(
                model=load_model(recipe.model, "cpu"),
                reward_funcs=trainer.reward_funcs,
                args=trainer.args,
                train_dataset=trainer.train_dataset,
                processing_class=processor,
                peft_config=trainer.model.peft_config["default"],
            )
        clock = Clock(lambda step: None)
        trainer.add_callback(clock)
        trainer.train()
        found[name] += clock.seconds[1:]
    return found


def show(found, reference):
    base = statistics.median(found[reference])
    for name, seconds in found.items():
        median = statistics.median(seconds)
        print(f"| {name} | {median:.3f} s | {median / base:.3f} | {len(seconds)} |")


def main():
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    examples = simulated_examples(64)
    with tempfile.TemporaryDirectory() as folder:
        print("| stage 2 | median step | over off | steps |")
        show(stage_2(steps, examples, Path(folder)), "off")
        print("| trainer, no stage 2 | median step | over TRL's | steps |")
        show(trainers(steps, examples, Path(folder)), "TRL's")


if __name__ == "__main__":
    main()
