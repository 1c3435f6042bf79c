from pathlib import Path

import numpy as np
import pytest

from qreasoning.errors import DataError, SettingsError
from qreasoning.metrics.claims import SecondTier, compare, extract, load_second_tier, second
from qreasoning.metrics.claims.second import NAMES, WIDTH

BAD = 1


def _always_sure() -> SecondTier:
    weights = np.zeros((WIDTH + 1, len(NAMES), 4), dtype=np.float32)
    weights[-1, :, 0] = 9
    weights[-1, NAMES.index("artifacts")] = [0, 9, 0, 0]
    return SecondTier(weights, 0.5)


def test_second_tier_speaks_only_of_what_the_lexicon_is_silent_on() -> None:
    text = "It is sharp. The frobs wobble hither."
    first, other = sorted(extract(text, second=_always_sure()), key=lambda each: each.tier)
    assert (first.dimension, first.tier) == ("sharpness", 1)
    assert (other.dimension, other.polarity, other.tier) == ("artifacts", -1, 2)
    assert text[slice(*other.span)] == "It is sharp"  # Both are as sure: the first.
    assert len(extract(text)) == 1
    assert [each.tier for each in extract("It has banding.", second=_always_sure())] == [1]


def test_second_tier_enters_a_comparison() -> None:
    silent = "The frobs wobble hither."
    assert compare(silent, "It has banding.", second=_always_sure()).supported == ("artifacts",)
    assert compare(silent, "It has banding.").coverage == 0


def test_shipped_tier_gives_probabilities_and_reads_what_no_word_list_holds() -> None:
    tier = load_second_tier()
    chances = tier.probabilities("a thick soup of coloured grain crawls over every dark wall")
    assert chances.shape == (len(NAMES), 4)
    assert chances.sum(axis=1) == pytest.approx(np.ones(len(NAMES)))
    assert int(chances[NAMES.index("noise"), 1:].argmax()) + 1 == BAD
    assert chances[NAMES.index("noise"), 0] < 0.5 < chances[NAMES.index("composition"), 0]
    assert len(tier.sha256) == 64


def test_second_tier_claims_nothing_of_a_caption() -> None:
    assert extract("A man and two dogs on a beach.", second=load_second_tier()) == ()


def test_weights_that_cannot_be_used_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    np.savez(path, weights=np.zeros((2, 2)), threshold=np.array(0.5), encoder=np.array("x"))
    for wrong in (path, tmp_path / "none.npz"):
        with pytest.raises(DataError, match=wrong.name):
            load_second_tier(wrong)


def test_weights_for_another_encoder_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    weights = np.zeros((WIDTH + 1, len(NAMES), 4))
    np.savez(path, weights=weights, threshold=np.array(0.5), encoder=np.array("x"))
    with pytest.raises(DataError, match="another encoder"):
        load_second_tier(path)


def test_second_tier_without_its_encoder_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(second, "PACKAGE", "no_such_package")
    with pytest.raises(SettingsError, match="pip install"):
        second.minilm()
