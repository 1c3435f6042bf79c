"""A dry run says what the run then does; estimates are checked where they can be counted."""

from math import ceil

import pytest
import torch
from peft import get_peft_model

from qreasoning.errors import DataError
from qreasoning.training import model as model_module
from qreasoning.training.dry_run import dry_run, steps_and_epochs
from qreasoning.training.estimate import memory, seconds_per_step, shape_of
from qreasoning.training.examples import read_examples
from qreasoning.training.grpo import adapters, make_trainer
from qreasoning.training.model import load_model, load_processor
from qreasoning.training.recipe import Recipe, Vllm, load_recipe
from qreasoning.workspace import shipped


@pytest.fixture
def recipe(base):
    """A function that makes the tiny recipe on the small model, with changes to its settings."""

    def make(efficiency=None, **grpo):
        content = load_recipe(shipped() / "training" / "tiny.yaml").model_dump()
        content["model"] = str(base)
        content["grpo"] |= {"steps": 3, "images_per_step": 2, "num_generations": 4, **grpo}
        content["data"]["repeat_annotated"] = 1
        content["efficiency"] |= efficiency or {}
        return Recipe.model_validate(content)

    return make


def test_dry_run_shows_what_the_run_would_be(recipe, make_dataset, tmp_path):
    dataset = make_dataset({"train": 5})
    run = dry_run(recipe(), dataset, "cpu")
    assert "num_generations: 4" in run.recipe
    assert run.pictures == "5 pictures, 5 with human chains"
    assert run.example_reward == 1.0
    assert (run.processes, run.groups, run.completions) == (1, 2, 4)
    # 5 pictures make 2 batches of 2 an epoch.
    assert (run.steps, run.epochs) == (3, 1.5)
    assert [prompt.pictures for prompt in run.prompts] == [1, 1]
    assert [prompt.picture_tokens for prompt in run.prompts] == [16, 16]
    assert run.seconds > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["datasets"]


def test_dry_run_prompts_are_those_that_the_trainer_gives_the_model(recipe, make_dataset, tmp_path):
    dataset = make_dataset({"train": 2})
    examples = read_examples(dataset, "train").rows
    chosen = recipe()
    processor = load_processor(chosen.model)
    trainer = make_trainer(chosen, examples, load_model(chosen.model, "cpu"), processor, tmp_path)
    batch = trainer._generate_and_score_completions(
        [trainer.train_dataset[0]] * chosen.grpo.num_generations
    )
    ids = batch["prompt_ids"][0][batch["prompt_mask"][0].bool()]
    prompt = dry_run(chosen, dataset, "cpu").prompts[0]
    assert len(ids) == prompt.tokens
    seen = processor.tokenizer.decode(ids).replace("<|image_pad|>" * 16, "<|image_pad|>")
    assert seen == prompt.text


@pytest.mark.parametrize(
    "grpo",
    [
        {"steps": None, "epochs": 2.0},
        {"steps": None, "epochs": 2.0, "gradient_accumulation_steps": 2},
        {"steps": None, "epochs": 1.0, "num_iterations": 2},
        {"steps": None, "epochs": 1.5, "images_per_step": 1},
    ],
)
def test_steps_and_epochs_are_those_of_the_trainer(recipe, make_dataset, tmp_path, grpo):
    examples = read_examples(make_dataset({"train": 5}), "train").rows
    chosen = recipe(**grpo)
    trainer = make_trainer(
        chosen, examples, load_model(chosen.model, "cpu"), load_processor(chosen.model), tmp_path
    )
    loader = trainer.get_train_dataloader()
    per_epoch = len(loader) // chosen.grpo.gradient_accumulation_steps
    steps, epochs = steps_and_epochs(chosen, examples, 1)
    assert steps == ceil(per_epoch * chosen.grpo.epochs)
    assert epochs == steps / per_epoch


