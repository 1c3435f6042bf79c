"""The annotation form: the dimension schema as Label Studio XML.

The layout was measured at 1366x768 and 1600x900 with Label Studio 1.23.2: all 19 controls are in
view beside the picture. On a phone the form lies below it, each note below its stars. The layout
relies on class names `.lsf-*` of that version.
"""

from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from qreasoning.annotation.answers import FORM_FIELD, VERSION_FIELD
from qreasoning.dimensions import Dimension, Dimensions
from qreasoning.files import sha256_bytes

STYLE = """
.qr { display: grid; grid-template-columns: minmax(0, 1.2fr) minmax(470px, 1fr); gap: 16px;
  align-items: start; }
.qr-img { position: sticky; top: 0; }
.qr-form { max-height: calc(100vh - 125px); overflow-y: auto; padding-right: 8px; }
.qr-row { display: grid; grid-template-columns: 118px 172px minmax(0, 1fr); column-gap: 8px;
  align-items: center; min-height: 42px; border-bottom: 1px solid rgba(128, 128, 128, .2); }
.qr-row .ant-rate { white-space: nowrap; line-height: 1; }
.qr-row .ant-rate-star { margin-inline-end: 7px; }
.qr-row .ant-rate-star-first .anticon, .qr-row .ant-rate-star-second .anticon { color: #9a9a9a; }
.qr-row .ant-rate-star-full .anticon { background: #e08a00; clip-path: polygon(50% 2%, 63% 35%,
  98% 37%, 71% 59%, 80% 95%, 50% 75%, 20% 95%, 29% 59%, 2% 37%, 37% 35%); color: #e08a00; }
.qr .lsf-text-area, .qr .ant-form-item { margin: 0; }
.qr [data-testid="textarea-regions"], .qr [data-testid="textarea-regions"] div {
  margin-top: 0 !important; margin-bottom: 0 !important; }
@media (max-width: 1100px) { .qr { grid-template-columns: minmax(0, 1fr); }
  .qr-img { position: static; } .qr-form { max-height: none; } }
.lsf-sidepanels__wrapper, .qr-hidden { display: none; }
.lsf-sidepanels { padding-right: 0 !important; }
.lsf-modal-ls__body h1, .lsf-modal-ls__body h2 { line-height: 1.4; }
@media (max-width: 700px) { .lsf-modal-ls__content { max-width: 100vw; }
  .lsf-editor { flex: 1 1 100%; width: 100%; min-width: 0; }
  .lsf-main-view__annotation { padding: 8px; }
  .lsf-bottombar__group:first-child .lsf-bottombar__section:not(:first-child),
  .lsf-current-task__task-id { display: none; }
  .qr-row { grid-template-columns: minmax(0, 1fr) 172px; padding: 4px 0; row-gap: 2px; }
  .qr-note { grid-column: 1 / -1; } }
"""

OVERALL_HOTKEY = "o"
SCALE = "1 bad · 2 poor · 3 fair · 4 good · 5 excellent"
TEXTS = {
    "caption": (
        "Caption – what do you see?",
        "2",
        "Caption: say what you see",
        "Visible facts only: subject, setting, light, colour, blur, noise …",
    ),
    "reasoning": (
        "Reasoning – why this quality?",
        "3",
        "Reasoning: say why",
        "Weigh the dimensions above and say which decide the verdict …",
    ),
}

ROW_TITLE = "font-size:14px; font-weight:600; line-height:1.2; margin:0"
TEXT_TITLE = "font-size:14px; font-weight:600; margin:8px 0 2px"
SMALL = "font-size:12px; font-weight:400; margin:0"


def form_xml(dimensions: Dimensions, guidelines_version: str | None = None) -> str:
    """The form: a picture, eight ratings with notes, caption, reasoning and an overall rating.

    Every label is escaped, so no schema can add a control. Control names are the dimensions' ids,
    `<id>_note`, `caption`, `reasoning` and `overall`; the picture comes from the task's `image`.
    Hidden fields say with each answer which form it was given in and, with `guidelines_version`,
    what its annotator was told, also where either changes while the page is open.
    """
    root = _visible(dimensions)
    form = root[-1]
    add_hidden(form, FORM_FIELD, form_version(dimensions))
    if guidelines_version is not None:
        add_hidden(form, VERSION_FIELD, guidelines_version)
    return text_of(root)


def form_version(dimensions: Dimensions) -> str:
    """A short name of what is seen of exactly this form: 12 digits of its SHA-256."""
    return sha256_bytes(text_of(_visible(dimensions)).encode())[:12]


def text_of(root: Element) -> str:
    """A form as XML text."""
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode")


def _visible(dimensions: Dimensions) -> Element:
    root = Element("View", className="qr")
    SubElement(root, "Style").text = STYLE
    add_picture(SubElement(root, "View", className="qr-img"))
    form = SubElement(root, "View", className="qr-form")
    for dimension in dimensions.dimensions:
        _dimension(form, dimension)
    for name in TEXTS:
        _text(form, name)
    overall = add_row(form, "overall", "Overall", OVERALL_HOTKEY)
    SubElement(add_note(overall), "Header", value=SCALE, style=SMALL)
    return root


def add_picture(parent: Element) -> None:
    """The picture of the task's `image`, to be zoomed."""
    SubElement(
        parent,
        "Image",
        name="image",
        value="$image",
        zoom="true",
        zoomControl="true",
        negativeZoom="false",
        rotateControl="false",
        brightnessControl="false",
        contrastControl="false",
        defaultZoom="fit",
        horizontalAlignment="center",
        # The fit view is what people see first, and unsmoothed it shows aliasing as detail.
        smoothing="true",
    )


def _dimension(form: Element, dimension: Dimension) -> None:
    row = add_row(form, dimension.id, dimension.label, dimension.hotkey)
    SubElement(
        add_note(row),
        "TextArea",
        name=f"{dimension.id}_note",
        toName="image",
        rows="1",
        maxSubmissions="1",
        editable="true",
        transcription="true",
        placeholder=dimension.hint,
    )


def add_note(row: Element) -> Element:
    """The right part of a row."""
    return SubElement(row, "View", className="qr-note")


def add_row(form: Element, name: str, label: str, hotkey: str) -> Element:
    """A row with a label and one to five stars."""
    row = SubElement(form, "View", className=f"qr-row qr-{name}")
    SubElement(row, "Header", value=f"{label} [{hotkey}]", style=ROW_TITLE)
    SubElement(
        row,
        "Rating",
        name=name,
        toName="image",
        maxRating="5",
        size="medium",
        hotkey=hotkey,
        required="true",
        requiredMessage=f"{label}: give 1 to 5 stars",
    )
    return row


def _text(form: Element, name: str) -> None:
    title, rows, missing, placeholder = TEXTS[name]
    box = SubElement(form, "View", className=f"qr-{name}")
    SubElement(box, "Header", value=title, style=TEXT_TITLE)
    SubElement(
        box,
        "TextArea",
        name=name,
        toName="image",
        rows=rows,
        maxSubmissions="1",
        editable="true",
        transcription="true",
        showSubmitButton="false",
        required="true",
        requiredMessage=missing,
        placeholder=placeholder,
    )


def add_hidden(form: Element, name: str, value: str) -> None:
    """A field that nobody sees, which says `value` with each answer."""
    box = SubElement(form, "View", className="qr-hidden")
    SubElement(box, "TextArea", name=name, toName="image", value=value, editable="false")
