"""The one reward that needs the policy: does the caption alone lead to the same rating?

Stage 2 shows the model the caption that stage 1 wrote, without the picture, and reads its rating:
by expectation over the logits of one prefill pass, or by greedy generation.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import torch

from qreasoning.chain import RATING_MAX, ChainFormat
from qreasoning.errors import SettingsError
from qreasoning.training.generate import complete, prompt_text
from qreasoning.training.packing import visible
from qreasoning.training.rewards import Completion, read, score_ratings

ANSWER_TOKENS = 24
"""A stage-2 answer is a number in a tag; what is longer is no answer."""
CHUNK = 64
"""Captions per forward pass."""


class SelfConsistencyReward:
    """`cosine` of stage 2's rating − MOS, with the policy as it is at that moment.

    `policy` returns the model to ask, unwrapped; the trainer that owns it does not exist yet when
    its rewards are made, so it is set afterwards.
    """

    __name__ = "self_consistency"

    def __init__(
        self,
        chain_format: ChainFormat,
        threshold: float,
        mode: Literal["expect", "generate"],
        processor: Any,
    ) -> None:
        self.chain_format = chain_format
        self.threshold = threshold
        self.rate = expected_ratings if mode == "expect" else generated_ratings
        self.processor = processor
        self.policy: Callable[[], Any] | None = None

    def __call__(
        self, completions: Sequence[Completion], *, mos: Sequence[float | None], **_: Any
    ) -> list[float | None]:
        """One value per completion; None without a MOS. Raises RuntimeError without a policy."""
        if self.policy is None:
            raise RuntimeError("the policy was not set before the first reward")
        parsed = read(self.chain_format, completions)
        texts = [self.chain_format.stage2_input(each.chain) if each.ok else None for each in parsed]
        distinct = sorted({text for text in texts if text is not None})
        model = self.policy()
        with _evaluating(model):
            ratings = self.rate(model, self.processor, self.chain_format, distinct)
        rated = dict(zip(distinct, ratings, strict=True))
        found = [None if text is None else rated[text] for text in texts]
        return score_ratings(found, mos, self.threshold)


@contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


def generated_ratings(
    model: Any, processor: Any, chain_format: ChainFormat, texts: Sequence[str]
) -> list[float | None]:
    """Stage-2 ratings by greedy generation; None where the answer cannot be read."""
    prompts = [_prompt(processor, chain_format, text) for text in texts]
    answers = [
        answer
        for start in range(0, len(prompts), CHUNK)
        for answer in complete(
            model, processor, prompts[start : start + CHUNK], None, ANSWER_TOKENS
        )
    ]
    parsed = [chain_format.parse_rating(answer) for answer in answers]
    return [each.chain.rating if each.ok else None for each in parsed]


def expected_ratings(
    model: Any, processor: Any, chain_format: ChainFormat, texts: Sequence[str]
) -> list[float | None]:
    """Stage-2 ratings as expectations over the answer's first digit and its tenths.

    One pass over the prompt with everything before the rating, followed by five branches, each a
    digit and its point that see the prompt and themselves: the logits before the branches give the
    chances of the digits 1 to 5, those of each point the chances of its tenths. Hundredths are
    taken at their mean, 5.00 being the end of the scale. Source: our reading of H-IQA's stage 2,
    cheaper than generating it.
    """
    prompts = [_prompt(processor, chain_format, t) + chain_format.before_rating for t in texts]
    values: list[float | None] = []
    for start in range(0, len(prompts), CHUNK):
        values += _expect(model, processor.tokenizer, prompts[start : start + CHUNK])
    return values


def _prompt(processor: Any, chain_format: ChainFormat, text: str) -> str:
    return prompt_text(processor, chain_format, chain_format.ask_again(text), picture=False)


@torch.no_grad()
def _expect(model: Any, tokenizer: Any, prompts: list[str]) -> list[float]:
    digits = torch.tensor([_token(tokenizer, str(digit)) for digit in range(10)])
    point = torch.tensor(_token(tokenizer, "."))
    branches = torch.stack([digits[1:6], point.expand(5)], dim=1).flatten()
    inputs = tokenizer(
        prompts, add_special_tokens=False, padding=True, padding_side="left", return_tensors="pt"
    )
    mask = inputs["attention_mask"]
    length = mask.shape[1]
    # Explicit positions: every branch stands where the rating does, and padding counts nothing.
    after = mask.sum(1, keepdim=True) + torch.arange(2).repeat(5)
    positions = torch.cat([(mask.cumsum(-1) - 1).clamp(min=0), after], dim=1)
    logits = model(
        input_ids=torch.cat([inputs["input_ids"], branches.expand(len(prompts), -1)], dim=1).to(
            model.device
        ),
        attention_mask=(~visible(mask, 5, 2) * -1e4).to(model.device, model.dtype),
        position_ids=positions.to(model.device),
        use_cache=False,
        # The last token of the prompt, and the five points.
        logits_to_keep=torch.arange(length - 1, length + len(branches), 2).to(model.device),
    ).logits.float()
    chosen = digits.to(model.device)
    first = logits[:, 0, chosen[1:6]].softmax(-1)
    tenths = logits[:, 1:, chosen].softmax(-1)
    expected = (first[:, :, None] * tenths * _grid().to(first)).sum((1, 2))
    return [float(value) for value in expected]


def _grid() -> torch.Tensor:
    """(5, 10) ratings for first digit and tenth, hundredths at their mean, none above 5."""
    grid = torch.arange(1.0, 6.0)[:, None] + (torch.arange(10.0)[None] + 0.45) / 10
    return grid.clamp(max=RATING_MAX)


def _token(tokenizer: Any, character: str) -> int:
    ids = tokenizer(character, add_special_tokens=False).input_ids
    if len(ids) != 1:
        raise SettingsError(
            f"The model's tokenizer does not write '{character}' as one token, so stage 2 cannot "
            "be read from the logits. Set 'stage2: generate' in the recipe."
        )
    return int(ids[0])
