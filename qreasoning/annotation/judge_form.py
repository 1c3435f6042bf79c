"""The judges' form: a picture with one text to be rated, or with two of which one is chosen."""

from xml.etree.ElementTree import Element, SubElement

from qreasoning.annotation.answers import FORM_FIELD, VERSION_FIELD
from qreasoning.annotation.interface import (
    SMALL,
    STYLE,
    TEXT_TITLE,
    add_hidden,
    add_note,
    add_picture,
    add_row,
    text_of,
)
from qreasoning.annotation.project_file import Question
from qreasoning.files import sha256_bytes

RATED = {
    "correctness": ("Correct", "c", "True of this picture? 1 nothing … 5 all"),
    "completeness": ("Complete", "m", "Says what decides the quality? 1 no … 5 all"),
    "likeness": ("Like a person", "p", "Written by a person? 1 surely not … 5 surely"),
}
"""By field: label, hotkey, what the stars mean."""

CHOSEN = "preferred"
"""The field of the choice."""

CHOICES = {
    "a": "The first text is better",
    "b": "The second text is better",
    "tie": "No difference",
}
"""By value, what judges read."""

_BOX = "font-size:15px; font-weight:400; line-height:1.5; margin:0 0 10px; padding:10px 12px; "
_BOX += "border:1px solid rgba(128, 128, 128, .35); border-radius:4px; white-space:pre-wrap"


def judge_xml(question: Question, guidelines_version: str | None = None) -> str:
    """The form for `rate` (the task's `text`) or `choose` (`text_a` and `text_b`)."""
    root = _visible(question)
    add_hidden(root[-1], FORM_FIELD, judge_form_version(question))
    if guidelines_version is not None:
        add_hidden(root[-1], VERSION_FIELD, guidelines_version)
    return text_of(root)


def judge_form_version(question: Question) -> str:
    """A short name of what is seen of exactly this form."""
    return sha256_bytes(text_of(_visible(question)).encode())[:12]


def _visible(question: Question) -> Element:
    root = Element("View", className="qr")
    SubElement(root, "Style").text = STYLE
    add_picture(SubElement(root, "View", className="qr-img"))
    form = SubElement(root, "View", className="qr-form")
    if question == "rate":
        _text(form, "The text", "$text")
        for name, (label, hotkey, meaning) in RATED.items():
            row = add_row(form, name, label, hotkey)
            SubElement(add_note(row), "Header", value=meaning, style=SMALL)
    else:
        _text(form, "First text", "$text_a")
        _text(form, "Second text", "$text_b")
        _choice(form)
    return root


def _text(form: Element, title: str, value: str) -> None:
    box = SubElement(form, "View", className="qr-text")
    SubElement(box, "Header", value=title, style=TEXT_TITLE)
    SubElement(box, "Header", value=value, style=_BOX)


def _choice(form: Element) -> None:
    box = SubElement(form, "View", className=f"qr-{CHOSEN}")
    SubElement(box, "Header", value="Which says better how good this picture is?", style=TEXT_TITLE)
    choices = SubElement(
        box,
        "Choices",
        name=CHOSEN,
        toName="image",
        choice="single",
        required="true",
        requiredMessage="Choose one of the three",
    )
    for hotkey, (value, label) in zip("123", CHOICES.items(), strict=True):
        SubElement(choices, "Choice", value=label, alias=value, hotkey=hotkey)
