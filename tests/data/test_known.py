"""Answers told a stretch at a time are those that hashing each by itself tells."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from qreasoning.data.hashing import codes, hashes_of
from qreasoning.data.known import EACH, NOTHING, known_of, told

# Lengths around the one that ends a stretch, so that stretches of one and of several answers occur.
ANSWER = st.binary(min_size=EACH - 2, max_size=EACH + 1)


def _codes(blocks: pa.Table) -> list[int]:
    found: list[int] = blocks["codes"].combine_chunks().flatten().to_pylist()
    return found


@given(before=st.lists(ANSWER, max_size=20, unique=True), data=st.data())
def test_told_are_the_answers_that_were_not_there_before(
    before: list[bytes], data: st.DataObject
) -> None:
    kept = [each for each in before if data.draw(st.booleans())]
    after = kept.copy()
    for each in data.draw(st.lists(ANSWER, max_size=5)):
        after.insert(data.draw(st.integers(0, len(after))), each)
    first = told(pa.array(before, pa.binary()), NOTHING)
    assert first.new.all()
    assert np.array_equal(first.hashes, hashes_of(pa.array(before, pa.binary())))
    known = known_of(np.sort(codes(first.hashes)), first.blocks)
    now = told(pa.array(after, pa.binary()), known)
    assert now.new.tolist() == [each not in before for each in after]
    fresh = [each for each in after if each not in before]
    assert np.array_equal(now.hashes, hashes_of(pa.array(fresh, pa.binary())))
    assert _codes(now.blocks) == codes(hashes_of(pa.array(after, pa.binary()))).tolist()


def test_an_answer_in_between_changes_no_other_stretch() -> None:
    long, short = (bytes(EACH - 1) + bytes([number]) for number in range(2)), b"a short one"
    one, other = long
    before = told(pa.array([one, other]), NOTHING).blocks["block"].to_pylist()
    after = told(pa.array([one, short, other]), NOTHING).blocks["block"].to_pylist()
    assert (len(before), len(after)) == (2, 2)
    assert before[0] == after[0]
    assert before[1] != after[1]
