from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qreasoning.annotation.interface import form_version, form_xml
from qreasoning.dimensions import Dimensions


def with_label(dimensions, **texts):
    first, *rest = dimensions.dimensions
    changed = {**first.model_dump(), **texts}
    return Dimensions.model_validate(
        {"version": 1, "dimensions": [changed, *(each.model_dump() for each in rest)]}
    )


def controls(xml):
    return [each for each in ElementTree.fromstring(xml).iter() if "name" in each.attrib]


def test_form_has_the_picture_nine_ratings_and_ten_texts(dimensions):
    found = {(each.tag, each.get("name")) for each in controls(form_xml(dimensions))}
    ratings = {("Rating", each) for each in (*dimensions.ids, "overall")}
    notes = {("TextArea", f"{each}_note") for each in dimensions.ids}
    texts = {("TextArea", "caption"), ("TextArea", "reasoning")}
    hidden = {("TextArea", "form_version")}
    assert found == {("Image", "image")} | ratings | notes | texts | hidden


def test_form_requires_ratings_and_texts_but_no_notes(dimensions):
    required = {
        each.get("name")
        for each in controls(form_xml(dimensions))
        if each.get("required") == "true"
    }
    assert required == {*dimensions.ids, "overall", "caption", "reasoning"}


def test_form_hotkeys_are_the_schemas_and_o_for_overall(dimensions):
    found = {
        each.get("name"): each.get("hotkey")
        for each in controls(form_xml(dimensions))
        if each.tag == "Rating"
    }
    assert found == {
        **{each.id: each.hotkey for each in dimensions.dimensions},
        "overall": "o",
    }


@pytest.mark.parametrize(
    "label", ['" required="false" x="', "a & b", "<Rating name='evil'/>", "]]>", "亮度 ✨"]
)
def test_form_with_a_hostile_label_shows_it_and_gains_no_control(dimensions, label):
    xml = form_xml(with_label(dimensions, label=label, hint=label))
    assert len(controls(xml)) == 21  # the picture, 9 ratings, 8 notes, 2 texts, 1 hidden
    headers = [each.get("value") for each in ElementTree.fromstring(xml).iter("Header")]
    assert headers[0] == f"{label} [{dimensions.dimensions[0].hotkey}]"
    assert controls(xml)[2].get("placeholder") == label


@given(
    label=st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=120).filter(
        lambda text: not text.startswith("$")
    )
)
def test_form_of_any_allowed_label_is_valid_xml_that_holds_it(dimensions, label):
    xml = form_xml(with_label(dimensions, hint=label))
    assert controls(xml)[2].get("placeholder") == label


def test_form_version_changes_with_the_form_only(dimensions):
    assert form_version(dimensions) == form_version(with_label(dimensions))
    assert form_version(dimensions) != form_version(with_label(dimensions, label="Light"))
    # What a 1 means is not in the form.
    assert form_version(dimensions) == form_version(with_label(dimensions, low="pitch dark"))


def test_form_carries_its_version_and_that_of_the_guidelines_out_of_sight(dimensions):
    xml = form_xml(dimensions, "2.1")
    hidden = ElementTree.fromstring(xml).findall(".//View[@className='qr-hidden']/TextArea")
    assert [(field.get("name"), field.get("value")) for field in hidden] == [
        ("form_version", form_version(dimensions)),
        ("guidelines_version", "2.1"),
    ]
    assert ".qr-hidden { display: none; }" in xml
    assert len(controls(xml)) == len(controls(form_xml(dimensions))) + 1
