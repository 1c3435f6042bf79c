import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qreasoning.metrics.claims import DIMENSIONS, extract, stances

GOLDEN = json.loads(Path(__file__).with_name("golden.json").read_text(encoding="utf-8"))
WORDS = [
    *(
        "no",
        "not",
        "without",
        "and",
        "or",
        ",",
        ".",
        "is",
        "the",
        "image",
        "noise",
        "sharp",
        "lacks",
    ),
    *(
        "contrast",
        "could",
        "be",
        "sharper",
        "too",
        "dark",
        "every",
        "hair",
        "visible",
        "5",
        "neither",
    ),
    *("nor", "than", "less", "of", "free", "blurred", "background", "if", "it", "'s", "n't", "?"),
]
SENTENCES = st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join)
ASIDES = (
    "A man walks along the river.",
    "Two children hold a kite.",
    "It was taken in Lisbon on a Tuesday.",
)


@pytest.mark.parametrize("case", GOLDEN["extract"], ids=lambda case: case["text"][:40])
def test_extract_golden_case_has_the_polarity_of_each_dimension(case: dict) -> None:
    found = stances(case["text"])
    assert {name: stance.polarity for name, stance in found.items()} == case["polarity"]
    for name, mode in case.get("mode", {}).items():
        assert found[name].mode == mode


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=200), SENTENCES))
def test_extract_any_text_gives_claims_within_bounds_and_text(text: str) -> None:
    for claim in extract(text):
        start, end = claim.span
        assert 0 <= start < end <= len(text)
        assert text[start:end].strip()
        assert claim.dimension in DIMENSIONS
        assert -3 <= claim.value <= 3
        assert claim.polarity == (claim.value > 0) - (claim.value < 0)
        assert claim.locus in ("image", "subject", "background")
        assert claim.mode in ("", "under", "over")
        assert claim.tier == 1


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([case["text"] for case in GOLDEN["extract"] if case["polarity"]]),
    st.sampled_from(ASIDES),
    st.booleans(),
)
def test_extract_unrelated_sentence_flips_no_polarity(text: str, aside: str, before: bool) -> None:
    closed = text.rstrip(".") + "."
    together = f"{aside} {closed}" if before else f"{closed} {aside}"
    expected = {name: stance.polarity for name, stance in stances(text).items()}
    assert {name: stance.polarity for name, stance in stances(together).items()} == expected


def test_extract_span_is_the_words_of_the_claim() -> None:
    (claim,) = extract("One sees: the sky is not too dark.")
    assert "not too dark" in "One sees: the sky is not too dark."[slice(*claim.span)]


def test_extract_british_spelling_reads_as_american() -> None:
    british = extract("The colours are greyish and JPEG artefacts are visible.")
    american = extract("The colors are grayish and JPEG artifacts are visible.")
    assert [claim[:2] for claim in british] == [claim[:2] for claim in american]
    assert len(british) == 2


@pytest.mark.parametrize(
    "piece", ["no ", "sharp ", "noise ", ", ", "not sharp, ", "noise and ", "a"]
)
def test_extract_long_clause_reads_a_bounded_number_of_items(piece: str) -> None:
    from qreasoning.metrics.claims.clauses import LONGEST, clauses, sentences
    from qreasoning.metrics.claims.lexicon import load_lexicon

    text = piece * (20_000 // len(piece))
    for sentence in sentences(text, load_lexicon()):
        assert max(len(clause.items) for clause in clauses(sentence)) <= LONGEST
    assert all(claim.span[1] <= len(text) for claim in extract(text))


@pytest.mark.parametrize("value", [None, 3, b"sharp", float("nan")])
def test_extract_anything_but_a_text_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="text"):
        extract(value)  # type: ignore[arg-type]
