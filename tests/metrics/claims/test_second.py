from pathlib import Path

import numpy as np
import pytest

from qreasoning.errors import DataError
from qreasoning.metrics.claims import SecondTier, compare, extract, load_second_tier
from qreasoning.metrics.claims.second import BUCKETS, CLASSES, features

SURE = ("artifacts", -1)


def _always_sure() -> SecondTier:
    weights = np.zeros((BUCKETS + 1, len(CLASSES)), dtype=np.float32)
    weights[-1, CLASSES.index(SURE)] = 9
    return SecondTier(weights, 0.5)


def test_second_tier_speaks_only_where_the_lexicon_is_silent() -> None:
    text = "It is sharp. The frobs wobble hither."
    first, second = extract(text, second=_always_sure())
    assert (first.dimension, first.tier) == ("sharpness", 1)
    assert (second.dimension, second.polarity, second.tier) == (*SURE, 2)
    assert text[slice(*second.span)] == "The frobs wobble hither"
    assert len(extract(text)) == 1


def test_second_tier_enters_a_comparison() -> None:
    silent = "The frobs wobble hither."
    assert compare(silent, "It has banding.", second=_always_sure()).supported == ("artifacts",)
    assert compare(silent, "It has banding.").coverage == 0


def test_shipped_tier_gives_probabilities_and_reads_its_training_texts() -> None:
    tier = load_second_tier()
    chances = tier.probabilities("fine grain and dots crawl all over the dark areas")
    assert chances.shape == (len(CLASSES),)
    assert chances.sum() == pytest.approx(1)
    assert CLASSES[int(chances.argmax())] == ("noise", -1)
    assert len(tier.sha256) == 64


def test_features_are_sorted_buckets_and_know_negation() -> None:
    plain, denied = features("it shows grain"), features("it never shows grain")
    assert (np.diff(plain) > 0).all()
    assert plain.max() < BUCKETS
    assert set(plain) != set(denied)
    assert len(features("")) == 0


def test_weights_that_cannot_be_used_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    np.savez(path, weights=np.zeros((2, 2)), threshold=np.array(0.5))
    for wrong in (path, tmp_path / "none.npz"):
        with pytest.raises(DataError, match=wrong.name):
            load_second_tier(wrong)
