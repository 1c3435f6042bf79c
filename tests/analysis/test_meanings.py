from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from qreasoning.analysis.meanings import LABELS, meaning_measures
from qreasoning.analysis.measure import texts_of

Make = Callable[..., Any]


def _pairs(said: Sequence[str], humans: Sequence[str]) -> dict[str, np.ndarray]:
    """Stands for a neural model: 1 for the same text, 0.5 for the same first letter, else 0."""
    values = [
        1.0 if one == other else 0.5 if one[:1] == other[:1] else 0.0
        for one, other in zip(said, humans, strict=True)
    ]
    return dict.fromkeys(LABELS, np.array(values))


def test_meanings_put_every_pair_where_it_belongs(answer: Make) -> None:
    pictures, answers = answer(
        (1.0, ["alpha", "axe", "beta"], "alpha", 3.0),
        (2.0, ["beta"], "zebra", 3.0),
        (3.0, [], "x", 1.0),
    )
    texts = texts_of(answers, pictures, (pictures.humans.index(("beta",)), 0))
    found = {each.name: each for each in meaning_measures(texts, _pairs)}
    assert set(found) == {"bertscore_p", "bertscore_r", "bertscore_f", "cosine"}
    score = found["bertscore_f"]
    one, two = pictures.humans.index(("alpha", "axe", "beta")), pictures.humans.index(("beta",))
    [three] = {0, 1, 2} - {one, two}
    assert score.values[one, 0] == pytest.approx((1 + 0.5 + 0) / 3)
    assert score.dropped[one, 0] == pytest.approx([0.25, 0.5, 0.75])
    # alpha and axe share a letter, beta shares none: means 0.25, 0.25 and 0.
    assert score.ceiling[one] == pytest.approx(1 / 6)
    assert np.isnan(score.ceiling[two]) and np.isnan(score.values[three, 0])
    # Against the one other picture that was explained.
    assert score.floor[one, 0] == 0 and score.floor[two, 0] == 0
    assert score.fixed[one] == pytest.approx(1 / 3) and np.isnan(score.fixed[two])
