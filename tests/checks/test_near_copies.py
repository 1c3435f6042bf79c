import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qreasoning.checks import near_copies
from qreasoning.checks.near_copies import Texts, find_copies

SETS = st.sets(st.sampled_from([3, 4, 5, 6, 1 << 24, 1 << 25, 2**32 - 1]), max_size=7)
TEXTS = st.lists(st.tuples(st.sampled_from([0, 1]), SETS, st.booleans()), max_size=12)
SHARES = st.sampled_from([0.3, 0.5, 0.6, 0.75, 1.0])


@pytest.fixture(scope="module", autouse=True)
def small_steps():
    """Steps and chunks so small that a few texts need several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_copies, "_STRIDE", 1)
        patch.setattr(near_copies, "_AT_ONCE", 5)
        yield


@given(texts=TEXTS, share=SHARES, order=st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_find_copies_of_all_equals_a_comparison_of_all_with_all(texts, share, order):
    ranks = [*range(len(texts))]
    order.shuffle(ranks)
    expected = {}
    for one in range(len(texts)):
        sources = [
            other
            for other in range(len(texts))
            if ranks[other] < ranks[one] and alike(texts, one, other, share)
        ]
        if sources:
            source = min(sources, key=ranks.__getitem__)
            expected[one] = source, jaccard(texts, one, source)
    assert found(texts, share, ranks) == expected


@given(texts=TEXTS, share=SHARES)
@settings(max_examples=300, deadline=None)
def test_find_copies_of_some_completes_what_the_others_gave(texts, share):
    asked = np.array([each for _, _, each in texts], np.bool_)
    before = found([text if not text[2] else (0, set(), True) for text in texts], share=share)
    result = found(texts, share=share, asked=asked)
    for one in range(len(texts)):
        sources = [other for other in range(one) if alike(texts, one, other, share)]
        known = [
            each[one] for each in ([result] if asked[one] else [result, before]) if one in each
        ]
        expected = [(min(sources), jaccard(texts, one, min(sources)))] if sources else []
        assert sorted(known)[:1] == expected


def test_find_copies_of_texts_of_few_words_finds_the_earliest_of_many():
    # 200 sets of 10 of 12 numbers share at least 8 of 12; each is like the first.
    draw = np.random.default_rng(0)
    texts = [(0, set(draw.choice(12, 10, replace=False).tolist()), True) for _ in range(200)]
    result = found(texts, 0.6)
    assert {source for source, _ in result.values()} == {0}
    assert len(result) == 199


def found(texts, share, ranks=None, asked=None):
    ranks = range(len(texts)) if ranks is None else ranks
    sizes = [len(pairs) for _, pairs, _ in texts]
    result = find_copies(
        Texts(
            group=np.array([group for group, _, _ in texts], np.int64),
            rank=np.array(ranks, np.int64),
            offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            pairs=np.array([each for _, pairs, _ in texts for each in sorted(pairs)], np.uint32),
        ),
        share,
        asked,
    )
    sources = zip(result.source.tolist(), result.share.tolist(), strict=True)
    return dict(zip(result.text.tolist(), sources, strict=True))


def jaccard(texts, one, other):
    either = texts[one][1] | texts[other][1]
    return len(texts[one][1] & texts[other][1]) / len(either) if either else 0.0


def alike(texts, one, other, share):
    return texts[one][0] == texts[other][0] and jaccard(texts, one, other) >= share
