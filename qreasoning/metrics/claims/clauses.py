"""From a text to clauses: items of the lexicon in order, cut where one statement ends."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from qreasoning.metrics.claims.items import UNKNOWN, Item
from qreasoning.metrics.claims.lexicon import Entry, Lexicon, Phrases
from qreasoning.metrics.claims.scenes import of_picture
from qreasoning.metrics.claims.words import distinct, tokens

LONGEST = 40
"""Items of a clause: longer ones are cut, so that reading takes time in proportion to the text."""

_ENDS = frozenset({".", "!", "?", "\n", "...", "…", ";"})
_BREAKS = frozenset({":", "(", ")", "—", "–", "-", "--"})
_MARKS = {mark: Entry(mark, None, None, "", mark) for mark in (*_ENDS, *_BREAKS, ",")}
_DROPPED = frozenset({"filler", "protected", "likeness"})
_LIKE = frozenset({"like", "than"})
LIKENESS = 9
"""Words after `like` within which something is likened to."""
_FINITE = frozenset({"be", "have", "verb", "can", "modal", "need"})
_OPENS = frozenset({"det", "prep", "H", "pron", "pronoun", "x", "every", "no", "E"})
_ADVERBS = frozenset(
    {"however", "nevertheless", "nonetheless", "therefore", "thus", "hence", "otherwise"}
)
_NAMED = frozenset({"H", "x", "and", ",", "of", "det", "prep", "transparent"})
_PRONOUN_IS = frozenset({"they're", "we're", "you're", "i'm", "i've", "you've"})
_AFTER_IS = frozenset({"not", "no", "very", "slightly", "too", "det", "well", "badly"})
_SPLITS = frozenset({"but", "because", "despite", "if"})


class Clause(NamedTuple):
    """One statement; `link` is what joins it to the one before."""

    items: list[Item]
    link: str


def sentences(text: str, lexicon: Lexicon) -> Iterator[list[Item]]:
    """The items of each sentence, the closing mark included."""
    found: list[Item] = []
    for item in _items(text, lexicon):
        found.append(item)
        if item.kind in _ENDS:
            yield of_picture(found)
            found = []
    if found:
        yield of_picture(found)


def _items(text: str, lexicon: Lexicon) -> Iterator[Item]:
    cut = list(tokens(text))
    known = [_look_up(lexicon, word) for word, _, _ in cut]
    # Bases end with an empty one, so that the last word has a follower too.
    bases = [*(each.base for each in known), ""]
    position, count, likened = 0, len(cut), 0
    while position < count:
        word, start, end = cut[position]
        _, entry, following, scenes = known[position][:4]
        length = 1
        if scenes or bases[position + 1] in following:
            length, entry = _match(lexicon, known[position], bases, position, position < likened)
        if length > 1:
            end = cut[position + length - 1][2]
            word = " ".join(each[0] for each in cut[position : position + length])
        position += length
        if entry.kind == "likeness" or word in _LIKE:
            likened = position + LIKENESS
        elif entry.kind in _ENDS:
            likened = 0
        if entry.kind not in _DROPPED:
            yield Item(entry, entry.kind, start, end, word)


class _Known(NamedTuple):
    """A word: its base form; what it means by itself; the phrases that it begins, by the second
    word; whether it begins words of scenes; whether it can make a claim by itself, and before which
    others it can."""

    base: str
    entry: Entry
    following: Mapping[str, Phrases]
    scenes: bool
    claims: bool
    before: frozenset[str]


# Each of the words of a large text, or of many, is looked up once.
@lru_cache(maxsize=65_536)
def _look_up(lexicon: Lexicon, word: str) -> _Known:
    base = lexicon.base(word)
    entry = _MARKS.get(word) or _single(lexicon, word, base)
    following = lexicon.followers.get(base, {})
    scenes = any(base in words for words in lexicon.beside.values())
    before = frozenset(
        second
        for second, phrases in following.items()
        if any(claims_with(phrase) for _, phrase in phrases)
    )
    return _Known(base, entry, following, scenes, scenes or claims_with(entry), before)


def _single(lexicon: Lexicon, word: str, base: str) -> Entry:
    single = lexicon.single
    known = single.get(word) or single.get(lexicon.spelled(word)) or single.get(base)
    return known or UNKNOWN


def may_claim(text: str, lexicon: Lexicon) -> bool:
    """Whether a text has words that a claim can be made with: False is certain, and quick."""
    known = [_look_up(lexicon, word) for word in distinct(text)]
    if any(each.claims for each in known):
        return True
    bases = {each.base for each in known}
    return any(not each.before.isdisjoint(bases) for each in known)


def claims_with(entry: Entry) -> bool:
    """Whether an item can make a claim; the others only change what such ones say."""
    if entry.head is not None:
        return entry.head.kind != "region"  # of which something has to be said
    return entry.kind == "E" or entry.kind.startswith("participle")


def _match(
    lexicon: Lexicon, known: _Known, bases: list[str], position: int, likened: bool
) -> tuple[int, Entry]:
    if likened and (found := _scene_word(lexicon, "likeness", bases, position)):
        return found
    for parts, entry in known.following.get(bases[position + 1], ()):
        if bases[position : position + len(parts)] == parts:
            return len(parts), entry
    if known.entry.kind in _MARKS:
        return 1, known.entry
    return _scene_word(lexicon, "picture", bases, position) or (1, known.entry)


def _scene_word(
    lexicon: Lexicon, beside: str, bases: list[str], position: int
) -> tuple[int, Entry] | None:
    for parts, entry in lexicon.beside.get(beside, {}).get(bases[position], ()):
        if bases[position : position + len(parts)] == parts:
            return len(parts), entry
    return None


def clauses(sentence: list[Item]) -> Iterator[Clause]:
    """The clauses of a sentence."""
    found: list[Item] = []
    link, verb = "", False
    for index, item in enumerate(sentence):
        kind = item.kind
        if item.word == "'s":
            if not _is_verb(sentence, index):
                continue
            item = item._replace(kind="be")
        if kind in _ENDS or kind in _BREAKS:
            if kind == ":" and found and not verb and all(each.kind in _NAMED for each in found):
                continue
            if found:
                yield Clause(found, link)
            found, link, verb = [], ":" if kind == ":" else "", False
        elif kind in _SPLITS and not _inside(sentence, index, found):
            if found:
                yield Clause(found, link)
            found, link, verb = [], kind, False
        elif kind in (",", "and") and found and _new_statement(sentence, index, verb, found):
            yield Clause(found, link)
            found, link, verb = [], "and", False
        else:
            if len(found) == LONGEST:
                yield Clause(found, link)
                found, link, verb = [], "and", False
            verb = verb or is_finite(item)
            found.append(item)
    if found:
        yield Clause(found, link)


def is_finite(item: Item) -> bool:
    """Whether the item can be the verb of a clause."""
    if item.kind != "E":
        return item.kind in _FINITE
    form = item.entry.form
    if form == "clause":
        return True
    return item.entry.term is not None and item.entry.term.verb and form in ("", "s", "ing")


def _inside(sentence: list[Item], index: int, found: list[Item]) -> bool:
    """Whether a joining word joins nothing here: `so sharp`, `as sharp as`, `is still clean`."""
    word = sentence[index].word
    after = sentence[index + 1].kind if index + 1 < len(sentence) else "."
    if word in _ADVERBS:
        return index > 0 and sentence[index - 1].kind in ("be", "have", "modal", "can")
    if word == "that":
        return after in ("H", "x") and not found
    if word == "as":
        return after in ("E", "x", "H", "det") and not _verb_before_mark(sentence, index + 1)
    if word in ("so", "only", "still", "what"):
        follows = after in ("E", "very", "too", "well", "badly", "H", "x")
        return follows and not _verb_before_mark(sentence, index + 1)
    return False


def _verb_before_mark(sentence: list[Item], start: int) -> bool:
    for item in sentence[start : start + 8]:
        if item.kind in _ENDS or item.kind in (",", "and", "but", "because"):
            return False
        if is_finite(item):
            return True
    return False


def _new_statement(sentence: list[Item], index: int, verb: bool, found: list[Item]) -> bool:
    """Whether the comma or `and` at `index` begins a statement with a verb of its own."""
    following = [item for item in sentence[index + 1 : index + 3] if item.kind not in ("and", ",")]
    if not following:
        return False
    first = following[0]
    if first.kind == "pronoun" or first.word in _PRONOUN_IS:
        return True
    if "clause" in (first.entry.form, first.kind == "very" and following[-1].entry.form):
        return True
    if not verb and sentence[index].kind == "and":
        return found[0].kind == "no" and _has_own_verb(first, sentence, index + 1)
    if verb and sentence[index].kind == "," and _gapped(sentence, index + 1):
        return True
    if is_finite(first) and first.kind != "E":
        return verb
    if not verb:
        if found[0].kind == "no" and _list_goes_on(sentence, index):
            return False
        return (
            sentence[index + 1].kind != "and"
            and first.kind in _OPENS
            and _verb_in_segment(sentence, index + 1)
        )
    if first.kind == "E" and is_finite(first):
        return True
    if first.kind in ("not", "very", "well", "badly"):
        return False
    return first.kind in _OPENS and _verb_in_segment(sentence, index + 1)


def _has_own_verb(first: Item, sentence: list[Item], start: int) -> bool:
    """Whether after `no noise and` a thing follows of which something else is said."""
    wanted = first.entry.head is not None and first.entry.head.kind != "defect"
    return (first.kind == "det" or wanted) and _verb_in_segment(sentence, start)


def _gapped(sentence: list[Item], start: int) -> bool:
    """Whether a statement without its verb follows: `light is average, colors also good`."""
    rest = [item for item in sentence[start : start + 5] if item.word != "also"]
    if len(rest) < 2 or rest[0].kind != "H" or rest[1].kind != "E" or is_finite(rest[1]):
        return False
    return len(rest) == 2 or rest[2].kind in _ENDS or rest[2].kind in (",", "and", "but")


def _is_verb(sentence: list[Item], index: int) -> bool:
    """Whether `'s` is a verb (`the light's dim`) and no genitive (`the dog's blurry face`)."""
    following = sentence[index + 1 : index + 3]
    if not following or index == 0:
        return False
    kind = following[0].kind
    if sentence[index - 1].kind == "pronoun" or kind in _AFTER_IS:
        return True
    if kind not in ("E", "H"):
        return False
    return kind == "E" and (len(following) < 2 or following[1].kind not in ("H", "x", "E"))


def _list_goes_on(sentence: list[Item], index: int) -> bool:
    """Whether after `no noise,` another member of the same list follows."""
    for item in sentence[index + 1 : index + 9]:
        if item.word in ("or", "nor"):
            return True
        if is_finite(item) or item.kind in _ENDS:
            break
    following = sentence[index + 1]
    if following.entry.head is None:
        return False
    return following.entry.head.kind != "region" or not _verb_in_segment(sentence, index + 1)


def _verb_in_segment(sentence: list[Item], start: int) -> bool:
    for item in sentence[start : start + 14]:
        if item.kind in _ENDS or item.kind in _BREAKS or item.kind in ("but", "because", ","):
            return False
        if item.kind == "and" and item.word == "and" and item is not sentence[start]:
            continue
        if is_finite(item):
            return True
    return False
