import pytest

from qreasoning.scripts import is_blank, share_written_in, words


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("A red door.", 3),
        ("a -- b … !", 2),
        ("well-lit, isn't it?", 3),
        ("猫在睡觉。", 4),
        ("ein Bär 熊", 3),
        ("кот спит", 2),
        ("कुत्ता सोता है", 3),
    ],
)
def test_words_counts_in_any_script(text, count):
    assert len(words(text)) == count


@pytest.mark.parametrize(
    "text", ["", " \n\t", "\u00a0\u2003", "\u200b\u200d\ufeff", "\u2800\u3164"]
)
def test_is_blank_where_nothing_shows(text):
    assert is_blank(text)


@pytest.mark.parametrize("text", [".", "a", " 猫 ", "🌈"])
def test_is_blank_not_where_something_shows(text):
    assert not is_blank(text)


@pytest.mark.parametrize(
    ("text", "script", "share"),
    [
        ("Grün, größer!", "Latin", 1.0),
        ("abcé кот", "Latin", 4 / 7),
        ("猫が寝る", "Japanese", 1.0),
        ("猫が寝る", "Han", 2 / 4),
        ("고양이", "Hangul", 1.0),
        ("123 ...", "Latin", 0.0),
    ],
)
def test_share_written_in_counts_letters_only(text, script, share):
    assert share_written_in(text, script) == share
