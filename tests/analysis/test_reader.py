import pickle
from pathlib import Path

from qreasoning.analysis.reader import ClaimReader
from qreasoning.metrics import claims

SHARP, BLURRY = "The picture is very sharp.", "The picture is very blurry."


def test_reader_is_that_of_the_metrics_and_goes_to_another_process() -> None:
    reader = pickle.loads(pickle.dumps(ClaimReader()))
    # As texts: nan is not equal to itself.
    assert repr(reader.compare(BLURRY, [SHARP])) == repr(claims.compare(BLURRY, [SHARP]))
    assert reader.extract(SHARP) == claims.extract(SHARP)
    assert reader.identity["sha256"] == claims.load_lexicon().sha256
    assert reader.identity["second_tier"] is None


def test_reader_with_the_second_tier_says_so() -> None:
    weights = claims.load_second_tier().sha256
    assert ClaimReader(second_tier=True).identity["second_tier"] == weights


def test_reader_takes_a_studys_own_words(tmp_path: Path) -> None:
    own = tmp_path / "words.yaml"
    own.write_text(
        "version: 7\nterms:\n  - {means: {'*': sharpness -2}, words: [zorbly]}\n", encoding="utf-8"
    )
    reader = ClaimReader((own,))
    assert [(c.dimension, c.polarity) for c in reader.extract("It looks zorbly.")] == [
        ("sharpness", -1)
    ]
    assert ClaimReader().extract("It looks zorbly.") == ()
    assert reader.identity["sha256"] != ClaimReader().identity["sha256"]
