"""The safe self-contained page: every value escaped, no script, nothing fetched from anywhere.

Texts of people and models are shown, never run: Jinja escapes each value, a strict content security
policy forbids scripts and requests, and characters that steer a display are made visible.
"""

import base64
import io
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LAYOUT = "page.html.j2"
"""The layout that a template extends: blocks `lead` and `body`, variables `title`, `banner`."""

_HIDDEN = frozenset({"Cc", "Cf", "Cs"})
# Line ends and tabs, and the joiners that emoji and several scripts need inside a word.
_KEPT = frozenset("\r\n\t\u200c\u200d")


def render_page(template: Path, **values: Any) -> str:
    """Render a template that extends `page.html.j2`; a variable it lacks is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader([template.parent, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template.name).render(values)


def visible(text: str) -> str:
    """`text` with control and format characters and surrogates written as `⟨U+202E⟩`.

    They could otherwise turn the reading direction of a page, or make it no valid HTML. Line ends
    and tabs stay.
    """
    return "".join(
        f"⟨U+{ord(each):04X}⟩"
        if unicodedata.category(each) in _HIDDEN and each not in _KEPT
        else each
        for each in text
    )


def shortened(text: str, limit: int) -> str:
    """`text`, or its first `limit` characters and a note of how many are not shown."""
    if len(text) <= limit:
        return text
    return f"{text[:limit].rstrip()} … ({len(text) - limit:,} more characters)"


def _shown(value: Any) -> Any:
    # Exactly str: what Jinja made safe already is a subclass and stays as it is.
    return visible(value) if type(value) is str else value


def figure_uri(figure: "Figure") -> str:
    """A `data:` URI of a matplotlib figure as SVG.

    In an `<img>`, an SVG can neither run scripts nor mix its ids with the page's.
    """
    encoded = base64.b64encode(figure_svg(figure)).decode("ascii")
    return f"data:image/svg+xml;base64,{encoded}"


def figure_svg(figure: "Figure") -> bytes:
    """A matplotlib figure as SVG; the same figure gives the same bytes.

    Text is drawn literally: two dollar signs are no formula.
    """
    import matplotlib as mpl

    buffer = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "qreasoning", "text.parse_math": False}):
        for text in figure.findobj(mpl.text.Text):
            text.set_parse_math(False)
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
