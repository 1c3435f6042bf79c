"""A Qwen2.5-VL of about a million parameters with its tokenizer and image processor, made offline.

The architecture is Qwen's own with smaller numbers, so whatever trains it trains the real one. It
sees 64 x 64 pixels as 16 tokens. Nothing is downloaded and torchvision is not needed.
"""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX, Qwen2Tokenizer
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.utils.logging import disable_progress_bar

from qreasoning.chain import ChainFormat

PATCH, MERGE, FRAMES, SIDE = 8, 2, 2, 64
IMAGE_TOKENS = (SIDE // PATCH // MERGE) ** 2
HIDDEN, LAYERS, VISION_HIDDEN, VISION_LAYERS = 128, 3, 96, 2

END, TURN_END, IMAGE = "<|endoftext|>", "<|im_end|>", "<|image_pad|>"
SPECIAL = ["<|im_start|>", TURN_END, "<|vision_start|>", "<|vision_end|>", IMAGE, "<|video_pad|>"]

# Qwen's turns without its system message, which would only make each step longer.
CHAT_TEMPLATE = """{% for message in messages %}<|im_start|>{{ message.role }}
{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content %}\
{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part.text }}\
{% endif %}{% endfor %}{% endif %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


def phrases(form: ChainFormat) -> list[str]:
    """Texts that are one token each: the fixed parts of a format's prompts, and its tags.

    A model this small cannot follow instructions; it only has to know which prompt it was given.
    As whole tokens the prompts add one position instead of a hundred to every training step.
    """
    before, after = form.stage2_prompt.split("{text}")
    tags = [f"<{slash}{tag}>" for _, tag in form.tags for slash in ("", "/")]
    return [form.prompt, before, after, *tags]


def make_tokenizer(
    corpus: Iterable[str], form: ChainFormat, vocabulary: int = 1200
) -> Qwen2Tokenizer:
    """Qwen's byte-level BPE trained on `corpus`, with `phrases(form)` as tokens of their own."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated")
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, level])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    made = Qwen2Tokenizer(
        vocab=model["vocab"],
        merges=[tuple(merge) for merge in model["merges"]],
        eos_token=TURN_END,
        pad_token=END,
        extra_special_tokens=SPECIAL,
    )
    made.add_tokens([AddedToken(text, normalized=False) for text in phrases(form)])
    made.chat_template = CHAT_TEMPLATE
    return made


def make_image_processor() -> Qwen2VLImageProcessorPil:
    """Qwen's image processor on Pillow, for pictures brought to 64 x 64 pixels."""
    return Qwen2VLImageProcessorPil(
        patch_size=PATCH,
        merge_size=MERGE,
        temporal_patch_size=FRAMES,
        min_pixels=SIDE * SIDE,
        max_pixels=SIDE * SIDE,
    )


def make_model(tokenizer: Qwen2Tokenizer, seed: int) -> Any:
    """The model with random weights from `seed`, its patch embedding as a cosine transform."""
    token = tokenizer.convert_tokens_to_ids
    half_head = HIDDEN // 4 // 2
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": HIDDEN,
            "intermediate_size": HIDDEN * 11 // 4,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 1024,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": _sections(half_head),
            },
            "bos_token_id": None,
            "eos_token_id": token(TURN_END),
            "pad_token_id": token(END),
        },
        vision_config={
            "depth": VISION_LAYERS,
            "hidden_size": VISION_HIDDEN,
            "intermediate_size": VISION_HIDDEN * 8 // 3,
            "num_heads": 4,
            "in_channels": 3,
            "patch_size": PATCH,
            "spatial_merge_size": MERGE,
            "temporal_patch_size": FRAMES,
            "window_size": SIDE * 2,
            "out_hidden_size": HIDDEN,
            "fullatt_block_indexes": list(range(VISION_LAYERS)),
        },
        image_token_id=token(IMAGE),
        video_token_id=token("<|video_pad|>"),
        vision_start_token_id=token("<|vision_start|>"),
        vision_end_token_id=token("<|vision_end|>"),
        tie_word_embeddings=True,
    )
    torch.manual_seed(seed)
    model = Qwen2_5_VLForConditionalGeneration(config)
    model.generation_config.eos_token_id = token(TURN_END)
    model.generation_config.pad_token_id = token(END)
    _see_frequencies(model.model.visual)
    return model


def _sections(half_head: int) -> list[int]:
    """Shares of a head's rotary frequencies for time, height and width; they sum to half a head."""
    side = half_head * 3 // 8
    return [half_head - 2 * side, side, side]


@torch.no_grad()
def _see_frequencies(vision: Any) -> None:
    """Start the patch embedding as a 2-D cosine transform and the first MLP as energy detectors.

    Blur, noise and blocks are statements about energy per frequency; from random filters a few
    hundred steps do not find them.
    """
    weight = vision.patch_embed.proj.weight
    filters = _cosine_filters(weight.shape[0])
    weight.mul_(0.02)
    weight[: len(filters)] = filters[:, :, None].expand(-1, -1, FRAMES, -1, -1) / FRAMES
    first = vision.blocks[0].mlp
    for unit in range(min(first.gate_proj.weight.shape[0], 2 * len(filters))):
        sign = 1.0 if unit % 2 == 0 else -1.0
        for projection in (first.gate_proj, first.up_proj):
            projection.weight[unit].mul_(0.1)
            projection.weight[unit, unit // 2] += sign


def _cosine_filters(count: int) -> torch.Tensor:
    """`count` filters (3, 8, 8): every luma frequency from low to high, then low chroma ones."""
    steps = torch.arange(PATCH) * 2 + 1
    waves = torch.cos(math.pi * steps * torch.arange(PATCH)[:, None] / (2 * PATCH))
    waves = waves * math.sqrt(2 / PATCH)
    waves[0] /= math.sqrt(2)
    order = sorted(((u, v) for u in range(PATCH) for v in range(PATCH)), key=lambda p: (sum(p), p))
    # The weights of luma and chroma, times the scale that CLIP's normalisation took out.
    luma = torch.tensor([0.30, 0.57, 0.12])
    chroma = torch.tensor([[-0.34, -0.64, 1.02], [1.0, -0.81, -0.17]])
    filters = []
    for u, v in order:
        # Natural pictures have less energy at high frequencies: bring all to one scale.
        gain = 2 / PATCH if u == v == 0 else 1.0 + 0.35 * (u + v)
        filters.append(gain * luma[:, None, None] * torch.outer(waves[u], waves[v]))
    for colour in chroma:
        filters += [colour[:, None, None] * torch.outer(waves[u], waves[v]) for u, v in order[:4]]
    return torch.stack(filters[:count])


def save(folder: Path, model: Any, tokenizer: Qwen2Tokenizer) -> None:
    """Write model, tokenizer, image processor and chat template where `from_pretrained` reads."""
    disable_progress_bar()  # progress goes through `say` alone
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    make_image_processor().save_pretrained(folder)
