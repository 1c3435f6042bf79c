"""A disk that is full at a checkpoint: one sentence, and the run goes on from the one before."""

import signal
import subprocess
import sys

import pytest
import yaml

from qreasoning.files import read_manifest
from qreasoning.training.checkpoints import newest_checkpoint
from qreasoning.training.recipe import load_recipe
from qreasoning.workspace import shipped

LIMITED = """
import resource, sys
limit = int(sys.argv.pop())
from qreasoning.cli import main
import qreasoning.training.run as run

class Filling(run.Checkpoints):
    def on_save(self, args, state, control, **rest):
        super().on_save(args, state, control, **rest)
        # From now on a write beyond the limit fails as on a full disk.
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

run.Checkpoints = Filling
sys.argv[1:1] = ["train", "tiny", "--device", "cpu"]
main()
"""


# An adapter of 57 kB and an optimiser state of twice that: either does not fit.
@pytest.mark.parametrize("limit", [20_000, 90_000])
def test_train_on_a_disk_that_fills_up_keeps_the_last_checkpoint(study, finished_run, base, limit):
    outputs = study.root / "outputs"
    outputs.mkdir(exist_ok=True)
    (outputs / "datasets").symlink_to(finished_run.parents[2] / "datasets")
    content = load_recipe(shipped() / "training" / "tiny.yaml").model_dump()
    content |= {"model": str(base), "report_to": []}
    content["lora"] |= {"rank": 2, "alpha": 4}
    content["grpo"] |= {"steps": 3, "save_steps": 1, "images_per_step": 2, "num_generations": 2}
    (study.root / "training" / "tiny.yaml").write_text(yaml.safe_dump(content))
    full = subprocess.run(
        [sys.executable, "-c", LIMITED, str(limit)],
        cwd=study.root,
        preexec_fn=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
        capture_output=True,
        text=True,
    )
    assert full.returncode == 2, full.stderr
    assert "Error: The checkpoint of step 2 could not be written to" in full.stderr
    assert "Traceback" not in full.stderr
    assert "Make room, then give the same command again and --resume." in full.stderr
    run = outputs / "runs" / "tiny" / "001"
    assert newest_checkpoint(run).name == "checkpoint-1"
    command = [sys.executable, "-m", "qreasoning", "train", "tiny", "--device", "cpu", "--resume"]
    done = subprocess.run(command, cwd=study.root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "going on with 001 from checkpoint-1" in done.stdout
    assert read_manifest(run)["steps"] == 3
