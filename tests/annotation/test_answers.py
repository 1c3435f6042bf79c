import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qreasoning.annotation.answers import Answer, read_results, write_results

IDS = ("brightness", "contrast", "noise")

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
stars = st.none() | st.integers(1, 5)
answers = st.builds(
    Answer,
    ratings=st.fixed_dictionaries(dict.fromkeys(IDS, stars)),
    notes=st.fixed_dictionaries({each: st.none() | texts for each in IDS}),
    caption=st.just("") | texts,
    reasoning=st.just("") | texts,
    overall=stars,
)


@given(answer=answers, seed=st.integers())
def test_read_results_of_a_written_answer_in_any_order_is_the_answer(answer, seed):
    results = write_results(answer)
    random.Random(seed).shuffle(results)
    reading = read_results(results, IDS)
    assert reading.answer == answer
    assert reading.problems == ()


def test_write_results_leaves_out_what_was_not_given():
    answer = Answer({"noise": None}, {"noise": None}, "A cat.", "", None)
    assert [item["from_name"] for item in write_results(answer)] == ["caption"]


def test_read_results_of_nothing_is_an_empty_answer():
    nothing = dict.fromkeys(IDS)
    assert read_results([], IDS).answer == Answer(nothing, nothing, "", "", None)


def test_read_results_lists_unknown_fields_and_reads_the_rest():
    results = [
        {"from_name": "evil", "value": {"rating": 3}},
        {"from_name": "noise", "value": {"rating": 2}},
        "no object",
    ]
    reading = read_results(results, IDS)
    assert reading.answer.ratings == {"brightness": None, "contrast": None, "noise": 2}
    assert reading.problems == ("unknown field 'evil'", "unknown field 'None'")


def test_read_results_of_a_repeated_field_takes_the_last_and_says_so():
    results = [{"from_name": "noise", "value": {"rating": each}} for each in (2, 5)]
    reading = read_results(results, IDS)
    assert reading.answer.ratings["noise"] == 5
    assert reading.problems == ("repeated noise",)


@pytest.mark.parametrize("rating", [99, 0, -1, 4.5, "4", True, None, [4], 10**30])
def test_read_results_of_a_rating_outside_1_to_5_reads_none_and_says_so(rating):
    reading = read_results([{"from_name": "noise", "value": {"rating": rating}}], IDS)
    assert reading.answer.ratings["noise"] is None
    assert reading.problems == (f"noise is no rating from 1 to 5 ({str(rating)[:20]})",)


@pytest.mark.parametrize("value", [None, {}, {"text": None}, {"text": [1]}, {"text": {"a": "b"}}])
def test_read_results_of_a_text_that_is_none_says_so(value):
    reading = read_results([{"from_name": "caption", "value": value}], IDS)
    assert reading.answer.caption == ""
    assert reading.problems == ("caption is no text",)


def test_read_results_of_half_a_surrogate_pair_replaces_it_and_says_so():
    reading = read_results([{"from_name": "caption", "value": {"text": ["a\ud800b"]}}], IDS)
    assert reading.answer.caption == "a?b"
    assert reading.problems == ("caption holds characters that are no text",)


@given(st.lists(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: (
    st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["from_name", "value", "rating", "text"]), inner, max_size=4)
))))  # fmt: skip
def test_read_results_of_anything_that_json_can_say_never_raises(results):
    reading = read_results(results, IDS)
    assert len(reading.problems) >= sum(not isinstance(each, dict) for each in results)


def test_read_results_tells_what_versions_the_form_carried():
    said = {"guidelines_version": "2.1", "form_version": "0123abc"}
    results = [{"from_name": name, "value": {"text": [text]}} for name, text in said.items()]
    reading = read_results(results, IDS)
    assert (reading.guidelines_version, reading.form_version) == ("2.1", "0123abc")
    assert reading.problems == ()
    nothing = read_results([], IDS)
    assert (nothing.guidelines_version, nothing.form_version) == (None, None)
