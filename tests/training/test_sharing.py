"""Prompts and pictures read once: the same completions, log-probabilities and gradients."""

import pytest
import torch

from qreasoning.training import packing
from qreasoning.training.examples import read_examples
from qreasoning.training.grpo import make_trainer
from qreasoning.training.model import load_model, load_processor
from qreasoning.training.packing import Groups, pack
from qreasoning.training.recipe import Recipe, load_recipe
from qreasoning.workspace import shipped

BOTH = [(True, False), (False, True), (True, True)]


@pytest.fixture
def make(base, make_dataset, tmp_path):
    def trainer(**changes):
        content = load_recipe(shipped() / "training" / "tiny.yaml").model_dump()
        content["model"] = str(base)
        content["data"]["repeat_annotated"] = 1
        content["grpo"] |= {"steps": 2, "images_per_step": 3, "num_generations": 4}
        for section, values in changes.items():
            content[section] |= values
        recipe = Recipe.model_validate(content)
        examples = read_examples(make_dataset({"train": 4}), "train").rows
        model, processor = load_model(recipe.model, "cpu"), load_processor(recipe.model)
        made = make_trainer(recipe, examples, model, processor, tmp_path / "run")
        generator = torch.Generator().manual_seed(0)
        for name, weight in made.model.named_parameters():
            if "lora_B" in name:
                # Adapters that do something.
                weight.data.normal_(std=0.02, generator=generator)
        return made

    return trainer


