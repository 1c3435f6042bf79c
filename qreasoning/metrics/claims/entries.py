"""What a lexicon file holds: its shape, and its words with their meanings."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, Field

from qreasoning.settings import Settings

DIMENSIONS = (
    "brightness",
    "contrast",
    "colorfulness",
    "sharpness",
    "noise",
    "artifacts",
    "composition",
    "content",
    "overall",
)
"""The eight dimensions of `dimensions.yaml` and `overall`, a verdict on the whole picture."""


class Sense(NamedTuple):
    """What a term says of a head: `kind` is a dimension, `good`, `much`, `mild`,
    `seen`, `bother`, `legible`, `bokeh`."""

    kind: str
    value: float
    mode: str


class Head(NamedTuple):
    """A thing that is spoken of."""

    name: str
    kind: str
    dimension: str | None
    seen: str | None
    locus: str
    mode: str


class Term(NamedTuple):
    """A word that evaluates: senses by head class, dimension or kind, `?` and `*`."""

    senses: Mapping[str, Sense | None]
    verb: bool
    generic: float | None
    excuses: bool = False


class Entry(NamedTuple):
    """One look-up: `kind` is `H`, `E` or the name of a grammar list; `form` names an inflection;
    `beside` says what a word of scenes must stand beside to be read."""

    kind: str
    head: Head | None
    term: Term | None
    form: str
    word: str
    beside: str = ""


def _sense(text: str | None) -> str | None:
    parts = (text or "none").split()
    known = {*DIMENSIONS, "good", "much", "mild", "seen", "bother", "legible"}
    if parts == ["none"] or parts == ["bokeh"]:
        return text
    if (
        not 2 <= len(parts) <= 3
        or parts[0] not in known
        or (parts[2:] or ["over"])[0]
        not in (
            "under",
            "over",
        )
    ):
        raise ValueError(f"'{text}' must be '<dimension> <value> [under|over]', 'none' or 'bokeh'")
    try:
        value = float(parts[1])
    except ValueError:
        raise ValueError(f"'{parts[1]}' in '{text}' must be a number from -3 to 3") from None
    if not -3 <= value <= 3:
        raise ValueError(f"'{parts[1]}' in '{text}' must be a number from -3 to 3")
    return text


class HeadSettings(Settings):
    """Nouns of one class."""

    kind: Literal["good", "defect", "neutral", "region"]
    """Wanted, unwanted, evaluated only, or a place or thing in the picture."""
    dimension: Literal[DIMENSIONS] | None = None  # type: ignore[valid-type]
    """What a judgement of it speaks for."""
    seen: Literal[DIMENSIONS] | None = None  # type: ignore[valid-type]
    """What its being visible speaks for."""
    locus: Literal["image", "subject", "background"] = "image"
    """Where it is."""
    mode: Literal["", "under", "over"] = ""
    """Which of two opposite errors the defect is."""
    beside: Literal["", "likeness", "picture"] = ""
    """For words of scenes: what they must stand beside to be read, a likeness (`like sand`) or a
    word of the picture (`dirt on the lens`)."""
    words: tuple[str, ...] = Field(min_length=1)
    """Base forms; plurals are made by rule."""


class TermSettings(Settings):
    """Words that evaluate, with one set of senses."""

    means: dict[str, Annotated[str | None, AfterValidator(_sense)]] | None = None
    """Sense by head class, dimension or kind, `?` (an unknown thing) and `*` (anything else)."""
    generic: float | None = Field(default=None, ge=-3, le=3)
    """A judgement that applies to whatever is spoken of, -3 to 3."""
    excuses: bool = False
    """Whether a flaw that it is said of, in a clause by itself, is nothing: `but bearable`."""
    pos: Literal["a", "v"] = "a"
    """Inflected as an adjective or as a verb."""
    beside: Literal["", "likeness", "picture"] = ""
    """As with heads."""
    words: tuple[str, ...] = Field(min_length=1)
    """Base forms and phrases."""


class LexiconFile(Settings):
    """A lexicon file: the shipped one, or a study's additions to it."""

    version: int = Field(ge=1)
    """Raised when the meaning of a word changes."""
    spelling: dict[str, str] = Field(default={})
    """British, American and frequent wrong spellings, each with the form used below."""
    stems: dict[str, str] = Field(default={})
    """The same for parts of words: `colour` is `color` in `discoloured`."""
    heads: dict[str, HeadSettings] = Field(default={})
    """By class."""
    terms: tuple[TermSettings, ...] = ()
    """In order: where two name a word, the first counts."""
    opposites: tuple[tuple[str, str], ...] = ()
    """Pairs of words of which one turns a sentence into the opposite of the other."""
    grammar: dict[str, Any] = Field(default={})
    """Function words by role; the shipped file lists the roles."""


def entries(content: LexiconFile) -> Iterator[tuple[str, Entry]]:
    """Each word of a file in its base form, with its entry."""
    for name, each in content.heads.items():
        head = Head(name, each.kind, each.dimension, each.seen, each.locus, each.mode)
        for word in each.words:
            yield word, Entry("H", head, None, "", word, each.beside)
    for term in content.terms:
        read = Term(_senses(term), term.pos == "v", term.generic, term.excuses)
        for word in term.words:
            yield word, Entry("E", None, read, "", word, term.beside)
    for role, words in content.grammar.items():
        groups = words.items() if isinstance(words, dict) else [("", words)]
        for group, members in groups:
            for word in members:
                yield word, Entry(f"{role} {group}".strip(), None, None, "role", word)


def _senses(term: TermSettings) -> dict[str, Sense | None]:
    if term.generic is not None:
        return {"*": Sense("good", term.generic, "")}
    return {key: _read_sense(text) for key, text in (term.means or {}).items()}


def _read_sense(text: str | None) -> Sense | None:
    if text is None or text == "none":
        return None
    parts = text.split()
    if parts == ["bokeh"]:
        return Sense("bokeh", 0, "")
    return Sense(parts[0], float(parts[1]), parts[2] if len(parts) > 2 else "")
