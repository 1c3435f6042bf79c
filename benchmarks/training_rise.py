"""Do the rewards of each shipped recipe rise over their own start? On the tiny model.

    .venv/bin/python benchmarks/training_rise.py

The full warm-up leaves little to gain: its chains are readable in 97 of 100 cases and its ratings
are those of the pictures. So the start here is a base that has learned to write for fewer steps, of
which a share of the chains cannot be read yet. Recipes and sizes are those of
`training_ablation.py`; one seed, one thread, a process each. Prints its table and writes it beside
itself.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from simulated import write_dataset
from training_ablation import ANNOTATED, PICTURES, STEPS, Row, learn, recipe_of

from qreasoning.files import write_text

RECIPES = ("q-reasoning", "q-reasoning-fast", "q-insight-score", "visualquality-r1", "mr-iqa")
LEARNED = 150
"""Steps in which the base learned to write; the full warm-up has 500."""


def run(name):
    """Train a recipe on a base of its own: the mean of each reward, first and last tenth."""
    from qreasoning.simulation.warm_up import WarmUp, ensure_base
    from qreasoning.training.model import load_model, load_processor
    from qreasoning.workspace import cache_folder

    recipe = recipe_of(Row(name, name), 0)
    warm_up = WarmUp(format=recipe.format, text_steps=LEARNED)
    base = str(ensure_base(cache_folder(), print, warm_up))
    recipe = recipe.model_copy(update={"model": base})
    model, processor = load_model(base, "cpu"), load_processor(base)
    with tempfile.TemporaryDirectory(prefix="qreasoning-") as place:
        folder = Path(place)
        dataset = write_dataset(folder / "simulated" / "1.0.0", PICTURES, ANNOTATED, 0)
        _, rewards = learn(model, processor, recipe, dataset, [], folder)
    return rewards


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--one", metavar="RECIPE", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(run(chosen.one)), flush=True)
        return
    given = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1"}
    lines = [
        "# Rewards over their own start\n",
        "**A simulation on distorted photographs that shows the mechanisms, not a claim about a "
        "real model.** `python benchmarks/training_rise.py`: the tiny model, which had learned to "
        f"write in {LEARNED} of 500 steps; {STEPS} steps of 8 pictures, one seed. Means of the "
        "first and the last tenth of the run.\n",
        "| recipe | reward | start | end | |",
        "|---|---|---|---|---|",
    ]
    for name in RECIPES:
        command = [sys.executable, __file__, "--one", name]
        done = subprocess.run(
            command, env=os.environ | given, check=True, stdout=subprocess.PIPE, text=True
        )
        for reward, (first, last) in json.loads(done.stdout.splitlines()[-1]).items():
            verdict = "rises" if last > first else "does not rise"
            lines.append(f"| {name} | {reward} | {first:.3f} | {last:.3f} | {verdict} |")
        print(lines[-1], flush=True)
    write_text(Path(__file__).with_suffix(".md"), "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
