import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qreasoning.chain import FORMATS, Q_INSIGHT, Q_REASONING, VISUALQUALITY_R1, Chain
from qreasoning.errors import DataError

EVERY_FORMAT = pytest.mark.parametrize("chain_format", FORMATS.values(), ids=FORMATS)

TAGS = ("caption", "reasoning", "rating", "think", "answer")
texts = (
    st.text(min_size=1)
    .map(str.strip)
    .filter(lambda text: text and not any(f"{tag}>" in text for tag in TAGS))
)
ratings = st.integers(100, 500).map(lambda hundredths: hundredths / 100)


def q_reasoning(caption="A cat.", reasoning="It is sharp.", rating="4.50"):
    return (
        f"<caption>{caption}</caption><reasoning>{reasoning}</reasoning><rating>{rating}</rating>"
    )


@EVERY_FORMAT
@given(caption=texts, reasoning=texts, rating=ratings)
def test_parse_of_a_rendered_chain_is_the_chain(chain_format, caption, reasoning, rating):
    chain = Chain(caption if chain_format.has_caption else None, reasoning, rating)
    parsed = chain_format.parse(chain_format.render(chain))
    assert (parsed.chain, parsed.status) == (chain, "ok")


@EVERY_FORMAT
@given(rating=ratings)
def test_parse_rating_of_a_rendered_rating_is_the_rating(chain_format, rating):
    text = chain_format.render_rating(rating)
    parsed = chain_format.parse_rating(text)
    assert (parsed.chain.rating, parsed.status) == (rating, "ok")
    assert text.startswith(chain_format.before_rating + str(rating)[0])


@EVERY_FORMAT
def test_prompt_shows_an_example_that_parses_ok(chain_format):
    example_text = chain_format.render(chain_format.example)
    assert example_text in chain_format.prompt
    assert chain_format.parse(example_text).ok
    assert chain_format.render_rating(3.05) in chain_format.stage2_prompt
    assert chain_format.parse_rating(chain_format.render_rating(3.05)).ok


@EVERY_FORMAT
@settings(max_examples=3_400, deadline=None)
@given(
    text=st.one_of(
        st.text(),
        st.lists(
            st.sampled_from(
                [
                    *(f"<{tag}>" for tag in TAGS),
                    *(f"</{tag}>" for tag in TAGS),
                    " ",
                    "\n",
                    "4",
                    "4.5",
                    "nan",
                    '{"rating": 3}',
                    "{",
                    "}",
                    "a cat",
                    "\0",
                    "é",
                    "<",
                    "9" * 400,
                ]
            )
        ).map("".join),
    )
)
@example(text="<rating>" * 5_000)
def test_parse_of_any_text_returns_a_known_status_and_true_spans(chain_format, text):
    parsed = chain_format.parse(text)
    kinds = (
        "ok",
        "missing ",
        "repeated ",
        "order",
        "text outside",
        "empty ",
        "bad rating",
        "rating out",
    )
    assert parsed.status.startswith(kinds)
    for field in ("caption", "reasoning"):
        value = getattr(parsed.chain, field)
        if value is not None:
            start, end = parsed.spans[field]
            assert text[start:end] == value == value.strip()
    if parsed.ok:
        assert 1 <= parsed.chain.rating <= 5


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (q_reasoning(), "ok"),
        ("\n" + q_reasoning().replace("><", ">\n <") + "  ", "ok"),
        (q_reasoning(rating="5"), "ok"),
        (q_reasoning(rating="1.5"), "ok"),
        (q_reasoning(rating=" 1.00 "), "ok"),
        (q_reasoning(rating="nan"), "bad rating"),
        (q_reasoning(rating="inf"), "bad rating"),
        (q_reasoning(rating="4,5"), "bad rating"),
        (q_reasoning(rating="4.5/5"), "bad rating"),
        (q_reasoning(rating="4.555"), "bad rating"),
        (q_reasoning(rating="4."), "bad rating"),
        (q_reasoning(rating="04"), "bad rating"),
        (q_reasoning(rating="1e0"), "bad rating"),
        (q_reasoning(rating="٣"), "bad rating"),
        (q_reasoning(rating="4 4"), "bad rating"),
        (q_reasoning(rating="five"), "bad rating"),
        (q_reasoning(rating="0.99"), "rating out of range"),
        (q_reasoning(rating="5.01"), "rating out of range"),
        (q_reasoning(rating="-3"), "rating out of range"),
        (q_reasoning(rating=""), "empty rating"),
        (q_reasoning(caption=" \n"), "empty caption"),
        (q_reasoning(reasoning=""), "empty reasoning"),
        (q_reasoning() + "<rating>4.50</rating>", "repeated rating"),
        (q_reasoning(caption="a <caption> b"), "repeated caption"),
        (q_reasoning() + " I am sure.", "text outside"),
        (q_reasoning().replace("</rating>", "</rating></rating>"), "repeated rating"),
        ("Sure: " + q_reasoning(), "text outside"),
        (":" + q_reasoning(), "text outside"),
        (q_reasoning().replace("</caption>", "</caption> and "), "text outside"),
        ("<caption>A cat.</caption><reasoning>It is", "missing reasoning"),
        ("", "missing caption"),
        ("</caption>A cat.<caption><reasoning>b</reasoning><rating>3</rating>", "missing caption"),
        ("<reasoning>b</reasoning><caption>a</caption><rating>3</rating>", "order"),
        ("<caption>a<reasoning>b</reasoning></caption><rating>3</rating>", "order"),
    ],
)
def test_parse_of_q_reasoning_names_the_problem(text, status):
    assert Q_REASONING.parse(text).status == status


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ('{"rating": 3.42}', "ok"),
        ('{ "rating" : 3 }', "ok"),
        ("3.42", "bad rating"),
        ('{"rating": "3.42"}', "bad rating"),
        ('{"rating": true}', "bad rating"),
        ('{"rating": NaN}', "bad rating"),
        ('{"rating": 3.42, "sure": 1}', "bad rating"),
        ('{"score": 3.42}', "bad rating"),
        ('{"rating": 6}', "rating out of range"),
    ],
)
def test_parse_of_q_insight_reads_one_json_rating(answer, status):
    assert Q_INSIGHT.parse(f"<think>Sharp.</think><answer>{answer}</answer>").status == status


