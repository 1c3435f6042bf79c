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

    The prompt with everything before the rating is prefilled once; the logits give the chances of
    the digits 1 to 5. Five branches, one per digit and its point, continue the cached prefix and
    give the chances of the tenths. Hundredths are taken at their mean, 5.00 being the end of the
    scale. Source: our reading of H-IQA's stage 2, cheaper than generating it.
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
    digits = digits.to(model.device)
    point = torch.full((5,), _token(tokenizer, "."), device=model.device)
    inputs = tokenizer(
        prompts, add_special_tokens=False, padding=True, padding_side="left", return_tensors="pt"
    ).to(model.device)
    mask = inputs["attention_mask"]
    # Explicit positions: by itself the model counts padding in a forward pass.
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    prefix = model(
        input_ids=inputs["input_ids"],
        attention_mask=mask,
        position_ids=positions,
        use_cache=True,
        logits_to_keep=1,
    )
    first = prefix.logits[:, -1, digits[1:6]].float().softmax(-1)
    cached = prefix.past_key_values
    cached.batch_repeat_interleave(5)
    branches = torch.stack([digits[1:6], point], dim=1).repeat(len(prompts), 1)
    branch_positions = mask.sum(1).repeat_interleave(5)[:, None] + torch.arange(2).to(mask)
    branch = model(
        input_ids=branches,
        attention_mask=torch.cat([mask.repeat_interleave(5, 0), torch.ones_like(branches)], dim=1),
        position_ids=branch_positions,
        past_key_values=cached,
        logits_to_keep=1,
    )
    tenths = branch.logits[:, -1, digits].float().softmax(-1).view(len(prompts), 5, 10)
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
