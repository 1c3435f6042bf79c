from hypothesis import given
from hypothesis import strategies as st

from qreasoning.analysis.highlight import Piece, pieces
from qreasoning.metrics.claims import Claim, extract


def _claim(start: int, stop: int, polarity: int = 1, dimension: str = "noise") -> Claim:
    return Claim(dimension, polarity, float(polarity), "image", "", (start, stop), 1)


def test_pieces_cut_a_text_at_its_claims() -> None:
    text = "The cat is sharp but noisy."
    found = pieces(text, [_claim(11, 16, 1, "sharpness"), _claim(21, 26, -1)])
    assert found == [
        Piece("The cat is "),
        Piece("sharp", 1, "sharpness"),
        Piece(" but "),
        Piece("noisy", -1, "noise"),
        Piece("."),
    ]


def test_pieces_where_claims_overlap_the_shorter_one_counts() -> None:
    found = pieces("abcdef", [_claim(0, 6, 1, "content"), _claim(2, 4, -1)])
    assert [(each.text, each.polarity) for each in found] == [("ab", 1), ("cd", -1), ("ef", 1)]


def test_pieces_without_claims_are_the_text() -> None:
    assert pieces("plain", []) == [Piece("plain")]


SPANS = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 9), st.sampled_from([-1, 0, 1])))


@given(text=st.text(min_size=30, max_size=40), spans=SPANS)
def test_pieces_joined_give_the_text_back(text: str, spans: list[tuple[int, int, int]]) -> None:
    found = pieces(text, [_claim(start, start + size, sign) for start, size, sign in spans])
    assert "".join(each.text for each in found) == text
    assert all(each.text for each in found)


def test_pieces_of_extracted_claims_mark_their_words() -> None:
    text = "The picture is very blurry, but the colours are vivid."
    marked = {each.polarity: each.text for each in pieces(text, extract(text))}
    assert "blurry" in marked[-1] and "vivid" in marked[1]
