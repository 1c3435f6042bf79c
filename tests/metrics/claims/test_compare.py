import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qreasoning.metrics.claims import compare, extract
from qreasoning.metrics.rouge import rouge1

GOLDEN = json.loads(Path(__file__).with_name("golden.json").read_text(encoding="utf-8"))
DATA = Path(__file__).parents[3] / "benchmarks" / "claims"
CHAINS = [json.loads(line) for line in (DATA / "chains.jsonl").read_text("utf-8").splitlines()]
TEXTS = st.sampled_from(
    [case["text"] for case in GOLDEN["extract"]] + [chain["chain"] for chain in CHAINS]
)
FIGURES = ("f1", "precision", "recall", "contradiction_rate", "coverage", "reference_coverage")


@pytest.mark.parametrize("case", GOLDEN["compare"], ids=lambda case: case["derivation"])
def test_compare_golden_case_has_its_figures(case: dict) -> None:
    found = compare(case["prediction"], case["references"])
    for name in ("f1", "contradiction_rate"):
        if name in case:
            assert getattr(found, name) == pytest.approx(case[name], abs=GOLDEN["tolerance"])


@settings(max_examples=60, deadline=None)
@given(st.one_of(TEXTS, st.text(max_size=80)))
def test_compare_text_with_itself_agrees_fully(text: str) -> None:
    found = compare(text, [text])
    assert found.contradicted == ()
    if extract(text):
        assert (found.f1, found.contradiction_rate, found.score) == (1.0, 0.0, 1.0)
    else:
        assert math.isnan(found.f1)
        assert math.isnan(found.contradiction_rate)
        assert found.score == 0.0


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.lists(TEXTS, min_size=1, max_size=4), st.randoms())
def test_compare_order_of_references_does_not_matter(prediction, references, random) -> None:
    shuffled = random.sample(references, len(references))
    one, other = compare(prediction, references), compare(prediction, shuffled)
    for name in FIGURES:
        assert getattr(one, name) == pytest.approx(getattr(other, name), nan_ok=True)
    assert (one.supported, one.contradicted, one.disputed) == (
        other.supported,
        other.contradicted,
        other.disputed,
    )


@settings(max_examples=80, deadline=None)
@given(TEXTS, st.lists(TEXTS, min_size=1, max_size=3))
def test_compare_figures_are_bounded_or_nan(prediction: str, references: list[str]) -> None:
    found = compare(prediction, references)
    for each in (found, *found.dimensions.values()):
        for name in FIGURES:
            value = getattr(each, name)
            assert math.isnan(value) or 0 <= value <= 1
    assert -1 <= found.score <= 1


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: chain["chain"][:30])
def test_compare_inverted_chain_contradicts_while_rouge_stays_high(chain: dict) -> None:
    found = compare(chain["inverted"], chain["chain"])
    overlap = rouge1([chain["inverted"]], [chain["chain"]], stem=True).fmeasure[0]
    assert found.contradiction_rate >= 0.8
    assert overlap >= 0.8
    assert compare(chain["chain"], chain["chain"]).contradiction_rate == 0


def test_compare_disputed_dimension_is_left_out() -> None:
    found = compare("It is noisy.", ["It is noisy and sharp.", "It is free of noise and sharp."])
    assert found.disputed == ("noise",)
    assert found.missed == ("sharpness",)
    assert math.isnan(found.precision)


def test_compare_contradicted_by_all_counts_once() -> None:
    found = compare("It is blurry.", ["It is sharp.", "Tack-sharp."])
    assert found.contradicted == ("sharpness",)
    assert found.contradiction_rate == 1.0
    assert found.dimensions["sharpness"].contradiction_rate == 1.0
    assert math.isnan(found.dimensions["noise"].contradiction_rate)


def test_compare_blurred_background_does_not_contradict_a_sharp_subject() -> None:
    found = compare("The face is sharp, the background is blurred.", ["The face is crisp."])
    assert found.contradicted == ()
    assert found.recall == 1.0


def test_compare_places_swapped_contradict() -> None:
    reference = "The foreground is too dark, although the sky is well exposed."
    swapped = "The foreground is well exposed, although the sky is too dark."
    assert compare(swapped, reference).score < 0 < compare(reference, reference).score


def test_compare_silent_prediction_has_no_coverage() -> None:
    found = compare("Two dogs.", ["It is sharp.", "Two dogs run."])
    assert (found.coverage, found.reference_coverage, found.recall) == (0.0, 0.5, 0.0)
    assert math.isnan(found.precision)


def test_compare_without_references_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one reference"):
        compare("It is sharp.", [])
