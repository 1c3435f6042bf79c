"""The base model of demo and tests: a tiny model that has learned to see and to write chains.

Two steps. The vision tower learns MOS, distortion and strength from mean-pooled features: from
random weights the language model would ignore the picture. Then, the tower frozen, the language
model learns chains in four styles and to rate a caption alone. Pictures come from the training
regions only. The result is cached under a hash of everything it depends on.
"""

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from transformers.models.qwen2.tokenization_qwen2 import Qwen2Tokenizer as Tokenizer

from qreasoning.chain import FORMATS, ChainFormat
from qreasoning.files import make_folder
from qreasoning.simulation import tiny
from qreasoning.simulation.annotators import STYLES
from qreasoning.simulation.distortions import DISTORTIONS
from qreasoning.simulation.lessons import batch, chain_lesson, chain_text, grid, rating_lesson
from qreasoning.simulation.photographs import Scene, draw_scenes, picture

Say = Callable[[str], None]
PICTURE_SEED = 1_000_003
"""Seed of the warm-up's scenes, far from the small seeds that studies use."""


@dataclass(frozen=True)
class WarmUp:
    """How the base is made; the defaults take about four minutes on two cores.

    `styles` are the shares of the writing styles, in the order of `STYLES`; `alone` is the share
    of captions that are rated without their picture; `format` is the one that it writes.
    """

    pictures: int = 8000
    vision_steps: int = 500
    vision_batch: int = 48
    text_steps: int = 500
    text_batch: int = 32
    styles: tuple[float, float, float, float] = (0.2, 0.4, 0.35, 0.05)
    alone: float = 0.25
    seed: int = 0
    format: str = "q-reasoning"

    @property
    def chain_format(self) -> ChainFormat:
        """The format object."""
        return FORMATS[self.format]


def ensure_base(cache: Path, say: Say = lambda _: None, warm_up: WarmUp = WarmUp()) -> Path:
    """The folder of the warmed-up tiny model in `cache`, made first if it is not there.

    Returns `cache/tiny-simulated-<hash>`; the folder appears whole or not at all.
    """
    folder = cache / f"tiny-simulated-{fingerprint(warm_up)}"
    if not folder.is_dir():
        say(f"building the tiny base model ({folder.name})")
        _make(folder, warm_up, say)
    return folder


def _make(folder: Path, warm_up: WarmUp, say: Say) -> None:
    try:
        make_folder(folder, lambda draft: _build(draft, warm_up, say))
    except OSError:
        # Another process that made the same model may have been faster.
        if not folder.is_dir():
            raise


def fingerprint(warm_up: WarmUp) -> str:
    """12 hexadecimal digits over the settings, the simulation's sources and the prompts."""
    sources = [each.read_text("utf-8") for each in sorted(Path(__file__).parent.glob("*.py"))]
    form = warm_up.chain_format
    facts = [asdict(warm_up), sources, form.prompt, form.stage2_prompt]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]


def _build(folder: Path, warm_up: WarmUp, say: Say) -> None:
    scenes = draw_scenes(warm_up.pictures, "train", PICTURE_SEED + warm_up.seed)
    form = warm_up.chain_format
    tokenizer = tiny.make_tokenizer(_corpus(scenes[:1000], form), form)
    with torch.random.fork_rng(devices=[]):
        model = tiny.make_model(tokenizer, warm_up.seed)
        pixels = _pixels(scenes)
        _learn_to_see(model, scenes, pixels, warm_up, say)
        _learn_to_write(model, tokenizer, scenes, pixels, warm_up, say)
    tiny.save(folder, model, tokenizer)


def _corpus(scenes: Sequence[Scene], form: ChainFormat) -> list[str]:
    random = Random(5)
    texts = [chain_text(scene, style, form, random) for scene in scenes for style in STYLES]
    return [*texts, "user\n", "assistant\n"]


def _pixels(scenes: Sequence[Scene]) -> torch.Tensor:
    """Patches of every scene, (scenes, patches, values); in half precision, to fit in memory."""
    processor = tiny.make_image_processor()
    chunks = []
    for start in range(0, len(scenes), 200):
        pictures = [picture(scene, tiny.SIDE) for scene in scenes[start : start + 200]]
        values = processor(pictures, return_tensors="pt")["pixel_values"]
        chunks.append(values.view(len(pictures), -1, values.shape[-1]).half())
    return torch.cat(chunks)


def _learn_to_see(
    model: Any, scenes: Sequence[Scene], pixels: torch.Tensor, warm_up: WarmUp, say: Say
) -> None:
    vision = model.model.visual
    head = torch.nn.Linear(tiny.HIDDEN, 2 + len(DISTORTIONS))
    mos = torch.tensor([scene.mos for scene in scenes])
    strength = torch.tensor([scene.strength for scene in scenes])
    kind = torch.tensor([DISTORTIONS.index(scene.distortion) for scene in scenes])
    weights = [*vision.parameters(), *head.parameters()]
    advance = _optimiser(weights, rate=2e-3, steps=warm_up.vision_steps)
    for step in range(warm_up.vision_steps):
        chosen = torch.randint(len(scenes), (warm_up.vision_batch,))
        seen = vision(pixels[chosen].flatten(0, 1).float(), grid(len(chosen))).pooler_output
        guess = head(seen.view(len(chosen), -1, tiny.HIDDEN).mean(1))
        loss = (
            (guess[:, 0] + 3 - mos[chosen]).square().mean()
            + (guess[:, 1] - strength[chosen]).square().mean()
            + torch.nn.functional.cross_entropy(guess[:, 2:], kind[chosen])
        )
        advance(loss)
        _report(say, "seeing", step, warm_up.vision_steps, loss)


def _learn_to_write(
    model: Any,
    tokenizer: Tokenizer,
    scenes: Sequence[Scene],
    pixels: torch.Tensor,
    warm_up: WarmUp,
    say: Say,
) -> None:
    model.model.visual.requires_grad_(False)
    form = warm_up.chain_format
    random = Random(warm_up.seed)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    advance = _optimiser(weights, rate=3e-3, steps=warm_up.text_steps)
    model.train()
    for step in range(warm_up.text_steps):
        lessons, chosen = [], []
        for _ in range(warm_up.text_batch):
            number = random.randrange(len(scenes))
            style = random.choices(STYLES, warm_up.styles)[0]
            if random.random() < warm_up.alone:
                lessons.append(rating_lesson(tokenizer, scenes[number], style, form, random))
            else:
                lessons.append(chain_lesson(tokenizer, scenes[number], style, form, random))
                chosen.append(number)
        loss = model(**batch(tokenizer, lessons, pixels[chosen])).loss
        advance(loss)
        _report(say, "writing", step, warm_up.text_steps, loss)
    model.requires_grad_(True)


def _optimiser(
    weights: list[torch.nn.Parameter], rate: float, steps: int
) -> Callable[[torch.Tensor], None]:
    """A function that takes one AdamW step down a loss; the rate rises, then falls to 5 %."""
    optimiser = torch.optim.AdamW(weights, lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser,
        lambda step: min(1.0, (step + 1) / 30) * (0.525 + 0.475 * math.cos(math.pi * step / steps)),
    )

    def advance(loss: torch.Tensor) -> None:
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        schedule.step()

    return advance


def _report(say: Say, what: str, step: int, steps: int, loss: torch.Tensor) -> None:
    if (step + 1) % 50 == 0 or step + 1 == steps:
        say(f"tiny base model: {what}, step {step + 1} of {steps}, loss {loss.item():.3f}")
