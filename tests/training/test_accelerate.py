"""Many processes: the shipped launch files, vLLM's settings, and sharing in two processes."""

import json
import os
import subprocess
import sys

import pytest
import yaml
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser

from qreasoning.errors import DataError, SettingsError
from qreasoning.training.examples import read_examples
from qreasoning.training.grpo import _arguments
from qreasoning.training.preflight import check_batches, check_vllm
from qreasoning.training.recipe import Recipe, load_recipe
from qreasoning.training.run import train
from qreasoning.workspace import Workspace, make_study, shipped

CONFIGS = sorted((shipped() / "training" / "accelerate").glob("*.yaml"))


def test_the_launch_files_that_are_documented_are_shipped():
    assert [path.stem for path in CONFIGS] == ["ddp", "fsdp2", "zero3"]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_launch_file_is_what_accelerate_reads(path):
    config = load_config_from_file(str(path))
    kind = {"ddp": "MULTI_GPU", "fsdp2": "FSDP", "zero3": "DEEPSPEED"}[path.stem]
    assert config.distributed_type == kind
    assert (config.num_processes, config.mixed_precision) == (8, "bf16")
    command = ["--config_file", str(path), "-m", "qreasoning", "train", "q-reasoning"]
    arguments, *_ = _validate_launch_command(launch_command_parser().parse_args(command))
    assert arguments.module
    assert arguments.training_script_args == ["train", "q-reasoning"]
    if path.stem == "fsdp2":
        assert (arguments.use_fsdp, arguments.fsdp_version) == (True, 2)
    if path.stem == "zero3":
        assert (arguments.use_deepspeed, arguments.zero_stage) == (True, 3)
    assert arguments.multi_gpu == (path.stem == "ddp")


def test_launch_files_and_sweeps_are_in_a_new_study_and_are_no_recipes(tmp_path):
    study = make_study(tmp_path / "study")
    assert (study.root / "training" / "accelerate" / "ddp.yaml").is_file()
    assert (study.root / "training" / "sweeps" / "pareto.yaml").is_file()
    names = Workspace(study.root).names("training")
    assert "tiny" in names
    assert not [name for name in names if "ddp" in name or "pareto" in name]


def _recipe(**changes):
    content = load_recipe(shipped() / "training" / "tiny.yaml").model_dump()
    return Recipe.model_validate({**content, **changes})


def test_vllm_settings_reach_the_trainer(tmp_path):
    plain = _arguments(_recipe(), [1.0] * 4, "cpu", tmp_path)
    assert not plain.use_vllm
    chosen = {"mode": "server", "host": "10.0.0.7", "port": 8123}
    server = _arguments(_recipe(vllm=chosen), [1.0] * 4, "cpu", tmp_path)
    assert (server.use_vllm, server.vllm_mode) == (True, "server")
    assert (server.vllm_server_host, server.vllm_server_port) == ("10.0.0.7", 8123)
    chosen = {"mode": "colocate", "gpu_memory_utilization": 0.4, "tensor_parallel_size": 2}
    beside = _arguments(_recipe(vllm=chosen), [1.0] * 4, "cpu", tmp_path)
    assert (beside.vllm_mode, beside.vllm_gpu_memory_utilization) == ("colocate", 0.4)
    assert beside.vllm_tensor_parallel_size == 2


def test_vllm_where_it_is_not_is_refused_before_any_work(base, make_dataset, tmp_path, monkeypatch):
    recipe = _recipe(model=str(base), vllm={})
    with pytest.raises(SettingsError, match="vllm in the recipe needs"):
        train(recipe, make_dataset({"train": 8}), tmp_path / "runs", device="cpu")
    assert not (tmp_path / "runs").exists()
    monkeypatch.setattr("qreasoning.training.preflight.find_spec", lambda name: object())
    check_vllm(recipe, "cuda")
    with pytest.raises(SettingsError, match="needs a GPU"):
        check_vllm(recipe, "cpu")


