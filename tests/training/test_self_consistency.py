"""Stage 2 from the caption alone: the expectation is the one a patient reader would compute."""

import pytest
import torch

from qreasoning.chain import Q_INSIGHT, Q_REASONING, Chain
from qreasoning.errors import SettingsError
from qreasoning.training.generate import complete, prompt_text
from qreasoning.training.model import load_model, load_processor
from qreasoning.training.rewards import cosine
from qreasoning.training.self_consistency import (
    ANSWER_TOKENS,
    SelfConsistencyReward,
    expected_ratings,
    generated_ratings,
)

CAPTIONS = [
    "A photo of a cat.",
    "A severely blurry photo of a brick wall.",
    "A clearly noisy photo of old coins, and then much more to say about them.",
]


@pytest.fixture(scope="module")
def model(base):
    return load_model(str(base), "cpu")


@pytest.fixture(scope="module")
def processor(base):
    return load_processor(str(base))


def _chances(model, processor, text):
    """The next-token probabilities after `text`, from one unpadded pass without a cache."""
    ids = processor.tokenizer(text, return_tensors="pt", add_special_tokens=False).input_ids
    with torch.no_grad():
        logits = model(input_ids=ids).logits[0, -1].double()
    digits = [processor.tokenizer(str(digit)).input_ids[0] for digit in range(10)]
    return logits[digits]


def _by_hand(model, processor, chain_format, caption):
    asked = prompt_text(processor, chain_format, chain_format.ask_again(caption), picture=False)
    before = asked + chain_format.before_rating
    first = _chances(model, processor, before)[1:6].softmax(-1)
    total = 0.0
    for digit in range(1, 6):
        tenths = _chances(model, processor, f"{before}{digit}.").softmax(-1)
        for tenth in range(10):
            rating = min(5.0, digit + tenth / 10 + 0.045)
            total += float(first[digit - 1] * tenths[tenth]) * rating
    return total


@pytest.mark.parametrize("chain_format", [Q_REASONING, Q_INSIGHT], ids=lambda f: f.name)
def test_expected_ratings_equal_a_sum_over_all_fifty_answers(model, processor, chain_format):
    values = expected_ratings(model, processor, chain_format, CAPTIONS)
    by_hand = [_by_hand(model, processor, chain_format, caption) for caption in CAPTIONS]
    assert values == pytest.approx(by_hand, abs=1e-4)


def test_expected_ratings_do_not_depend_on_the_batch(model, processor):
    together = expected_ratings(model, processor, Q_REASONING, CAPTIONS * 30)
    alone = [expected_ratings(model, processor, Q_REASONING, [c])[0] for c in CAPTIONS]
    assert together == pytest.approx(alone * 30, abs=1e-4)
    assert all(1 <= value <= 5 for value in together)


def test_generated_ratings_are_what_greedy_decoding_writes(model, processor):
    values = generated_ratings(model, processor, Q_REASONING, CAPTIONS)
    for caption, value in zip(CAPTIONS, values, strict=True):
        asked = prompt_text(processor, Q_REASONING, Q_REASONING.ask_again(caption), picture=False)
        (answer,) = complete(model, processor, [asked], None, ANSWER_TOKENS)
        parsed = Q_REASONING.parse_rating(answer)
        assert value == (parsed.chain.rating if parsed.ok else None)


def _reward(model, processor, threshold=1.5):
    reward = SelfConsistencyReward(Q_REASONING, threshold, "expect", processor)
    reward.policy = lambda: model
    return reward


def _completion(caption):
    return Q_REASONING.render(Chain(caption, "Because of that.", 3.0))


def test_self_consistency_reward_is_the_cosine_of_stage_2_less_mos(model, processor):
    (rating,) = expected_ratings(model, processor, Q_REASONING, CAPTIONS[:1])
    values = _reward(model, processor)(
        [_completion(CAPTIONS[0])] * 2 + ["unreadable", "unreadable", _completion(CAPTIONS[0])],
        mos=[rating, rating + 0.75, 3.0, None, None],
    )
    # 0.75 is half of the threshold: ½(1 + cos(π/2)) = ½.
    assert values == pytest.approx([1.0, 0.5, 0.0, None, None], abs=1e-4)
    assert cosine(0.75, 1.5) == pytest.approx(0.5)


@pytest.mark.parametrize("training", [True, False])
def test_self_consistency_reward_asks_in_eval_mode_and_restores_the_mode(
    model, processor, training
):
    model.train(training)
    modes = []
    hook = model.register_forward_pre_hook(lambda module, _: modes.append(module.training))
    _reward(model, processor)([_completion(CAPTIONS[0])], mos=[3.0])
    hook.remove()
    assert model.training is training
    assert modes == [False]  # the prompt and its five branches are one pass
    model.eval()


def test_self_consistency_reward_asks_each_distinct_caption_once(model, processor):
    sizes = []
    hook = model.register_forward_pre_hook(
        lambda _, __, inputs: sizes.append(len(inputs["input_ids"])), with_kwargs=True
    )
    _reward(model, processor)([_completion(c) for c in CAPTIONS * 4], mos=[3.0] * 12)
    hook.remove()
    assert sizes == [3]


def test_self_consistency_reward_with_nothing_readable_asks_nothing(processor):
    values = _reward(torch.nn.Identity(), processor)(["?", "?"], mos=[3.0, None])
    assert values == [0.0, None]


def test_self_consistency_reward_without_a_policy_is_an_error(processor):
    reward = SelfConsistencyReward(Q_REASONING, 1.0, "expect", processor)
    with pytest.raises(RuntimeError, match="policy"):
        reward([_completion(CAPTIONS[0])], mos=[3.0])


def test_expected_ratings_need_digits_that_are_tokens(model, processor):
    class Doubling:
        def __call__(self, text, **options):
            return processor.tokenizer(text * 2 if text == "0" else text, **options)

    class Processor:
        tokenizer = Doubling()
        apply_chat_template = processor.apply_chat_template

    with pytest.raises(SettingsError, match="stage2: generate"):
        expected_ratings(model, Processor(), Q_REASONING, CAPTIONS)
