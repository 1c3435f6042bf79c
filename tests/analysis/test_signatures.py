from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from qreasoning.analysis.measure import texts_of
from qreasoning.analysis.options import Thresholds
from qreasoning.analysis.pictures import answers_of, pictures_of
from qreasoning.analysis.ratings import correlations
from qreasoning.analysis.signatures import (
    Signature,
    checkpoints,
    collapse,
    imitation,
    lengths,
    repeats,
    signatures,
    unreadable,
)
from qreasoning.analysis.standing import standings
from qreasoning.analysis.words import rouge_measures

Make = Callable[..., Any]


@pytest.fixture
def two_models(picture: Make, prediction: Make) -> Any:
    """Two models on 40 pictures: `late` has people's words, `early` their order of the pictures."""
    numbers = np.random.default_rng(0)
    rows = [picture(n, 1 + n / 10, (f"the cat number {n}", "is sharp")) for n in range(40)]
    pictures = pictures_of("test", rows)
    answers = []
    for model, text, spread in (("early", "a dog", 0.1), ("late", "the cat is sharp", 3.0)):
        said = []
        for row in rows:
            rating = float(np.clip(row["mos"] + numbers.normal(0, spread), 1, 5))
            said.append(prediction(row, rating, (text, "")))
            said.append(prediction(row, float(numbers.uniform(1, 5)), condition="caption"))
        answers += answers_of(model, pictures, said)
    return pictures, answers


def _parts(two_models: Any) -> Any:
    pictures, answers = two_models
    image = [each for each in answers if each.condition == "image"]
    [rouge, *_] = standings(rouge_measures(texts_of(image, pictures, None)), 400)
    return rouge, correlations(answers, pictures, 400)["koniq"]


def test_imitation_words_up_and_order_down_is_a_yes(two_models: Any) -> None:
    rouge, correlated = _parts(two_models)
    found = imitation(["early", "late"], rouge, correlated, None)
    assert found.present is True
    [line] = found.numbers
    assert line.startswith("from early to late: ROUGE-1 +")
    assert imitation(["early", "late"], rouge, correlated, "early").present is True
    assert imitation(["early", "late"], rouge, correlated, "late").present is False


def test_imitation_is_between_checkpoints_of_one_recipe_or_from_the_baseline() -> None:
    models = ["r-002", "large", "r-001", "s-001", "r-010"]
    pairs = [("r-001", "r-002"), ("r-001", "r-010"), ("r-002", "r-010")]
    assert checkpoints(models, None) == pairs
    assert checkpoints(["a", "b"], None) == [("a", "b"), ("b", "a")]
    assert checkpoints(["a", "b", "c"], None) == []
    assert checkpoints(["a", "b", "c"], "b") == [("b", "a"), ("b", "c")]


def test_imitation_needs_two_models(two_models: Any) -> None:
    rouge, correlated = _parts(two_models)
    assert imitation(["early"], rouge, correlated, None).present is None
    assert imitation(["early", "late"], None, correlated, None).present is None


def test_collapse_of_the_caption_condition_is_told_per_model(two_models: Any) -> None:
    _, correlated = _parts(two_models)
    found = collapse(correlated, 0.5)
    assert found.present is True
    assert found.numbers[0].startswith("early: ") and found.numbers[0].endswith("— collapsed")
    assert collapse(None, 0.5).present is None


def test_unreadable_names_every_kind(picture: Make, prediction: Make) -> None:
    pictures = pictures_of("test", [picture(n, 3.0) for n in range(10)])
    kinds = ["ok"] * 7 + ["bad rating", "missing rating", "bad rating"]
    said = [prediction(r, 3.0, status=k) for r, k in zip(pictures.rows, kinds, strict=True)]
    answers = answers_of("m", pictures, said)
    found = unreadable(answers, 0.02)
    assert found.present is True
    assert found.numbers == (
        "m, image condition: 30.0\N{NO-BREAK SPACE}% (bad rating 2, missing rating 1)",
    )
    assert unreadable(answers, 0.3).present is False
    assert unreadable([], 0.02).numbers == ("Every completion was read.",)


def test_lengths_are_words_over_peoples_words(answer: Make) -> None:
    pictures, answers = answer((3.0, ["one two three four"], "one", 3.0))
    found = lengths(answers, pictures, 1.5)
    assert found.present is True
    assert found.numbers == ("m: 0.25 (1 words against 4) — off",)
    assert lengths(answers, pictures, 5.0).present is False
    assert lengths([], pictures, 1.5).present is None


def test_repeats_count_texts_of_several_pictures_and_compare_with_people(answer: Make) -> None:
    rows = [
        (3.0, [f"human {n}"], "A plain PICTURE." if n % 2 else f"text {n}", 3.0) for n in range(8)
    ]
    pictures, answers = answer(*rows)
    found = repeats(answers, pictures, 0.05)
    assert found.present is True
    assert found.numbers == (
        "m: 50.0\N{NO-BREAK SPACE}% — repeats itself",
        "people: 0.0\N{NO-BREAK SPACE}%",
    )
    # People who repeat themselves as often are no reason to blame the model.
    pictures, answers = answer(*((3.0, ["same"], "same", 3.0) for _ in range(4)))
    assert repeats(answers, pictures, 0.05).present is False


def test_signatures_answer_every_question(two_models: Any) -> None:
    pictures, answers = two_models
    rouge, correlated = _parts(two_models)
    found = signatures(answers, pictures, rouge, correlated, None, Thresholds())
    assert len(found) == 5 and all(isinstance(each, Signature) for each in found)
    assert {each.present for each in found} <= {True, False}
