from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from qreasoning.analysis.measure import texts_of
from qreasoning.analysis.statements import claim_measures, others_of
from qreasoning.metrics import claims

Make = Callable[..., Any]
SHARP, BLURRY = "The picture is very sharp.", "The picture is very blurry."
DARK, BRIGHT = "It is far too dark.", "It is well exposed."


def _measures(pictures: Any, answers: Any) -> tuple[dict[str, Any], Any]:
    found = claim_measures(texts_of(answers, pictures, None), claims.compare)
    return {each.name: each for each in found.measures}, found


def _at(pictures: Any, number: int) -> int:
    return [row["name"] for row in pictures.rows].index(f"p{number}.png")


def test_claims_opposite_of_people_contradict_and_same_agree(answer: Make) -> None:
    pictures, answers = answer((1.0, [SHARP], BLURRY, 1.0), (2.0, [SHARP], SHARP, 1.0))
    found, statements = _measures(pictures, answers)
    wrong, right = _at(pictures, 0), _at(pictures, 1)
    assert found["contradiction_rate"].values[wrong, 0] == 1
    assert found["contradiction_rate"].values[right, 0] == 0
    assert found["claim_f1"].values[[wrong, right], 0] == pytest.approx([0, 1])
    assert statements.contradicted[0][wrong] == ("sharpness",)
    place = statements.dimensions.index("sharpness")
    assert statements.per_dimension[place, 1, wrong, 0] == 1
    assert np.isnan(statements.per_dimension[statements.dimensions.index("noise")]).all()


def test_claims_ceiling_and_values_are_on_the_same_groups_of_people(answer: Make) -> None:
    pictures, answers = answer((1.0, [SHARP, SHARP, BLURRY], SHARP, 1.0))
    found, _ = _measures(pictures, answers)
    f1 = found["claim_f1"]
    # Without either who says sharp, the other two dispute it: nothing is left to agree with, so the
    # prediction's own claim is disputed too. Without the one who says blurry, all agree.
    one_left_out = [
        claims.compare(SHARP, pair).f1
        for pair in ([SHARP, BLURRY], [SHARP, BLURRY], [SHARP, SHARP])
    ]
    assert np.array_equal(f1.dropped[0, 0], one_left_out, equal_nan=True)
    assert f1.comparable[0, 0] == pytest.approx(np.nanmean(one_left_out))
    people = [
        claims.compare(SHARP, [SHARP, BLURRY]).f1,
        claims.compare(SHARP, [SHARP, BLURRY]).f1,
        claims.compare(BLURRY, [SHARP, SHARP]).f1,
    ]
    assert f1.ceiling[0] == pytest.approx(np.nanmean(people))


def test_claims_floor_is_against_other_pictures_only(answer: Make) -> None:
    pictures, answers = answer((1.0, [SHARP], SHARP, 1.0), (2.0, [BLURRY], BLURRY, 1.0))
    found, _ = _measures(pictures, answers)
    assert found["contradiction_rate"].floor[:, 0].tolist() == [1, 1]
    assert found["contradiction_rate"].values[:, 0].tolist() == [0, 0]


def test_claims_silence_is_no_agreement_and_is_seen_in_the_coverage(answer: Make) -> None:
    pictures, answers = answer((1.0, [DARK], "A man and a dog.", 1.0), (2.0, [DARK], BRIGHT, None))
    found, _ = _measures(pictures, answers)
    assert found["claim_coverage"].values[:, 0].tolist() == [0, 0]
    assert found["claim_f1"].values[:, 0].tolist() == [0, 0]


def test_others_are_explained_pictures_and_never_the_same() -> None:
    explained = np.array([True, False, True, True, True, True, True])
    found = others_of(explained, 3)
    assert found[1] == []
    for place in np.flatnonzero(explained):
        assert len(set(found[place])) == 3 and place not in found[place] and 1 not in found[place]
    assert others_of(np.array([True, True, False]), 3) == [[1], [0], []]
    assert others_of(np.array([True]), 3) == [[]]
