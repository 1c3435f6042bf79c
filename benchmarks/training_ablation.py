"""What each reward, stage 2 and each kind of credit does: the shipped recipes on the tiny model.

    .venv/bin/python benchmarks/training_ablation.py            what is missing, then the table
    .venv/bin/python benchmarks/training_ablation.py --table    the table alone
    .venv/bin/python benchmarks/training_ablation.py --only 'span credit' --seeds 7

A row is a recipe in which model, adapters, optimiser and lengths are those of `tiny`; rewards,
their weights, stage 2, credit, K, β, loss, temperature and updates per rollout stay the recipe's.
Every run is a process of its own with one thread; its result is a line of the `.jsonl` beside it,
and what has its line is not run again.

The data are as sparse as H-IQA's: 7 % of the training pictures carry a human chain (there 482 of
7,058) and are drawn as often as the others, so about once in a run. Test pictures come from regions
that are never trained on; each has one simulated person's chain.

Where credits are compared was settled on a seed that is not in the table (7). Sequence credit comes
to a ROUGE-1 of 0.66 in 100 steps (0.65 with 15 % annotated) where two people share 0.77, so that no
credit can be better by 0.1 there; in runs of 50 steps no credit moved it (0.25). So every run is
measured on the way. That credits are compared after 75 steps was set down before `balanced` had
been measured in a run of 100; what they had come to after 50 and 100 is shown beside it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from simulated import write_dataset

from qreasoning.files import write_text

RESULTS = Path(__file__).with_suffix(".jsonl")
PICTURES = {"train": 800, "test": 200}
ANNOTATED = {"train": 56, "test": 200}
SEEDS = (0, 1, 2)
BATCH = 50
STEPS = 100
MEASURED = (50, 75, STEPS)
SMALL = (
    "data.repeat_annotated=1",
    "lora.rank=16",
    "lora.alpha=32",
    "lora.dropout=0.0",
    "init_from=null",
    "report_to=[]",
    f"grpo.steps={STEPS}",
    "grpo.epochs=null",
    "grpo.images_per_step=8",
    "grpo.gradient_accumulation_steps=1",
    "grpo.max_completion_length=48",
    "grpo.learning_rate=1.2e-3",
    "grpo.warmup_steps=5",
    "grpo.adam_beta2=0.98",
    "grpo.gradient_checkpointing=false",
    "grpo.save_steps=1000",
)
COSINE = ("prediction", "self_consistency")
"""The rewards whose threshold is `tiny`'s, 1.5: its first ratings are further off."""


@dataclass(frozen=True)
class Row:
    """A row of the table: a shipped recipe, and what is set in it; no recipe is the start model."""

    name: str
    recipe: str | None
    changes: tuple[str, ...] = ()
    annotated: int = ANNOTATED["train"]


BALANCED = ("credit=balanced",)
DRAWN = "data.repeat_annotated=3"
"""As often as the demo draws what people annotated, there 240 pictures of 800."""
ROWS = (
    Row("all four rewards", "ablation/expect"),
    Row("without self-consistency", "ablation/no-self-consistency"),
    Row("without reasoning", "ablation/no-reasoning", ("stage2=expect",)),
    Row("span credit", "ablation/span", ("stage2=expect",)),
    Row("balanced credit", "ablation/expect", BALANCED),
    Row("balanced, without self-consistency", "ablation/no-self-consistency", BALANCED),
    Row("balanced, without reasoning", "ablation/no-reasoning", ("stage2=expect", *BALANCED)),
    Row("dense, balanced", "ablation/expect", (*BALANCED, DRAWN), 240),
    Row(
        "dense, balanced, without reasoning",
        "ablation/no-reasoning",
        ("stage2=expect", *BALANCED, DRAWN),
        240,
    ),
    Row("stage 2 generated", "q-reasoning"),
    Row("prediction only", "ablation/prediction-only"),
    Row("reasoning only", "ablation/reasoning-only"),
    Row("before GRPO", None),
    Row("q-insight-score", "q-insight-score"),
    Row("visualquality-r1", "visualquality-r1"),
    Row("mr-iqa", "mr-iqa"),
)


