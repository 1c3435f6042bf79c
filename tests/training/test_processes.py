"""Two processes earn what one does: groups are whole and pictures are compared across them."""

import json
import os
import subprocess
import sys

import pytest
import yaml

from qreasoning.training.recipe import load_recipe
from qreasoning.workspace import shipped

SCRIPT = """
import hashlib, json, sys
from pathlib import Path
import torch
from accelerate.utils import gather_object
from qreasoning.training.sharing import SharingTrainer
from qreasoning.training import run
from qreasoning.training.recipe import load_recipe
from qreasoning.training.trainer import ChainTrainer

path, dataset, runs, out = map(Path, sys.argv[1:])
recipe = load_recipe(path)

def recorded(self, prompt_ids, images, fields, *_, **__):
    # Each picture's completions, by what is in it: the same in every process and order.
    found, seen = [], {}
    for pictures in images:
        key = hashlib.sha256(pictures[0].tobytes()).hexdigest()
        seen[key] = turn = seen.get(key, -1) + 1
        rating = 1 + int(key[turn : turn + 4], 16) % 400 / 100
        words = "A blurry photo of a cat." if int(key[turn], 16) % 2 else "A photo."
        text = f"<caption>{words}</caption><reasoning>It is so.</reasoning><rating>{rating:.2f}"
        ids = self._tokenizer(text + "</rating>" * (turn != 2)).input_ids
        found.append([*ids, self._tokenizer.eos_token_id])
    return found, None

SharingTrainer._generate_single_turn = recorded
kept = []
score = ChainTrainer._generate_and_score_completions

def watch(self, inputs):
    batch = score(self, inputs)
    rows = [
        {"image_id": row["image_id"], "advantages": [round(a, 5) for a in own if a]}
        for row, own in zip(inputs, batch["advantages"].tolist(), strict=True)
    ]
    kept.append((gather_object(rows), [dict(row) for row in self.completions]))
    return batch

ChainTrainer._generate_and_score_completions = watch
run.train(recipe, dataset, runs, device="cpu")
rows, completions = kept[0]
if completions:
    out.write_text(json.dumps({"advantages": rows, "completions": completions}))
"""


@pytest.mark.slow
def test_two_processes_earn_the_rewards_and_advantages_of_one(base, make_dataset, tmp_path):
    seen = iter(range(100))
    dataset = make_dataset(
        {"train": 8}, lambda row: {**row, "mos_set": ("one", "two")[next(seen) % 2]}
    )
    found = {
        processes: _first_step(processes, base, dataset, tmp_path / str(processes))
        for processes in (1, 2)
    }
    one, two = found[1], found[2]
    assert len(one["completions"]) == len(two["completions"]) == 16
    for rows in (one, two):
        assert {row["status"] for row in rows["completions"]} == {"ok", "missing rating"}
        assert any(row["rank"] for row in rows["completions"])
        assert any(row["advantages"] for row in rows["advantages"])
    key = lambda row: (row["image_id"], row["completion"])  # noqa: E731
    pairs = zip(
        sorted(one["completions"], key=key), sorted(two["completions"], key=key), strict=True
    )
    for mine, theirs in pairs:
        assert mine == pytest.approx(theirs, abs=1e-5)
    # Their order within a batch is the same: it is the sampler's.
    assert one["advantages"] == two["advantages"]
    # Both make the one run folder.
    assert [path.name for path in (tmp_path / "2" / "runs" / "mine").iterdir()] == ["001"]


def _first_step(processes, base, dataset, folder):
    folder.mkdir()
    content = load_recipe(shipped() / "training" / "tiny.yaml").model_dump()
    content |= {"name": "mine", "model": str(base), "credit": "span"}
    content["data"]["repeat_annotated"] = 1
    content["rewards"]["rank"] = {"weight": 1.0}
    content["rewards"]["margin"] = {"weight": 1.0, "tau": 1.0}
    content["grpo"] |= {
        "steps": 1,
        "images_per_step": 4 // processes,
        "num_generations": 4,
        "loss_type": "grpo",
    }
    recipe = folder / "mine.yaml"
    recipe.write_text(yaml.safe_dump(content))
    script, out = folder / "script.py", folder / "out.json"
    script.write_text(SCRIPT)
    launch = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    done = subprocess.run(
        [
            sys.executable,
            *(launch if processes > 1 else []),
            *map(str, (script, recipe, dataset, folder / "runs", out)),
        ],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(out.read_text())
