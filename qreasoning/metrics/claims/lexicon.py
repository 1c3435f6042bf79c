"""The lexicon: what words of image quality mean, read from YAML and made ready for look-up."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import yaml

from qreasoning.errors import SettingsError
from qreasoning.metrics.claims.entries import DIMENSIONS, Entry, Head, LexiconFile, Sense, entries
from qreasoning.metrics.claims.words import adjective_forms, plural, tokens, verb_forms
from qreasoning.settings import read_yaml, validate

__all__ = ["DIMENSIONS", "Entry", "Head", "Lexicon", "Sense", "load_lexicon", "shipped_version"]

SHIPPED = Path(str(files("qreasoning.metrics.claims") / "lexicon.yaml"))

Phrases = list[tuple[list[str], Entry]]
"""Phrases as the base forms of their words, each with its entry; the longest first."""


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
        self.followers: dict[str, dict[str, Phrases]] = {}
        """Phrases by their first word and their second, in base forms."""
        self.beside: dict[str, dict[str, Phrases]] = {}
        every = [(word, entry) for each in contents for word, entry in entries(each)]
        made = [(word, entry) for word, entry in every if not entry.beside]
        for word, entry in made:
            if " " not in word and "-" not in word and word != "&":
                self.single.setdefault(word, entry)
        for word, entry in made:
            if entry.form in ("", "role"):
                self._add_forms(word, entry)
        for word, entry in made:
            for form in (word, plural(word)) if entry.head else (word,):
                self._add_phrase(form, entry)
        # Most words of a text are looked up here, without a call more.
        self._known.update({form: form for form in self.single if self.spelled(form) == form})
        self._known.update(self._base)
        for following in self.followers.values():
            for found in following.values():
                found.sort(key=lambda each: -len(each[0]))
        for word, entry in every:
            if entry.beside:
                self._add_scene_word(word, entry)

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
        found = self.followers.setdefault(parts[0], {}).setdefault(parts[1], [])
        if all(list(parts) != other for other, _ in found):
            form = "clause" if self._says(parts) and entry.kind == "E" else entry.form
            found.append((list(parts), entry._replace(form=form)))

    def _add_scene_word(self, word: str, entry: Entry) -> None:
        words = self.beside.setdefault(entry.beside, {})
        for form in (word, plural(word)) if entry.head else (word,):
            parts = [self.base(token) for token, _, _ in tokens(form)]
            found = words.setdefault(parts[0], [])
            found.append((parts, entry))
            found.sort(key=lambda each: -len(each[0]))

    def _says(self, parts: tuple[str, ...]) -> bool:
        """Whether a phrase has a subject and a verb of its own: `highlights are gone`."""
        known = [self.single.get(part) for part in parts]
        # The subject may have an adjective: `warm colors are missing`.
        subject = next((k for k, each in enumerate(known[:2]) if each and each.kind == "H"), None)
        return subject is not None and any(
            each is not None and (each.kind in ("be", "have", "verb") or _is_verb(each))
            for each in known[subject + 1 :]
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


def _content(path: Path) -> LexiconFile:
    # Ours is sound and large: libyaml reads it ten times as fast.
    if path == SHIPPED:
        return validate(yaml.load(path.read_bytes(), Loader=_QuickSafeLoader), LexiconFile, path)  # noqa: S506
    return validate(read_yaml(path), LexiconFile, path)


_QuickSafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@lru_cache(maxsize=1)
def shipped_version() -> str:
    """The version of the shipped lexicon, without the second that reading it takes."""
    with SHIPPED.open(encoding="utf-8") as file:
        line = next(line for line in file if line.startswith("version:"))
    return line.split()[1]


@lru_cache(maxsize=4)
def load_lexicon(*paths: Path) -> Lexicon:
    """The shipped lexicon, with the words of a study's own files added to it.

    Raises SettingsError naming the file and the key where one cannot be used.
    """
    sources = [*reversed(paths), SHIPPED]
    contents = [_content(path) for path in sources]
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
