import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qreasoning.html import figure_uri, render_page, shortened, visible


def test_visible_steering_characters_are_named_and_others_stay() -> None:
    assert visible("a\x00b\u202ec\x1b") == "a⟨U+0000⟩b⟨U+202E⟩c⟨U+001B⟩"
    assert visible("tab\t line\n ß 清晰 👩\u200d🎨") == "tab\t line\n ß 清晰 👩\u200d🎨"


@given(st.text())
def test_visible_any_text_can_be_written_as_utf8(text: str) -> None:
    shown = visible(text)
    assert shown.encode().decode() == shown
    assert visible(shown) == shown


def test_shortened_says_how_much_is_missing() -> None:
    assert shortened("short", 5) == "short"
    assert shortened("x" * 100_000, 10) == "x" * 10 + " … (99,990 more characters)"


def test_render_page_escapes_values_and_refuses_a_missing_one(tmp_path: Path) -> None:
    from jinja2 import UndefinedError

    template = tmp_path / "small.html.j2"
    template.write_text('{% extends "page.html.j2" %}{% block body %}{{ text }}{% endblock %}')
    values = {"title": "T", "subtitle": None, "banner": None}
    page = render_page(template, **values, text="<b>&\x07")
    assert "&lt;b&gt;&amp;⟨U+0007⟩" in page
    assert "<script" not in page
    with pytest.raises(UndefinedError, match="text"):
        render_page(template, **values)


def test_figure_uri_is_the_same_each_time_and_takes_dollars_literally() -> None:
    from matplotlib.figure import Figure

    def draw(label: str) -> str:
        figure = Figure(figsize=(2, 2))
        axes = figure.subplots()
        axes.plot([1, 2], [1, 2])
        axes.set_xlabel(label)
        return figure_uri(figure)

    # As a formula, an unclosed group would be an error.
    uri = draw(r"$5 and $\frac{")
    assert uri == draw(r"$5 and $\frac{")
    svg = base64.b64decode(uri.removeprefix("data:image/svg+xml;base64,")).decode()
    assert svg.startswith("<?xml") and "dc:date" not in svg