def batch_of(trainer):
    rows = [trainer.train_dataset[place // 4] for place in range(12)]
    trainer.model.train()
    trainer.generation_config.do_sample = False
    return trainer._generate_and_score_completions(rows)


@pytest.mark.parametrize(("prompts", "pictures"), BOTH)
def test_sharing_trainer_writes_the_same_greedy_completions(make, prompts, pictures):
    trainer = make()
    plain = batch_of(trainer)
    assert trainer.share(prompts, pictures) == []
    assert (trainer.share_prompts, trainer.share_pictures) == (prompts, pictures)
    shared = batch_of(trainer)
    assert torch.equal(plain["completion_ids"], shared["completion_ids"])
    assert torch.equal(plain["completion_mask"], shared["completion_mask"])


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize(("prompts", "pictures"), BOTH)
def test_sharing_trainer_has_the_log_probabilities_and_gradients_of_the_plain_way(
    make, prompts, pictures, checkpointing
):
    trainer = make(grpo={"gradient_checkpointing": checkpointing})
    batch = batch_of(trainer)
    batch["advantages"] = torch.randn(12, generator=torch.Generator().manual_seed(1))
    # As the trainer does between generation and loss.
    order = torch.randperm(12, generator=torch.Generator().manual_seed(2)).tolist()
    shuffled = {
        name: values[order]
        for name, values in batch.items()
        if name in ("completion_ids", "completion_mask", "advantages", "prompt_ids", "prompt_mask")
    }
    patches = batch["pixel_values"].view(12, -1, batch["pixel_values"].shape[-1])
    batch |= shuffled | {
        "pixel_values": patches[order].flatten(0, 1),
        "mm_token_type_ids": batch["mm_token_type_ids"][order],
    }
    trainer.current_gradient_accumulation_steps = 1
    plain, wanted = loss_and_gradients(trainer, batch)
    trainer.share(prompts, pictures)
    shared, found = loss_and_gradients(trainer, batch)
    assert shared == pytest.approx(plain, abs=1e-6)
    assert wanted.keys() == found.keys()
    assert max(float(each.abs().max()) for each in wanted.values()) > 1e-4
    assert all(torch.allclose(wanted[name], found[name], atol=1e-6) for name in wanted)


def loss_and_gradients(trainer, batch):
    trainer.model.zero_grad()
    loss = trainer._compute_loss(trainer.model, batch)
    loss.backward()
    gradients = {
        name: weight.grad.clone()
        for name, weight in trainer.model.named_parameters()
        if weight.grad is not None
    }
    return loss.item(), gradients


@pytest.mark.parametrize("checkpointing", [False, True])
def test_sharing_trainer_prompts_of_different_length(make, checkpointing):
    trainer = make(grpo={"gradient_checkpointing": checkpointing})
    batch = batch_of(trainer)
    ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], 1)
    mask = torch.cat([batch["prompt_mask"], batch["completion_mask"]], 1)
    pad = torch.full((12, 2), trainer._tokenizer.pad_token_id)
    # Every other picture's rows get two columns of padding on the left, the others two tokens.
    longer = torch.tensor([row // 4 % 2 == 0 for row in range(12)])[:, None]
    extra = torch.where(longer, ids[:, -3:-1].clamp(max=200), pad)
    ids = torch.cat([extra, ids], 1)
    mask = torch.cat([longer.long().repeat(1, 2), mask], 1)
    types = torch.cat([torch.zeros(12, 2, dtype=torch.long), batch["mm_token_type_ids"]], 1)
    arguments = {
        "model": trainer.model,
        "input_ids": ids,
        "attention_mask": mask,
        "logits_to_keep": batch["completion_ids"].shape[1],
        "compute_entropy": True,
        "batch_size": 5,  # parts that cut groups
        "pixel_values": batch["pixel_values"],
        "image_grid_thw": batch["image_grid_thw"],
        "num_images": batch["num_images"],
        "mm_token_type_ids": types,
    }
    with torch.no_grad():
        plain = trainer._get_per_token_logps_and_entropies(**arguments)
        trainer.share(True, True)
        shared = trainer._get_per_token_logps_and_entropies(**arguments)
    real = batch["completion_mask"]
    for one, other in zip(plain[:2], shared[:2], strict=True):
        assert torch.allclose(one * real, other * real, atol=1e-4)
    assert shared[2] is None


def test_pack_hand_written():
    # Two completions of one prompt (1 2 3) and one of another (7 2 3); width 2.
    ids = torch.tensor([[1, 2, 3, 10, 11], [7, 2, 3, 20, 0], [1, 2, 3, 30, 31]])
    mask = torch.tensor([[1, 1, 1, 1, 1], [0, 1, 1, 1, 0], [1, 1, 1, 1, 1]])
    groups = Groups.of([(1, 2, 3), (7, 2, 3), (1, 2, 3)])
    assert groups.members == [[0, 2], [1]]
    assert groups.of_row == [0, 1, 0]
    positions = torch.arange(5).expand(3, 3, 5)
    packed = pack(ids, mask, positions, 2, groups)
    assert packed.input_ids.tolist()[0] == [1, 2, 3, 10, 3, 30]
    assert packed.input_ids.tolist()[1][:4] == [7, 2, 3, 20]
    assert packed.shift_labels.tolist()[0] == [-100, -100, 10, 11, 30, 31]
    # The second completion token of row 1 is padding; its group has one completion only.
    assert packed.shift_labels.tolist()[1] == [-100, -100, 20, -100, -100, -100]
    assert packed.positions[0, 0].tolist() == [0, 1, 2, 3, 2, 3]
    seen = packed.attention[0, 0].long().tolist()
    assert seen[3] == [1, 1, 1, 1, 0, 0]
    assert seen[5] == [1, 1, 0, 0, 1, 1]
    # Padding is seen by itself alone.
    assert [row[0] for row in packed.attention[1, 0].long().tolist()] == [1, 0, 0, 0, 0, 0]
    values = torch.arange(12.0).view(2, 6)
    assert packed.unpacked(values, groups, 2).tolist() == [[2, 3], [8, 9], [4, 5]]


def test_sharing_trainer_encodes_each_picture_once(make):
    trainer = make()
    trainer.share(True, True)
    counted = []
    vision = trainer.accelerator.unwrap_model(trainer.model).get_base_model().model.visual
    vision.register_forward_hook(lambda module, inputs, output: counted.append(len(inputs[0])))
    batch = batch_of(trainer)
    trainer.current_gradient_accumulation_steps = 1
    trainer._compute_loss(trainer.model, batch)
    # 64 patches a picture; three pictures, for generation and loss together.
    assert sum(counted) == 3 * 64


def test_sharing_trainer_with_a_trained_vision_tower_encodes_pictures_anew(make):
    trainer = make(lora={"vision_tower": True})
    assert trainer.share(True, True) == ["pictures: the vision tower is trained"]
    assert (trainer.share_prompts, trainer.share_pictures) == (True, False)


def test_sharing_trainer_is_switched_off_with_a_sentence_where_the_model_lacks_a_hook(
    make, monkeypatch
):
    trainer = make()
    core = trainer.accelerator.unwrap_model(trainer.model).get_base_model().model
    monkeypatch.setattr(type(core), "get_rope_index", None)
    # The plain way asks for positions itself; give it its own.
    monkeypatch.setattr(type(core), "compute_3d_position_ids", lambda self, **_: None)
    (problem,) = trainer.share(True, True)
    assert problem.startswith("prompts and pictures: this model cannot (TypeError")
    assert not trainer.share_prompts
    assert not trainer.share_pictures


def test_sharing_trainer_is_switched_off_where_it_would_compute_something_else(make, monkeypatch):
    trainer = make(grpo={"gradient_checkpointing": True})
    visible = packing.visible

    def everything(*arguments):
        return torch.ones_like(visible(*arguments))

    monkeypatch.setattr(packing, "visible", everything)
    (problem,) = trainer.share(True, True)
    assert "log-probabilities differ by" in problem
    assert not trainer.share_prompts


def test_sharing_trainer_with_the_picture_after_the_text_computes_the_same(make):
    trainer = make()
    template = trainer.processing_class.chat_template
    picture = "<|vision_start|><|image_pad|><|vision_end|>"
    # Text first, then the picture, as some templates have it.
    moved = template.replace(picture, "").replace(
        "<|im_end|>\n{% endfor %}",
        "{% if message.role == 'user' %}" + picture + "{% endif %}<|im_end|>\n{% endfor %}",
    )
    assert moved != template
    trainer.processing_class.chat_template = moved
    trainer.processing_class.tokenizer.chat_template = moved
    plain = batch_of(trainer)
    pad = trainer.processing_class.tokenizer.convert_tokens_to_ids("<|image_pad|>")
    last = (plain["prompt_ids"][0] == pad).nonzero().max()
    assert last > len(plain["prompt_ids"][0]) - 8
    assert trainer.share(True, True) == []
    shared = batch_of(trainer)
    assert torch.equal(plain["completion_ids"], shared["completion_ids"])


def test_sharing_trainer_with_the_picture_at_the_very_end_is_switched_off_or_the_same(make):
    trainer = make()
    # No turn ends after the picture: its last token is the prompt's last.
    text = "{% for p in m.content %}{% if p.type == 'text' %}{{ p.text }}{% endif %}{% endfor %}"
    template = f"{{% for m in messages %}}{text}{{% endfor %}}<|vision_start|><|image_pad|>"
    trainer.processing_class.chat_template = template
    trainer.processing_class.tokenizer.chat_template = template
    (problem,) = trainer.share(True, True)
    assert problem.startswith("prompts and pictures: this model cannot (ValueError")
    assert not trainer.share_prompts
    assert not trainer.share_pictures
