from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from qreasoning.checks.copies import Copies, Copy, Key, Text

LONG = "The red door is sharp but the wall behind it looks a little noisy and flat"


def key(image, annotator="a", field="caption"):
    return Key(image, annotator, field)


def found(texts, share=0.6):
    copies = Copies(share)
    copies.update(texts)
    return copies.copies


def test_copies_with_a_word_changed_names_the_earliest_and_the_share():
    changed = LONG.replace("little", "bit")
    texts = {
        key("2", "b"): Text("t2", changed),
        key("1", "a", "reasoning"): Text("t1", LONG),
        key("3", "c"): Text("t3", changed.upper() + "!"),
    }
    # 15 pairs each, two of which hold the word: 13 in common of 17.
    source = key("1", "a", "reasoning")
    assert found(texts) == {
        key("2", "b"): Copy(source, 13 / 17),
        key("3", "c"): Copy(source, 13 / 17),
    }


def test_copies_of_another_wording_is_none():
    other = "A red door, sharp; behind it a wall with a little noise and little contrast"
    assert found({key("1"): Text("t1", LONG), key("2"): Text("t2", other)}) == {}


def test_copies_of_a_short_text_counts_for_the_same_annotator_only():
    texts = {
        key("1", "a"): Text("t1", "A good picture."),
        key("2", "a"): Text("t2", "a good picture"),
        key("3", "b"): Text("t3", "A good picture."),
    }
    assert found(texts) == {key("2", "a"): Copy(key("1", "a"), 1.0)}


def test_copies_within_one_answer_are_found():
    texts = {key("1", field=field): Text("t", LONG) for field in ("reasoning", "caption")}
    assert found(texts) == {key("1", field="reasoning"): Copy(key("1"), 1.0)}


def test_copies_whose_source_is_corrected_are_none_any_more():
    copies = Copies(0.6)
    copies.update({key("1"): Text("t1", LONG), key("2"): Text("t2", LONG)})
    assert copies.update({key("1"): Text("t1", "Something else, in words of my own.")}) == {
        key("1"),
        key("2"),
    }
    assert copies.copies == {}


WORDS = st.lists(st.sampled_from("abcde"), min_size=0, max_size=9).map(" ".join)
TEXTS = st.dictionaries(
    st.builds(Key, st.sampled_from("12"), st.sampled_from("xy"), st.sampled_from(("c", "r"))),
    st.builds(Text, st.sampled_from("123"), WORDS),
    max_size=8,
)


@given(steps=st.lists(st.tuples(TEXTS, st.sets(st.sampled_from("12"))), min_size=1, max_size=4))
def test_copies_by_steps_equal_a_comparison_of_all_with_all(steps):
    copies, present, before = Copies(0.5), {}, {}
    for changed, images in steps:
        gone = [each for each in present if each.image_id in images and each not in changed]
        touched = copies.update(changed, gone)
        present = {k: t for k, t in {**present, **changed}.items() if k not in gone}
        assert copies.copies == all_with_all(present, 0.5)
        differ = {k for k in present if copies.copies.get(k) != before.get(k)}
        assert differ <= touched
        before = dict(copies.copies)


def all_with_all(texts, least):
    sets = {k: set(pairs_of(k, t)) for k, t in texts.items()}
    ranked = sorted((t.created, k) for k, t in texts.items())
    expected = {}
    for number, (_, later) in enumerate(ranked):
        for _, earlier in ranked[:number]:
            either = sets[later] | sets[earlier]
            share = len(sets[later] & sets[earlier]) / len(either) if either else 0.0
            if share >= least:
                expected[later] = Copy(earlier, share)
                break
    return expected


def pairs_of(k, text):
    plain = text.text.split()
    if len(plain) < 6:
        return [(k.annotator, *plain)] if plain else []
    return list(pairwise(plain))
