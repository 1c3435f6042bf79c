from qreasoning.annotation.instructions import instructions_html
from qreasoning.dimensions import Dimensions


def test_instructions_hold_the_guidelines_and_what_the_stars_mean(dimensions):
    html = instructions_html("# Look\n\n1. *twice*\n2. then\n   - rate\n", dimensions)
    assert html.startswith("<h1>Look</h1>\n<ol>\n<li>1. <em>twice</em></li>\n<li>2. then\n<ul>")
    assert "<br><h2>What the stars mean</h2>" in html
    for each in dimensions.dimensions:
        line = f"<li>• <strong>{each.label}</strong>: 1 = {each.low}, 5 = {each.high}</li>"
        assert line in html


def test_instructions_show_markup_as_text(dimensions):
    first, *rest = (each.model_dump() for each in dimensions.dimensions)
    hostile = "<script>alert(1)</script>"
    marked = {"version": 1, "dimensions": [{**first, "low": hostile}, *rest]}
    html = instructions_html(hostile, Dimensions.model_validate(marked))
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 2


def test_instructions_begin_with_the_consent_and_end_with_the_version(dimensions):
    html = instructions_html("# Look", dimensions, "# Agree\n\n- *you* may stop", "2.1")
    assert html.startswith(
        "<h1>Agree</h1>\n<ul>\n<li>• <em>you</em> may stop</li>\n</ul>\n<br><h1>Look"
    )
    assert html.endswith("<p>Version 2.1 of these guidelines.</p>")