def recipe_of(row, seed):
    """The row's recipe, resolved for the tiny model."""
    from qreasoning.simulation.warm_up import WarmUp, ensure_base
    from qreasoning.training.recipe import load_recipe
    from qreasoning.workspace import cache_folder, shipped

    path = shipped() / "training" / f"{row.recipe or 'q-reasoning'}.yaml"
    given = load_recipe(path).rewards
    thresholds = [f"rewards.{name}.threshold=1.5" for name in COSINE if getattr(given, name)]
    recipe = load_recipe(path, (*SMALL, f"grpo.seed={seed}", *thresholds, *row.changes))
    base = ensure_base(cache_folder(), print, WarmUp(format=recipe.format))
    return recipe.model_copy(update={"model": str(base)})


def run(row, seed):
    """Train and measure one row; returns its line."""
    from qreasoning.training.examples import read_examples
    from qreasoning.training.model import load_model, load_processor

    recipe = recipe_of(row, seed)
    with tempfile.TemporaryDirectory(prefix="qreasoning-") as name:
        folder = Path(name)
        annotated = {**ANNOTATED, "train": row.annotated}
        dataset = write_dataset(folder / "simulated" / "1.0.0", PICTURES, annotated, seed)
        model, processor = load_model(recipe.model, "cpu"), load_processor(recipe.model)
        test = read_examples(dataset, "test").rows
        if row.recipe is None:
            found, rewards = {STEPS: measure(model, processor, recipe, test)}, {}
        else:
            found, rewards = learn(model, processor, recipe, dataset, test, folder)
    line = {"row": row.name, "recipe": row.recipe, "changes": row.changes, "seed": seed}
    return {**line, "pictures": len(test), "steps": found, "rewards": rewards}