def test_parse_keeps_the_fields_it_can_read():
    parsed = Q_REASONING.parse("<caption> A cat. </caption><rating>9</rating>")
    assert parsed.status == "missing reasoning"
    assert parsed.chain == Chain("A cat.", None, None)
    assert parsed.spans["caption"] == (10, 16)


def test_rating_span_of_json_covers_the_number_alone():
    text = Q_INSIGHT.render(Chain(None, "Sharp.", 3.4))
    start, end = Q_INSIGHT.parse(text).spans["rating"]
    assert text[start:end] == "3.40"
    assert json.loads(text.split("<answer>")[1].removesuffix("</answer>")) == {"rating": 3.4}


@pytest.mark.parametrize(
    "chain",
    [
        Chain(None, "b", 3.0),
        Chain("a", " ", 3.0),
        Chain("a", "b", None),
        Chain("a", "b", 5.2),
        Chain("a", "b", float("nan")),
        Chain("a </caption> b", "b", 3.0),
    ],
)
def test_render_of_a_chain_that_cannot_be_read_back_is_refused(chain):
    with pytest.raises(DataError, match="cannot be written as q-reasoning"):
        Q_REASONING.render(chain)


def test_render_without_a_rating_says_that_it_is_empty():
    with pytest.raises(DataError, match="empty rating"):
        Q_REASONING.render(Chain("a", "b", None))


def test_render_of_a_caption_in_a_format_without_one_is_refused():
    with pytest.raises(DataError, match="no caption"):
        VISUALQUALITY_R1.render(Chain("a", "b", 3.0))


def test_stage2_input_is_the_caption_or_the_reasoning():
    chain = Chain("a", "b", 3.0)
    assert Q_REASONING.stage2_input(chain) == "a"
    assert Q_INSIGHT.stage2_input(chain) == "b"
    assert "{text} a {0}" in Q_REASONING.ask_again("{text} a {0}")


def test_text_joins_the_parts_that_exist():
    assert Chain("a", "b", 3.0).text == "a b"
    assert Chain(None, "b", 3.0).text == "b"
    assert Chain(None, None, None).text == ""
