from itertools import pairwise

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from qreasoning.checks.wordpairs import word_pairs
from qreasoning.scripts import words

TEXTS = st.lists(st.text(alphabet=st.sampled_from("abAB.! \t你é\u3164"), max_size=20), max_size=6)


@given(texts=TEXTS)
@settings(max_examples=100, deadline=None)
def test_word_pairs_counts_the_words_of_each_text(texts: list[str]) -> None:
    found = word_pairs(pa.array(texts, pa.string()))
    assert found.count.tolist() == [len(words(text)) for text in texts]
    plain = [
        tuple("".join(filter(str.isalnum, word)).casefold() for word in words(text))
        for text in texts
    ]
    sizes = [len(set(pairwise(each))) if len(each) >= 6 else min(len(each), 1) for each in plain]
    assert np.diff(found.offsets).tolist() == sizes
    alike = dict(zip(plain, found.whole.tolist(), strict=True))
    assert len(set(alike.values())) == len(alike)
    assert alike.get((), 0) == 0


def test_word_pairs_of_a_slice_and_of_null_are_their_own() -> None:
    texts = pa.array(["a b c d e f g", None, "A b! C d E f g", "x"])
    found = word_pairs(texts.slice(1))
    assert found.count.tolist() == [0, 7, 1]
    whole = word_pairs(texts)
    assert whole.whole[0] == whole.whole[2] == found.whole[1]
