from pathlib import Path

import pytest
import yaml

from qreasoning.errors import SettingsError
from qreasoning.metrics.claims import load_lexicon, shipped_version, stances
from qreasoning.metrics.claims.lexicon import SHIPPED
from qreasoning.metrics.claims.words import adjective_forms, plural, verb_forms
from qreasoning.settings import read_yaml


def _file(folder: Path, content: str) -> Path:
    path = folder / "words.yaml"
    path.write_text(content, encoding="utf-8")
    return path


def test_lexicon_of_a_study_adds_words_and_goes_first(tmp_path: Path) -> None:
    path = _file(
        tmp_path,
        "version: 7\n"
        "heads:\n  tiles: {kind: defect, dimension: artifacts, words: [tegel]}\n"
        'terms:\n  - {means: {"*": content 2}, words: [blurry]}\n',
    )
    lexicon = load_lexicon(path)
    assert lexicon.version == f"7+{shipped_version()}"
    assert lexicon.sha256 != load_lexicon().sha256
    assert stances("No tegels are visible.", lexicon)["artifacts"].polarity == 1
    assert stances("It is blurry.", lexicon)["content"].polarity == 1
    assert stances("It is blurry.")["sharpness"].polarity == -1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("version: 1\nterms:\n  - {means: {'*': sharp 2}, words: [a]}\n", "sharp 2"),
        ("version: 1\nterms:\n  - {means: {'*': noise 9}, words: [a]}\n", "-3 to 3"),
        ("version: 1\nheads:\n  a: {kind: nice, words: [b]}\n", "kind"),
        ("version: 1\ngrammar:\n  verbs: [be]\n", "unknown role"),
        ("words: [a]\n", "version"),
    ],
)
def test_lexicon_that_cannot_be_used_names_file_and_key(
    tmp_path: Path, content: str, message: str
) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        load_lexicon(_file(tmp_path, content))
    assert "words.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("blurry", {"blurrier", "blurriest", "blurrily"}),
        ("dim", {"dimmer", "dimmest", "dimly"}),
        ("fine", {"finer", "finest", "finely"}),
        ("subtle", {"subtler", "subtlest", "subtly"}),
    ],
)
def test_adjective_forms_follow_the_rules(word: str, expected: set[str]) -> None:
    assert set(adjective_forms(word)) == expected


def test_verb_forms_and_plurals_follow_the_rules() -> None:
    assert set(verb_forms("hide")) == {"hid", "hidden", "hides", "hiding"}
    assert set(verb_forms("preserve")) == {"preserves", "preserved", "preserving"}
    assert [plural(word) for word in ("halo", "texture", "leaf", "blur", "city")] == [
        "halos",
        "textures",
        "leaves",
        "blurs",
        "cities",
    ]


def test_shipped_lexicon_says_the_same_to_the_reader_that_studies_get() -> None:
    assert yaml.load(SHIPPED.read_bytes(), Loader=yaml.CSafeLoader) == read_yaml(SHIPPED)


def test_shipped_version_is_the_lexicons() -> None:
    assert shipped_version() == load_lexicon().version