def test_shape_of_counts_what_the_model_and_its_adapters_have(recipe, base):
    chosen = recipe()
    shape = shape_of(chosen)
    model = load_model(str(base), "cpu")
    assert shape.parameters == sum(weight.numel() for weight in model.parameters())
    adapted = get_peft_model(model, adapters(chosen))
    trained = sum(weight.numel() for weight in adapted.parameters() if weight.requires_grad)
    assert shape.adapters == trained
    # 3 layers of 128; 2 heads of 32 for keys and as many for values.
    assert (shape.layers, shape.hidden, shape.key_values) == (3, 128, 64)


def test_estimates_follow_what_they_depend_on(recipe):
    def of(**grpo):
        chosen = recipe(**grpo)
        shape = shape_of(chosen)
        return memory(chosen, shape, 100, "cuda"), seconds_per_step(
            chosen, shape, 100, "cuda", 1e12
        )

    (usual, seconds) = of()
    assert usual.weights == 2 * shape_of(recipe()).parameters
    assert usual.total == usual.weights + usual.adapters + max(usual.generating, usual.learning)
    halved, _ = of(gradient_accumulation_steps=2)
    assert halved.learning == usual.learning / 2
    assert halved.generating == usual.generating
    checkpointed, slower = of(gradient_checkpointing=True)
    assert checkpointed.learning < usual.learning
    assert slower > seconds
    doubled, longer = of(images_per_step=4)
    assert doubled.generating == 2 * usual.generating
    assert longer > seconds
    assert of(beta=0.04)[1] > seconds
    # Two groups of four: 2 prompts are read instead of 8, for 8 completions.
    alone, slowest = of(efficiency={"share_prompts": False})
    assert slowest > seconds
    shape, written = shape_of(recipe()), recipe().grpo.max_completion_length
    logits = 8 * written * shape.vocabulary * 10
    assert (usual.learning - logits) / (alone.learning - logits) == pytest.approx(
        (8 * written + 2 * 100) / (8 * written + 8 * 100)
    )
    assert of(num_iterations=2)[1] < seconds


def test_dry_run_refuses_what_training_would_refuse(recipe, make_dataset):
    dataset = make_dataset({"train": 3}, lambda row: {**row, "mos": None})
    with pytest.raises(DataError, match="has no MOS"):
        dry_run(recipe(), dataset, "cpu")


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_dry_run_without_the_gpu_that_the_model_needs_shows_all_but_the_time(
    recipe, make_dataset, monkeypatch, no_gpu
):
    monkeypatch.setattr(model_module, "LARGE", 1000)
    run = dry_run(recipe(), make_dataset({"train": 5}))
    (missing,) = run.missing
    assert "No GPU is found" in missing
    assert (run.device, run.steps, run.seconds) == ("cuda", 3, None)
    assert [prompt.pictures for prompt in run.prompts] == [1, 1]
    # In the GPU's two bytes a weight.
    assert run.memory.weights == 2 * shape_of(recipe()).parameters


def test_dry_run_of_a_model_that_cannot_be_had_shows_what_needs_no_model(make_dataset, no_gpu):
    # The tests run offline.
    shipped_recipe = load_recipe(shipped() / "training" / "h-iqa.yaml")
    run = dry_run(shipped_recipe, make_dataset({"train": 12}))
    gpu, model = run.missing
    assert "has about 7.0 billion parameters" in gpu
    assert model.startswith("Prompts, memory and time are not known: The model 'Qwen/Qwen2.5-VL-7B")
    assert (run.prompts, run.memory, run.seconds) == ((), None, None)
    assert (run.steps, run.groups, run.completions) == (1000, 8, 8)
    assert run.example_reward == 1.0
    assert "learning_rate: 1.0e-05" in run.recipe


def test_dry_run_in_4_bits_says_what_that_needs(recipe, make_dataset, no_gpu):
    chosen = recipe().model_copy(update={"quantization": "4bit"})
    (missing,) = dry_run(chosen, make_dataset({"train": 5}), "cpu").missing
    assert missing.startswith("quantization: 4bit needs a GPU and the package bitsandbytes.")


def test_dry_run_with_vllm_says_what_that_needs(recipe, make_dataset, no_gpu):
    chosen = recipe().model_copy(update={"vllm": Vllm()})
    (missing,) = dry_run(chosen, make_dataset({"train": 5}), "cpu").missing
    assert missing.startswith("vllm in the recipe needs")