def learn(model, processor, recipe, dataset, test, folder):
    """Train as `qr train` does; what was measured by step, and each reward's start and end.

    Without test pictures nothing is measured on the way.
    """
    from transformers import TrainerCallback

    from qreasoning.training.grpo import make_trainer
    from qreasoning.training.preflight import usable_examples
    from qreasoning.training.progress import Progress, read_metrics

    class Exam(TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            if test and state.global_step in MEASURED:
                policy = trainer.accelerator.unwrap_model(trainer.model)
                policy.eval()
                found[state.global_step] = measure(policy, processor, recipe, test)
                policy.train()

    found = {}
    examples, _ = usable_examples(recipe, dataset)
    trainer = make_trainer(recipe, examples, model, processor, folder)
    trainer.add_callback(Progress(folder, trainer.reward_func_names, trainer.completions, print))
    trainer.add_callback(Exam())
    trainer.share(recipe.efficiency.share_prompts, recipe.efficiency.share_pictures)
    trainer.train()
    return found, tenths(read_metrics(folder), trainer.reward_func_names)


def tenths(lines, rewards):
    """The mean of each reward over the first and the last tenth of a run's metric lines."""
    found = {}
    for name in rewards:
        values = [number(line.get(f"rewards/{name}/mean")) for line in lines]
        known = [value for value in values if value == value]
        size = max(1, len(known) // 10)
        found[name] = [fmean(known[:size]), fmean(known[-size:])]
    return found


def measure(model, processor, recipe, test):
    """What a model's chains for the test pictures are worth; greedy in both conditions."""
    from qreasoning import images
    from qreasoning.metrics.correlation import plcc, srcc
    from qreasoning.training.generate import complete, prompt_text
    from qreasoning.training.rewards import score_reasoning
    from qreasoning.training.self_consistency import expected_ratings, generated_ratings

    form, tokens = recipe.chain_format, recipe.grpo.max_completion_length
    prompt = prompt_text(processor, form, form.prompt, picture=True)
    parsed = []
    for start in range(0, len(test), BATCH):
        pictures = [images.decode(each.image, each.name) for each in test[start : start + BATCH]]
        texts = complete(model, processor, [prompt] * len(pictures), pictures, tokens)
        parsed += [form.parse(text) for text in texts]
    given = [form.stage2_input(each.chain) for each in parsed]
    distinct = sorted({text for text in given if text})
    asked = {}
    for way in (generated_ratings, expected_ratings):
        ratings = dict(zip(distinct, way(model, processor, form, distinct), strict=True))
        asked[way] = [number(ratings.get(text)) for text in given]
    decoded, expected = asked[generated_ratings], asked[expected_ratings]
    chains = [each.chain if each.ok else None for each in parsed]
    image = [number(each.chain.rating if each.ok else None) for each in parsed]
    mos = [each.mos for each in test]
    return {
        "srcc": srcc(image, mos).value,
        "plcc": plcc(image, mos).value,
        "caption_srcc": srcc(decoded, mos).value,
        "caption_expected_srcc": srcc(expected, mos).value,
        "expected_decoded": srcc(expected, decoded).value,
        "rouge1": fmean(score_reasoning(chains, [each.references for each in test])),
        "format": fmean(each.ok for each in parsed),
        "caption_format": fmean(rating == rating for rating in decoded),
    }


def number(value):
    return float("nan") if value is None else value


def results():
    """The lines so far, by (row, seed)."""
    if not RESULTS.is_file():
        return {}
    lines = [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()]
    return {(line["row"], line["seed"]): line for line in lines}


def run_missing(only, seeds):
    """Run each row that has no line yet in a process of its own, with one thread."""
    for row in ROWS:
        for seed in seeds:
            if (row.name, seed) in results() or (only and row.name not in only):
                continue
            print(f"== {row.name}, seed {seed}", flush=True)
            given = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1"}
            command = [sys.executable, __file__, "--one", row.name, str(seed)]
            subprocess.run(command, env=os.environ | given, check=True)


COLUMNS = {
    "srcc": "image SRCC",
    "plcc": "image PLCC",
    "caption_srcc": "caption SRCC",
    "caption_expected_srcc": "the same, expected",
    "rouge1": "ROUGE-1",
    "format": "format",
    "expected_decoded": "expected against decoded",
}
ALL = "all four rewards"
WITHOUT = ("without self-consistency", "without reasoning")
CREDITS = ("span credit", "balanced credit")
REASONING = {
    "": (ALL, WITHOUT[1]),
    ", balanced credit": (CREDITS[1], "balanced, without reasoning"),
    ", balanced credit, dense": ("dense, balanced", "dense, balanced, without reasoning"),
    ", no self-consistency": (WITHOUT[0], "prediction only"),
    ", no self-consistency, balanced credit": (
        "balanced, without self-consistency",
        "prediction only",
    ),
}
"""In what the reasoning reward is switched on and off: the rows with it and without."""


def text_of(found):
    """The page: the table, the comparisons seed by seed, and what the rewards did."""
    rows = [
        (row, [found[row.name, seed] for seed in SEEDS if (row.name, seed) in found])
        for row in ROWS
    ]
    done = [(row, lines) for row, lines in rows if lines]
    credits = [(row, lines) for row, lines in done if row.name in (ALL, *CREDITS)]
    early = [table(credits, step) for step in MEASURED[:-1]]
    parts = [HEAD, table(done), compared(found), *early, risen(done)]
    return "\n\n".join(parts) + "\n"


HEAD = f"""# What each reward, stage 2 and each kind of credit does

**A simulation on distorted photographs that shows the mechanisms, not a claim about a real model.**
`python benchmarks/training_ablation.py`: the tiny model, {STEPS} steps of 8 pictures, {len(SEEDS)}
seeds, one thread. Each row is a shipped recipe with the tiny model's size and optimiser. 56 of 800
training pictures have a human chain, each is drawn about once (`dense`: 240, drawn three times as
often as others); greedy answers to 200 from regions
never trained on, ROUGE-1 with the chain of one simulated person each (two such people share
0.77). A mean over the seeds, and the least and the greatest in brackets. `caption SRCC` is stage 2
decoded, beside it stage 2 by expectation; the last column is Spearman's correlation of the two."""


def table(done, step=STEPS):
    """The rows that have a result after so many steps."""
    lines = ["| " + " | ".join([f"after {step} steps", "seeds", *COLUMNS.values()]) + " |"]
    lines.append("|---" * (len(COLUMNS) + 2) + "|")
    for row, found in done:
        measured = [at(line, step) for line in found]
        cells = [spread([each[column] for each in measured]) for column in COLUMNS]
        lines.append("| " + " | ".join([row.name, str(len(found)), *cells]) + " |")
    return "\n".join(lines)


def at(line, step):
    """What was measured after a step; JSON's keys are texts."""
    return line["steps"][str(step)]


def spread(values):
    """Mean, least and greatest of the values that are defined."""
    known = [value for value in values if value == value]
    if not known:
        return "undefined"
    missing = f", undefined in {len(values) - len(known)}" if len(known) < len(values) else ""
    return f"{fmean(known):.2f} ({min(known):.2f} to {max(known):.2f}{missing})"


def compared(found):
    """The comparisons that have a bar, seed by seed."""
    lines = ["| | bar | " + " | ".join(f"seed {seed}" for seed in SEEDS) + " |"]
    lines.append("|---" * (len(SEEDS) + 2) + "|")
    comparisons = [
        ("self-consistency on less off", ALL, WITHOUT[0], "caption_srcc", STEPS, "0.35 in each"),
    ]
    for setting, rows in REASONING.items():
        what = f"reasoning on less off{setting}"
        comparisons.append((what, *rows, "rouge1", STEPS, "0.1 in each"))
    for name in CREDITS:
        for column, bar in (("rouge1", "0.1"), ("caption_srcc", "-0.03"), ("srcc", "0")):
            what = f"{name} less sequence credit"
            comparisons += [
                (what, name, ALL, column, step, f"{bar} on average") for step in MEASURED
            ]
    for what, first, second, column, step, bar in comparisons:
        cells = [difference(found, first, second, column, step, seed) for seed in SEEDS]
        what = f"{what}, {COLUMNS[column]} after {step} steps"
        lines.append(f"| {what} | at least {bar} | {' | '.join(cells)} |")
    known = [found.get((ALL, seed)) for seed in SEEDS]
    cells = [f"{at(line, STEPS)['expected_decoded']:.3f}" if line else "" for line in known]
    lines.append(
        f"| expected against decoded rating | at least 0.9 in each | {' | '.join(cells)} |"
    )
    return "\n".join(lines)


def difference(found, first, second, column, step, seed):
    """One row less another in one seed; empty where one of them is missing."""
    pair = [found.get((name, seed)) for name in (first, second)]
    return f"{at(pair[0], step)[column] - at(pair[1], step)[column]:+.3f}" if all(pair) else ""


def risen(done):
    """Each reward at the start and the end of training, and in how many runs it rose."""
    lines = [
        "| reward, first to last tenth of the run | mean over seeds | rose in |",
        "|---|---|---|",
    ]
    for row, found in done:
        for name in found[0]["rewards"]:
            pairs = [line["rewards"][name] for line in found]
            first, last = (fmean(pair[end] for pair in pairs) for end in (0, 1))
            rose = sum(pair[1] > pair[0] for pair in pairs)
            lines.append(
                f"| {row.name}: {name} | {first:.3f} to {last:.3f} | {rose} of {len(pairs)} |"
            )
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", action="store_true", help="only write the table")
    parser.add_argument("--only", action="append", help="only rows of this name")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--one", nargs=2, metavar=("ROW", "SEED"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        name, seed = options.one
        line = run(next(row for row in ROWS if row.name == name), int(seed))
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)
        return
    if not options.table:
        run_missing(options.only, options.seeds)
    text = text_of(results())
    print(text)
    write_text(RESULTS.with_suffix(".md"), text)


if __name__ == "__main__":
    main()
