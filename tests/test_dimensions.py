import pytest
import yaml

from qreasoning.dimensions import load_dimensions
from qreasoning.errors import SettingsError
from qreasoning.workspace import shipped

SHIPPED = shipped() / "annotation" / "dimensions.yaml"


@pytest.fixture
def edited(tmp_path):
    """Load the shipped schema after `edit` changed its content."""

    def load_after(edit):
        content = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
        edit(content)
        path = tmp_path / "dimensions.yaml"
        path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
        return load_dimensions(path)

    return load_after


def test_shipped_dimensions_are_the_eight():
    names = "brightness contrast colorfulness sharpness noise artifacts composition content"
    assert load_dimensions(SHIPPED).ids == tuple(names.split())


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("id", "contrast", "the id 'contrast' is given to two dimensions"),
        ("id", "Bright ness", "lower-case"),
        ("id", "1st", "lower-case"),
        ("id", "b" * 31, "lower-case"),
        ("id", "caption", "a column of its own"),
        ("id", "noise_note", "a column of its own"),
        ("hotkey", "c", "the hotkey 'c' is given to two"),
        ("hotkey", "o", "hotkey"),
        ("hotkey", "bb", "hotkey"),
        ("label", "Contrast", "the label 'Contrast' is given to two"),
        ("label", "$x", "must not begin with"),
        ("label", "x" * 300, "1 to 120 characters"),
        ("label", "a\x07b", "printable"),
        ("hint", "  ", "1 to 120 characters"),
        ("colour", "red", "unknown key"),
    ],
)
def test_dimension_with_a_bad_value_is_refused_by_name(edited, key, value, said):
    with pytest.raises(SettingsError, match=r"dimensions\.yaml") as caught:
        edited(lambda content: content["dimensions"][0].update({key: value}))
    assert said in str(caught.value)


def test_dimensions_other_than_eight_are_refused(edited):
    ninth = {"id": "glare", "label": "Glare", "hint": "h", "hotkey": "g", "low": "l", "high": "h"}
    with pytest.raises(SettingsError, match="there are 9 dimensions, there must be 8"):
        edited(lambda content: content["dimensions"].append(ninth))
    with pytest.raises(SettingsError, match="there are 7 dimensions"):
        edited(lambda content: content["dimensions"].pop())
