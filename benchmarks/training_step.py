"""What stage 2 and our trainer cost: seconds a step, side by side on the same completions.

    .venv/bin/python benchmarks/training_step.py [--steps 20]

Stage 2: one process trains the tiny model; at every step its reward is computed by `expect` and by
`generate`, in turn first, for the very completions that were just written, each on a clock of its
own. A step without stage 2 is the step less both. The trainer: ours without stage 2, and TRL's own
GRPOTrainer with the same rewards, both over the same pictures and seeds; they take turns, a step
each. All ratios are medians over steps, so that a busy machine hits both sides alike. `CPU` is the
time that the process computed, `wall` includes what it waited for others. Prints its tables and
writes them beside itself.
"""

import argparse
import os
import platform
import statistics
import tempfile
import threading
import time
import warnings
from pathlib import Path

import torch
from simulated import write_dataset
from transformers import PrinterCallback, TrainerCallback
from trl import GRPOTrainer

from qreasoning.files import write_text
from qreasoning.simulation.warm_up import ensure_base
from qreasoning.training.examples import read_examples
from qreasoning.training.grpo import make_trainer
from qreasoning.training.model import load_model, load_processor
from qreasoning.training.recipe import load_recipe
from qreasoning.training.self_consistency import expected_ratings, generated_ratings
from qreasoning.workspace import cache_folder, shipped

RESULT = Path(__file__).with_suffix(".md")
CLOCKS = {"wall": time.perf_counter, "CPU": time.process_time}
RATES = {"expect": expected_ratings, "generate": generated_ratings}


def now():
    return {name: read() for name, read in CLOCKS.items()}


def since(before):
    return {name: read() - before[name] for name, read in CLOCKS.items()}


class BothWays:
    """The self-consistency reward by both ways; its value is that of `expect`."""

    __name__ = "self_consistency"

    def __init__(self, reward):
        self.reward = reward
        self.seconds = []

    def __call__(self, completions, **columns):
        order = sorted(RATES, reverse=len(self.seconds) % 2 == 1)
        taken, values = {}, {}
        for way in order:
            self.reward.rate = RATES[way]
            before = now()
            values[way] = self.reward(completions, **columns)
            taken[way] = since(before)
        self.seconds.append(taken)
        return values["expect"]


class Clock(TrainerCallback):
    """What each step takes."""

    def __init__(self):
        self.seconds = []

    def on_step_begin(self, args, state, control, **_):
        self.started = now()

    def on_step_end(self, args, state, control, **_):
        self.seconds.append(since(self.started))


class Turns(TrainerCallback):
    """Lets two trainers in two threads take a step each in turn."""

    def __init__(self, own, other):
        self.own, self.other = own, other

    def on_step_begin(self, args, state, control, **_):
        self.own.acquire()
        torch.manual_seed(state.global_step)

    def on_step_end(self, args, state, control, **_):
        self.other.release()


def recipe_of(steps, stage2):
    # A learning rate of nothing: every step then writes about as much.
    changes = [f"model={ensure_base(cache_folder(), print)}", f"grpo.steps={steps}"]
    changes += ["grpo.learning_rate=1e-12", "grpo.save_steps=1000000", "data.repeat_annotated=1"]
    changes += ["report_to=[]"]
    if not stage2:
        changes += ["rewards.self_consistency=null", "stage2=off"]
    return load_recipe(shipped() / "training" / "tiny.yaml", changes)


def trainer_of(recipe, examples, folder):
    model, processor = load_model(recipe.model, "cpu"), load_processor(recipe.model)
    return make_trainer(recipe, examples, model, processor, folder)


def stage_2(steps, examples, folder, shared):
    """Per way of stage 2 and clock: the ratios of a step with it to the step without."""
    trainer = trainer_of(recipe_of(steps, stage2=True), examples, folder)
    trainer.share(shared, shared)
    place = trainer.reward_func_names.index("self_consistency")
    both = BothWays(trainer.reward_funcs[place])
    trainer.reward_funcs[place] = both
    clock = Clock()
    trainer.add_callback(clock)
    trainer.train()
    found = {(way, name): [] for way in RATES for name in CLOCKS}
    found |= {("off", name): [] for name in CLOCKS}
    for step, ways in zip(clock.seconds[1:], both.seconds[1:], strict=True):
        for name in CLOCKS:
            without = step[name] - sum(taken[name] for taken in ways.values())
            found["off", name].append(without)
            for way, taken in ways.items():
                found[way, name].append((without + taken[name]) / without)
    return found


def trainers(steps, examples, folder):
    """Seconds of each step of ours and of TRL's, per clock, and the ratios step by step."""
    recipe = recipe_of(steps, stage2=False)
    ours, model_for = trainer_of(recipe, examples, folder), trainer_of(recipe, examples, folder)
    theirs = GRPOTrainer(
        model=load_model(recipe.model, "cpu"),
        reward_funcs=model_for.reward_funcs,
        args=model_for.args,
        train_dataset=model_for.train_dataset,
        processing_class=load_processor(recipe.model),
        peft_config=model_for.model.peft_config["default"],
    )
    theirs.remove_callback(PrinterCallback)
    turns = [threading.Semaphore(1), threading.Semaphore(0)]
    clocks = []
    for place, trainer in enumerate((ours, theirs)):
        trainer.add_callback(Turns(turns[place], turns[1 - place]))
        clocks.append(Clock())
        trainer.add_callback(clocks[-1])
    threads = [threading.Thread(target=trainer.train) for trainer in (ours, theirs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        name: [
            mine[name] / other[name]
            for mine, other in zip(clocks[0].seconds[1:], clocks[1].seconds[1:], strict=True)
        ]
        for name in CLOCKS
    }


def middle(values):
    """Median and quartiles."""
    low, median, high = statistics.quantiles(values, n=4)
    return f"{median:.3f} ({low:.3f} to {high:.3f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=20)
    steps = parser.parse_args().steps
    # TRL asks for a name that transformers is about to drop.
    warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        counts = {"train": 64}
        dataset = write_dataset(folder / "simulated" / "1.0.0", counts, counts, 0)
        examples = read_examples(dataset, "train").rows
        lines = [
            "# What stage 2 and the trainer cost",
            "",
            f"`python benchmarks/training_step.py --steps {steps}`, {os.cpu_count()} cores "
            f"({platform.machine()}), {torch.get_num_threads()} threads, "
            f"torch {torch.__version__}, load of the machine {os.getloadavg()[0]:.1f}. The tiny "
            "model, 8 pictures x 8 completions; medians and quartiles over steps.",
            "",
            "| a step with stage 2 over the same step without | CPU | wall |",
            "|---|---|---|",
        ]
        for shared in (False, True):
            found = stage_2(steps, examples, folder, shared)
            what = "prompts and pictures shared" if shared else "nothing shared"
            bare = [f"{statistics.median(found['off', name]):.2f} s" for name in ("CPU", "wall")]
            lines.append(f"| without, {what} | {' | '.join(bare)} |")
            for way in RATES:
                cells = " | ".join(middle(found[way, name]) for name in ("CPU", "wall"))
                lines.append(f"| `{way}`, {what} | {cells} |")
        ratios = trainers(steps, examples, folder)
        cells = " | ".join(middle(ratios[name]) for name in ("CPU", "wall"))
        lines += [
            "",
            "| our trainer over TRL's, no stage 2, sequence credit, nothing shared | CPU | wall |",
            "|---|---|---|",
            f"| the same pictures and seeds | {cells} |",
        ]
    text = "\n".join(lines) + "\n"
    print(text)
    write_text(RESULT, text)


if __name__ == "__main__":
    main()
