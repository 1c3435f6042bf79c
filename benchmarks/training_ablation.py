"""What each reward, stage 2 and each kind of credit does: the shipped recipes on the tiny model.

    .venv/bin/python benchmarks/training_ablation.py            what is missing, then the table
    .venv/bin/python benchmarks/training_ablation.py --table    the table alone
    .venv/bin/python benchmarks/training_ablation.py --only 'span credit' --seeds 7

A row is a recipe in which model, adapters, optimiser and lengths are those of `tiny`; rewards,
their weights, stage 2, credit, K, β, loss, temperature and updates per rollout stay the recipe's.
Every run is a process of its own with one thread; its result is a line of the `.jsonl` beside it,
and what has its line is not run again.

The data are as sparse as H-IQA's: 7 % of the training pictures carry a human chain (there 482 of
7,058) and are drawn as often as the others. Share and steps were settled by sequence credit alone,
on a seed that is not in the table (7), before any other credit was measured: with 15 % and with 7 %
it came to a ROUGE-1 of 0.65 and 0.66 in 100 steps, where two people share 0.77, so that no credit
could have been better by 0.1. Hence 50 steps. Test pictures come from regions that are never
trained on; each has one simulated person's chain.
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
STEPS = 50
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


ROWS = (
    Row("all four rewards", "ablation/expect"),
    Row("without self-consistency", "ablation/no-self-consistency"),
    Row("without reasoning", "ablation/no-reasoning", ("stage2=expect",)),
    Row("span credit", "ablation/expect", ("credit=span",)),
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
    from qreasoning.training.progress import read_metrics
    from qreasoning.training.run import train

    recipe = recipe_of(row, seed)
    with tempfile.TemporaryDirectory(prefix="qreasoning-") as name:
        folder = Path(name)
        dataset = write_dataset(folder / "ablation-simulated" / "1.0.0", PICTURES, ANNOTATED, seed)
        model, rewards = Path(recipe.model), {}
        if row.recipe is not None:
            report = train(recipe, dataset, folder / "runs", device="cpu", say=print)
            model, rewards = report.run, tenths(read_metrics(report.run), report.rewards)
        measured = measure(model, recipe, dataset, folder)
    return {"row": row.name, "recipe": row.recipe, "changes": row.changes, "seed": seed} | {
        **measured,
        "rewards": rewards,
    }


def tenths(lines, rewards):
    """The mean of each reward over the first and the last tenth of a run's metric lines."""
    found = {}
    for name in rewards:
        values = [number(line.get(f"rewards/{name}/mean")) for line in lines]
        known = [value for value in values if value == value]
        size = max(1, len(known) // 10)
        found[name] = [fmean(known[:size]), fmean(known[-size:])]
    return found


def measure(model, recipe, dataset, folder):
    """What a model's chains for the test pictures are worth; greedy in both conditions."""
    import pyarrow.parquet as pq

    from qreasoning.metrics.correlation import plcc, srcc
    from qreasoning.training.examples import read_examples
    from qreasoning.training.predict import predict
    from qreasoning.training.rewards import score_reasoning

    report = predict(
        model,
        dataset,
        folder / "predictions",
        format=None if (model / "recipe.yaml").is_file() else recipe.format,
        max_new_tokens=recipe.grpo.max_completion_length,
        batch_size=50,
        device="cpu",
    )
    examples = {each.image_id: each for each in read_examples(dataset, "test").rows}
    rows = pq.read_table(report.path).to_pylist()
    seen = [row for row in rows if row["condition"] == "image"]
    read = [row for row in rows if row["condition"] == "caption"]
    chains = [
        recipe.chain_format.parse(row["raw"]).chain if row["status"] == "ok" else None
        for row in seen
    ]
    likeness = score_reasoning(chains, [examples[row["image_id"]].references for row in seen])
    mos = [examples[row["image_id"]].mos for row in seen]
    image, caption = ([number(row["rating"]) for row in part] for part in (seen, read))
    expected = expect(model, recipe, [row["input_caption"] for row in read])
    return {
        "srcc": srcc(image, mos).value,
        "plcc": plcc(image, mos).value,
        "caption_srcc": srcc(caption, mos).value,
        "caption_expected_srcc": srcc(expected, mos).value,
        "expected_decoded": srcc(expected, caption).value,
        "rouge1": fmean(likeness),
        "format": fmean(row["status"] == "ok" for row in seen),
        "caption_format": fmean(row["status"] == "ok" for row in read),
        "pictures": len(seen),
    }


def expect(model, recipe, captions):
    """The stage-2 rating of each caption by expectation; nan where there is no caption."""
    from qreasoning.training.self_consistency import expected_ratings
    from qreasoning.training.speaker import load_speaker

    form = None if (model / "recipe.yaml").is_file() else recipe.format
    speaker = load_speaker(model, form, recipe.grpo.max_completion_length, "cpu")
    distinct = sorted({text for text in captions if text})
    ratings = expected_ratings(speaker.model, speaker.processor, recipe.chain_format, distinct)
    known = dict(zip(distinct, ratings, strict=True))
    return [number(known.get(text)) for text in captions]


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
BARS = (
    ("self-consistency on less off", "without self-consistency", "caption_srcc", 0.35),
    ("reasoning on less off", "without reasoning", "rouge1", 0.1),
)
"""What is compared with all four rewards, in every seed: name, the row without, column, bar."""


def text_of(found):
    """The page: the table, the comparisons seed by seed, and what the rewards did."""
    rows = [
        (row, [found[row.name, seed] for seed in SEEDS if (row.name, seed) in found])
        for row in ROWS
    ]
    done = [(row, lines) for row, lines in rows if lines]
    parts = [HEAD, table(done), *compared(found), risen(done)]
    return "\n\n".join(parts) + "\n"


HEAD = f"""# What each reward, stage 2 and each kind of credit does

**A simulation on distorted photographs that shows the mechanisms, not a claim about a real model.**
`python benchmarks/training_ablation.py`: the tiny model, {STEPS} steps of 8 pictures, {len(SEEDS)}
seeds, one thread. Each row is a shipped recipe with the tiny model's size and optimiser. 56 of 800
training pictures have a human chain, every second picture is drawn; greedy answers to 200 from
regions never trained on, ROUGE-1 with the chain of one simulated person each (two such people share
0.77). A mean over the seeds, and the least and the greatest in brackets. `caption SRCC` is stage 2
decoded, beside it stage 2 by expectation; the last column is Spearman's correlation of the two."""


def table(done):
    """The rows that have a result."""
    lines = ["| " + " | ".join(["", "seeds", *COLUMNS.values()]) + " |"]
    lines.append("|---" * (len(COLUMNS) + 2) + "|")
    for row, found in done:
        cells = [spread([line[column] for line in found]) for column in COLUMNS]
        lines.append("| " + " | ".join([row.name, str(len(found)), *cells]) + " |")
    return "\n".join(lines)


def spread(values):
    """Mean, least and greatest of the values that are defined."""
    known = [value for value in values if value == value]
    if not known:
        return "undefined"
    missing = f", undefined in {len(values) - len(known)}" if len(known) < len(values) else ""
    return f"{fmean(known):.2f} ({min(known):.2f} to {max(known):.2f}{missing})"


def compared(found):
    """The comparisons with a bar in every seed, and those of credit on average."""
    lines = ["| in every seed | bar | " + " | ".join(f"seed {seed}" for seed in SEEDS) + " |"]
    lines.append("|---" * (len(SEEDS) + 2) + "|")
    for name, without, column, bar in BARS:
        cells = [difference(found, without, column, seed) for seed in SEEDS]
        lines.append(f"| {name}: {COLUMNS[column]} | at least {bar} | {' | '.join(cells)} |")
    cells = [
        f"{known['expected_decoded']:.3f}" if known else ""
        for known in (found.get(("all four rewards", seed)) for seed in SEEDS)
    ]
    lines.append(f"| expected against decoded rating | at least 0.9 | {' | '.join(cells)} |")
    return ["\n".join(lines)]


def difference(found, without, column, seed):
    """All four rewards less a row, in one seed; empty where one of them is missing."""
    pair = [found.get((name, seed)) for name in ("all four rewards", without)]
    return f"{pair[0][column] - pair[1][column]:+.3f}" if all(pair) else ""


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
