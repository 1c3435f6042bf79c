"""What each reward, stage 2 and each kind of credit does: the shipped recipes on the tiny model.

    .venv/bin/python benchmarks/training_ablation.py            what is missing, then the table
    .venv/bin/python benchmarks/training_ablation.py --table    the table alone
    .venv/bin/python benchmarks/training_ablation.py --only 'span credit' --seeds 7

A row is a recipe in which model, adapters, optimiser and lengths are those of `tiny`; rewards, their
weights, stage 2, credit, K, β, loss, temperature and updates per rollout stay the recipe's own.
Every run is a process of its own with one thread; its result is a line of `training_ablation.jsonl`,
and what has its line is not run again.

The data were chosen before any result was seen: 15 % of the training pictures carry a human chain
and are drawn as often as the others. H-IQA has chains for 7 % (482 of 7,058) and draws each picture
several times; here each is drawn about once. Test pictures come from regions that are never trained
on; each has one simulated person's chain.
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

RESULTS = Path(__file__).with_suffix(".jsonl")
WORK = Path(tempfile.gettempdir()) / "qreasoning-ablation"
PICTURES = {"train": 800, "test": 200}
ANNOTATED = {"train": 120, "test": 200}
SEEDS = (0, 1, 2)
STEPS = 100
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
    from simulated import write_dataset
    from qreasoning.training.progress import read_metrics
    from qreasoning.training.run import train

    dataset = WORK / "datasets" / "ablation-simulated" / f"1.0.{seed}"
    write_dataset(dataset, PICTURES, ANNOTATED, seed)
    recipe = recipe_of(row, seed)
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        model, rewards = Path(recipe.model), {}
        if row.recipe is not None:
            report = train(recipe, dataset, Path(folder) / "runs", device="cpu", say=print)
            model, rewards = report.run, tenths(read_metrics(report.run), report.rewards)
        measured = measure(model, recipe, dataset, Path(folder))
    return {"row": row.name, "recipe": row.recipe, "changes": row.changes, "seed": seed} | {
        **measured,
        "rewards": rewards,
    }


def tenths(lines, rewards):
    """The mean of each reward over the first and the last tenth of a run's metric lines."""
    size = max(1, len(lines) // 10)
    return {
        name: [
            fmean(line[f"rewards/{name}/mean"] for line in part)
            for part in (lines[:size], lines[-size:])
        ]
        for name in rewards
    }


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
    WORK.mkdir(exist_ok=True)
    for row in ROWS:
        for seed in seeds:
            if (row.name, seed) in results() or (only and row.name not in only):
                continue
            print(f"== {row.name}, seed {seed}", flush=True)
            given = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1"}
            command = [sys.executable, __file__, "--one", row.name, str(seed)]
            subprocess.run(command, env=os.environ | given, check=True)


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


if __name__ == "__main__":
    main()