SCRIPT = """
import json, sys
from pathlib import Path
import torch
from transformers import TrainerCallback
from accelerate import PartialState

PartialState(cpu=True)
from qreasoning.training.examples import read_examples
from qreasoning.training.grpo import make_trainer
from qreasoning.training.model import load_model, load_processor
from qreasoning.training.recipe import load_recipe
from qreasoning.training.sharing import SharingTrainer

path, dataset, out = map(Path, sys.argv[1:])
recipe = load_recipe(path)
examples = read_examples(dataset, "train").rows
logps = SharingTrainer._get_per_token_logps_and_entropies


def run(shared):
    model, processor = load_model(recipe.model, "cpu"), load_processor(recipe.model)
    trainer = make_trainer(recipe, examples, model, processor, out / str(shared))
    generator = torch.Generator().manual_seed(0)
    for name, weight in trainer.model.named_parameters():
        if "lora_B" in name:
            weight.data.normal_(std=0.02, generator=generator)
    assert trainer.share(shared, shared) == []
    found = {"logps": [], "tokens": [], "advantages": []}

    def watch(self, model, input_ids, attention_mask, logits_to_keep, **fields):
        result = logps(self, model, input_ids, attention_mask, logits_to_keep, **fields)
        mask = attention_mask[:, -logits_to_keep:]
        found["logps"].append((result[0].detach() * mask).clone())
        found["tokens"].append(input_ids * attention_mask)
        return result

    class Keep(TrainerCallback):
        def on_pre_optimizer_step(self, args, state, control, model=None, **_):
            found["gradients"] = {
                name: weight.grad.clone()
                for name, weight in model.named_parameters()
                if weight.grad is not None
            }

    SharingTrainer._get_per_token_logps_and_entropies = watch
    trainer.add_callback(Keep())
    torch.manual_seed(5 + trainer.accelerator.process_index)
    trainer.train()
    SharingTrainer._get_per_token_logps_and_entropies = logps
    return found, trainer


plain, _ = run(False)
shared, trainer = run(True)
assert trainer.accelerator.num_processes == 2
pairs = list(zip(plain["logps"], shared["logps"], strict=True))
result = {
    "passes": len(pairs),
    "same tokens": all(map(torch.equal, plain["tokens"], shared["tokens"])),
    "logps": max(float((a - b).abs().max()) for a, b in pairs),
    "gradients": max(
        float((each - shared["gradients"][name]).abs().max())
        for name, each in plain["gradients"].items()
    ),
    "largest": max(float(each.abs().max()) for each in plain["gradients"].values()),
    "asked stage 2": any(row["self_consistency"] for row in trainer.completions),
}
(out / f"{trainer.accelerator.process_index}.json").write_text(json.dumps(result))
"""


@pytest.mark.slow
def test_two_processes_with_sharing_compute_what_they_do_without(base, make_dataset, tmp_path):
    """Gradient accumulation, span credit and stage 2 by expectation, real generation."""
    content = load_recipe(shipped() / "training" / "tiny.yaml").model_dump()
    content |= {"name": "mine", "model": str(base), "credit": "span", "stage2": "expect"}
    content["data"]["repeat_annotated"] = 1
    content["report_to"] = []
    content["grpo"] |= {
        "steps": 1,
        "images_per_step": 2,
        "num_generations": 4,
        "gradient_accumulation_steps": 2,
        "warmup_steps": 0,
        "max_grad_norm": 1e6,  # gradients as they are
    }
    recipe, script = tmp_path / "mine.yaml", tmp_path / "script.py"
    recipe.write_text(yaml.safe_dump(content))
    script.write_text(SCRIPT)
    dataset = make_dataset({"train": 8})
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [sys.executable, *launch, *map(str, (script, recipe, dataset, tmp_path))],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    results = [json.loads((tmp_path / f"{process}.json").read_text()) for process in (0, 1)]
    for result in results:
        assert result["passes"] >= 2
        assert result["same tokens"]
        assert result["logps"] < 1e-4
        assert result["gradients"] < 1e-4
        assert result["largest"] > 1e-3
    assert results[0]["asked stage 2"]


@pytest.mark.parametrize("processes", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("parts", [1, 2, 4])
def test_each_process_has_whole_groups_whatever_their_number(processes, parts, tmp_path):
    recipe = _recipe()
    grpo = {"images_per_step": 3, "num_generations": 4, "gradient_accumulation_steps": parts}
    recipe = recipe.model_copy(update={"grpo": recipe.grpo.model_copy(update=grpo)})
    made = _arguments(recipe, [1.0] * 4, "cpu", tmp_path)
    # Rows that one process generates for a step: three pictures, four completions of each.
    assert made.per_device_train_batch_size * made.gradient_accumulation_steps == 3 * 4


def test_more_processes_than_the_pictures_suffice_for_are_refused(make_dataset):
    recipe = _recipe()
    examples = read_examples(make_dataset({"train": 20}), "train").rows
    check_batches(recipe, examples, 2)
    with pytest.raises(
        DataError, match=r"draws 24 pictures .* Set grpo\.images_per_step to 6 or less"
    ):
        check_batches(recipe, examples, 3)
