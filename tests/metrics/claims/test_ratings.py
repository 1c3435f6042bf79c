import pytest

from qreasoning.metrics.claims import against_ratings


def test_against_ratings_plain_denial_is_found_with_its_words() -> None:
    (found,) = against_ratings("The image is very grainy.", {"noise": 5, "sharpness": 5})
    assert (found.dimension, found.rating, found.claim.polarity) == ("noise", 5.0, -1)
    assert "grainy" in found.words


@pytest.mark.parametrize(
    ("text", "ratings"),
    [
        ("The image is very grainy.", {"noise": 1}),
        ("The image is very grainy.", {"noise": 3}),
        ("The image is very grainy.", {"noise": None}),
        ("The image is slightly grainy.", {"noise": 4}),
        ("The background is blurred.", {"sharpness": 5}),
        ("The face is sharp but the corners are blurry.", {"sharpness": 5}),
        ("It is not noisy.", {"noise": 5}),
        ("The image is very grainy.", {"grain": 5}),
    ],
)
def test_against_ratings_agreement_or_doubt_gives_nothing(text: str, ratings: dict) -> None:
    assert against_ratings(text, ratings) == ()


def test_against_ratings_praise_beside_one_star_is_found() -> None:
    found = against_ratings("Well exposed and tack-sharp.", {"brightness": 1, "sharpness": 2})
    assert [each.dimension for each in found] == ["brightness", "sharpness"]


def test_against_ratings_outside_the_scale_is_refused() -> None:
    with pytest.raises(ValueError, match="from 1 to 5"):
        against_ratings("Sharp.", {"sharpness": 7})
