"""The lexicon: what words of image quality mean, read from YAML and made ready for look-up."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, Field

from qreasoning.errors import SettingsError
from qreasoning.metrics.claims.words import adjective_forms, plural, tokens, verb_forms
from qreasoning.settings import Settings, read_yaml, validate

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
    `seen`, `bother`, `bokeh`."""

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


class Entry(NamedTuple):
    """One look-up: `kind` is `H`, `E` or the name of a grammar list; `form` names an inflection."""

    kind: str
    head: Head | None
    term: Term | None
    form: str
    word: str


def _sense(text: str | None) -> str | None:
    parts = (text or "none").split()
    known = {*DIMENSIONS, "good", "much", "mild", "seen", "bother"}
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
    words: tuple[str, ...] = Field(min_length=1)
    """Base forms; plurals are made by rule."""


class TermSettings(Settings):
    """Words that evaluate, with one set of senses."""

    means: dict[str, Annotated[str | None, AfterValidator(_sense)]] | None = None
    """Sense by head class, dimension or kind, `?` (an unknown thing) and `*` (anything else)."""
    generic: float | None = Field(default=None, ge=-3, le=3)
    """A judgement that applies to whatever is spoken of, -3 to 3."""
    pos: Literal["a", "v"] = "a"
    """Inflected as an adjective or as a verb."""
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


class Lexicon:
    """Words ready for look-up; `version` and `sha256` say which.

    A study's files come before the shipped one: where both name a word, the study's meaning counts.
    """

    def __init__(self, contents: Sequence[LexiconFile], sha256: str) -> None:
        self.version = "+".join(str(each.version) for each in contents)
        self.sha256 = sha256
        self.spelling = {
            old: new for each in reversed(contents) for old, new in each.spelling.items()
        }
        self.opposites: dict[str, tuple[str, int]] = {}
        for one, other in (pair for each in contents for pair in each.opposites):
            self.opposites.setdefault(one, (one, 1))
            self.opposites.setdefault(other, (one, -1))
        self._stems = {old: new for each in reversed(contents) for old, new in each.stems.items()}
        self.spelled = lru_cache(maxsize=65_536)(self._spelled)
        self.single: dict[str, Entry] = {}
        self._base: dict[str, str] = {}
        self._known: dict[str, str] = {}
        self.phrases: dict[tuple[str, str], list[tuple[list[str], Entry]]] = {}
        made = [(word, entry) for each in contents for word, entry in _entries(each)]
        for word, entry in made:
            if " " not in word and "-" not in word and word != "&":
                self.single.setdefault(word, entry)
        for word, entry in made:
            if entry.form in ("", "role"):
                self._add_forms(word, entry)
        for word, entry in made:
            self._add_phrase(word, entry)
        # Most words of a text are looked up here, without a call more.
        self._known.update({form: form for form in self.single if self.spelled(form) == form})
        self._known.update(self._base)
        for found in self.phrases.values():
            found.sort(key=lambda each: -len(each[0]))

    def base(self, word: str) -> str:
        """The base form of a lower-case word, or the word itself."""
        found = self._known.get(word)
        if found is None:
            spelled = self.spelled(word)
            found = self._base.get(spelled, spelled)
        return found

    def _spelled(self, word: str) -> str:
        """A lower-case word in the spelling of the lexicon."""
        if word in self.spelling:
            return self.spelling[word]
        for old, new in self._stems.items():
            if old in word:
                return word.replace(old, new)
        return word

    def _add_forms(self, word: str, entry: Entry) -> None:
        if " " in word or "-" in word:
            return
        for form, name in _forms(word, entry).items():
            if form not in self.single:
                self.single[form] = entry._replace(form=name)
            if (
                name not in ("ly", "er", "est")
                and form not in self._base
                and self.single[form].word == entry.word
            ):
                self._base[form] = word

    def _add_phrase(self, word: str, entry: Entry) -> None:
        parts = tuple(self.base(token) for token, _, _ in tokens(word))
        if len(parts) < 2:
            return
        found = self.phrases.setdefault((parts[0], parts[1]), [])
        if all(list(parts) != other for other, _ in found):
            form = "clause" if self._says(parts) and entry.kind == "E" else entry.form
            found.append((list(parts), entry._replace(form=form)))

    def _says(self, parts: tuple[str, ...]) -> bool:
        """Whether a phrase has a subject and a verb of its own: `highlights are gone`."""
        first = self.single.get(parts[0])
        rest = [self.single.get(part) for part in parts[1:]]
        return (
            first is not None
            and first.kind == "H"
            and any(
                each is not None and (each.kind in ("be", "have", "verb") or _is_verb(each))
                for each in rest
            )
        )


def _is_verb(entry: Entry) -> bool:
    return entry.term is not None and entry.term.verb and entry.form in ("", "s")


def _forms(word: str, entry: Entry) -> dict[str, str]:
    if entry.kind in ("H", "transparent"):
        return {plural(word): "s"}
    if entry.kind in ("be", "have", "verb", "need"):
        return verb_forms(word)
    if entry.kind != "E" or entry.term is None:
        return {}
    return verb_forms(word) if entry.term.verb else adjective_forms(word)


def _entries(content: LexiconFile) -> Iterator[tuple[str, Entry]]:
    for name, each in content.heads.items():
        head = Head(name, each.kind, each.dimension, each.seen, each.locus, each.mode)
        for word in each.words:
            yield word, Entry("H", head, None, "", word)
    for term in content.terms:
        read = Term(_senses(term), term.pos == "v", term.generic)
        for word in term.words:
            yield word, Entry("E", None, read, "", word)
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


@lru_cache(maxsize=4)
def load_lexicon(*paths: Path) -> Lexicon:
    """The shipped lexicon, with the words of a study's own files added to it.

    Raises SettingsError naming the file and the key where one cannot be used.
    """
    shipped = Path(str(files("qreasoning.metrics.claims") / "lexicon.yaml"))
    sources = [*reversed(paths), shipped]
    contents = [validate(read_yaml(path), LexiconFile, path) for path in sources]
    _check_roles(contents, sources)
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    return Lexicon(contents, digest)


def _check_roles(contents: Sequence[LexiconFile], sources: Sequence[Path]) -> None:
    known = contents[-1].grammar.keys()
    for content, path in zip(contents, sources, strict=True):
        for role in content.grammar.keys() - known:
            raise SettingsError(
                f"{path}: unknown role '{role}' under grammar. Use one of {', '.join(known)}."
            )
