"""What annotators read behind the form's "Instructions" button: the guidelines and the scale."""

from collections.abc import Sequence
from typing import Any

from qreasoning.dimensions import Dimensions


def instructions_html(
    guidelines: str, dimensions: Dimensions | None, consent: str = "", version: str | None = None
) -> str:
    """What people agree to, the guidelines (both Markdown; HTML in it is shown as text), what 1 and
    5 stars mean in each dimension (where there are any), and the guidelines' version.

    Label Studio takes margins, bullets and numbers away, and styles with them, so they are text.
    """
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark", {"html": False})
    markdown.add_render_rule("list_item_open", _item)
    told = "" if version is None else f"Version {version} of these guidelines."
    scale = "" if dimensions is None else _scale(dimensions)
    parts = [consent, guidelines, scale, told]
    html: str = markdown.render("\n\n".join(parts)).strip()
    return html.replace("<h2>", "<br><h2>").replace("\n<h1>", "\n<br><h1>")


def _item(renderer: Any, tokens: Sequence[Any], index: int, options: Any, env: Any) -> str:
    number = tokens[index].info  # empty for a bullet
    return f"<li>{number}. " if number else "<li>• "


def _scale(dimensions: Dimensions) -> str:
    lines = (
        f"- **{each.label}**: 1 = {each.low}, 5 = {each.high}" for each in dimensions.dimensions
    )
    return "\n".join(["## What the stars mean", "", *lines])
