from collections.abc import Callable
from typing import Any

import pytest

from qreasoning.analysis.findings import analyse
from qreasoning.analysis.gallery import cards, choose
from qreasoning.analysis.options import ReportSettings
from qreasoning.metrics import claims

Make = Callable[..., Any]
SHARP, BLURRY = "The picture is very sharp.", "The picture is very blurry."


@pytest.fixture
def findings(answer: Make) -> Any:
    """Ten pictures that people call sharp; the model calls the third and the eighth blurry."""
    given = [
        (1 + n / 3, [SHARP], BLURRY if n in (2, 7) else SHARP, None if n == 4 else 3.0)
        for n in range(10)
    ]
    pictures, answers = answer(*given)
    settings = ReportSettings(replicates=200)
    return analyse(answers, pictures, {}, [], settings, compare=claims.compare, meanings=None)


def test_choose_takes_contradictions_first_then_spreads_over_the_mos(findings: Any) -> None:
    names = [findings.pictures.rows[place]["name"] for place in choose(findings, 5)]
    assert set(names[:2]) == {"p2.png", "p7.png"}
    assert names[2] == "p0.png" and names[-1] == "p9.png" and len(set(names)) == 5
    assert len(choose(findings, 60)) == 10 and choose(findings, 0) == []


def test_cards_mark_claims_and_name_contradictions(findings: Any) -> None:
    chosen = choose(findings, 10)
    found = {each["name"]: each for each in cards(findings, chosen, {}, claims.extract)}
    wrong, right, unread = (found[f"p{n}.png"] for n in (2, 0, 4))
    [model] = wrong["models"]
    assert model["contradicted"] == ["sharpness"]
    assert [p.polarity for p in model["caption"] if p.polarity is not None] == [-1]
    assert [p.polarity for p in wrong["humans"][0]["caption"] if p.polarity is not None] == [1]
    assert right["models"][0]["contradicted"] == [] and right["models"][0]["raw"] == ""
    assert unread["models"][0]["status"] == "missing rating"
    assert unread["models"][0]["raw"] == "raw text" and unread["models"][0]["caption"] == []
    assert wrong["thumbnail"] is None
