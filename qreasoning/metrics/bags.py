"""Texts as bags of words, and how many words two bags share: the counting under ROUGE-1.

A word's second occurrence in a text is another feature than its first, so the words that two texts
share, counted with repetition, are the size of the intersection of two sets; for all pairs of two
lists of texts they are one product of two 0/1 matrices. What a word is, rouge-score decides: every
distinct run of letters and digits goes through its tokenizer and stemmer once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rouge_score.tokenize import tokenize
from rouge_score.tokenizers import porter

Array = NDArray[np.float64]
Index = NDArray[np.int64]

# From this share of the pairs on, a dense column of the product is cheaper than a sparse one.
_DENSE = 0.005


@dataclass(frozen=True)
class Bags:
    """n texts as sets of features: those of text i are `features[bounds[i]:bounds[i + 1]]`.

    `sizes`, (n,), counts the words, which are as many as the features. Features are numbers below
    `width` and mean the same word only within one call of `bags`.
    """

    features: Index
    bounds: Index
    sizes: Array
    width: int

    def sets(self) -> list[frozenset[int]]:
        """The features of each text."""
        flat, bounds = self.features.tolist(), self.bounds.tolist()
        return [frozenset(flat[a:b]) for a, b in pairwise(bounds)]

    def matrix(self, rows: Index) -> Any:
        """The texts `rows` as a sparse 0/1 matrix of shape (rows, width)."""
        from scipy.sparse import csr_array

        ones = np.ones(len(self.features), dtype=np.float32)
        shape = (len(self.sizes), self.width)
        return csr_array((ones, self.features, self.bounds), shape=shape)[rows]


def bags(texts: Sequence[str], *, stem: bool) -> Bags:
    """Bags of words of `texts`, by rouge-score's tokenizer and, with `stem`, its stemmer."""
    words = _Words(stem)
    numbers = [words.of(text) for text in texts]
    sizes = np.fromiter(map(len, numbers), dtype=np.int64, count=len(numbers))
    flat = np.fromiter(chain.from_iterable(numbers), dtype=np.int64, count=int(sizes.sum()))
    return _with_occurrences(flat, sizes, words)


def _with_occurrences(flat: Index, sizes: Index, words: "_Words") -> Bags:
    """Number every (word, k-th occurrence in its text), dropping what is no word."""
    text = np.repeat(np.arange(len(sizes)), sizes)
    text, flat = text[flat != _NO_WORD], flat[flat != _NO_WORD]
    found = max(len(words.known), 1)
    key = np.sort(text * found + flat)
    first = np.r_[True, key[1:] != key[:-1]][: len(key)]
    begins = np.flatnonzero(first)
    occurrence = np.arange(len(key)) - np.repeat(begins, np.diff(np.r_[begins, len(key)]))
    text, word = np.divmod(key, found)
    features = np.where(occurrence == 0, word, 0)
    again = occurrence > 0
    # First occurrences keep the number of their word; the rest are numbered after them.
    repeated, number = np.unique(occurrence[again] * found + word[again], return_inverse=True)
    features[again] = found + number
    sizes = np.bincount(text, minlength=len(sizes))
    bounds = np.r_[0, np.cumsum(sizes)]
    return Bags(features, bounds, sizes.astype(np.float64), found + len(repeated))


def overlaps(texts: Bags, left: Index, right: Index) -> Array:
    """How many words text left[i] shares with text right[i], (pairs,)."""
    sets = texts.sets()
    pairs = zip(left.tolist(), right.tolist(), strict=True)
    shared = (len(sets[a] & sets[b]) for a, b in pairs)
    return np.fromiter(shared, dtype=np.float64, count=len(left))


def overlap_tables(texts: Bags, left: Index, right: Index, rows: int = 250) -> Iterator[Array]:
    """The words that every text of `left` shares with every text of `right`, `rows` at a time.

    Tables of shape (at most `rows`, right), exact, in the order of `left`.
    """
    above, below = texts.matrix(left).tocsc(), texts.matrix(right).tocsc()
    common = np.diff(above.indptr) * np.diff(below.indptr)
    dense = common > _DENSE * len(left) * len(right)
    frequent = below[:, dense].toarray().T
    rare = below[:, ~dense & (common > 0)].T.tocsr()
    above_frequent, above_rare = above[:, dense].tocsr(), above[:, ~dense & (common > 0)].tocsr()
    for start in range(0, len(left), rows):
        part = slice(start, start + rows)
        shared = (above_rare[part] @ rare).toarray()
        shared += above_frequent[part].toarray() @ frequent
        yield shared.astype(np.float64)


class _Words:
    """Numbers of words, each looked at once."""

    def __init__(self, stem: bool) -> None:
        self.known: dict[str, int] = {}
        self._numbers = _Numbers(self.known, _Stemmer if stem else None)

    def of(self, text: str) -> list[int]:
        """The numbers of a text's words in their order; -1 for what turns out to be none."""
        lower = text.lower()
        if lower.isascii():
            return list(map(self._numbers.__getitem__, lower.translate(_SPACED).split()))
        return list(map(self._numbers.__getitem__, tokenize(lower, None)))


class _Numbers(dict[str, int]):
    """The number of a word as written; a new one is tokenized, and stemmed, by rouge-score."""

    def __init__(self, known: dict[str, int], stemmer: type["_Stemmer"] | None) -> None:
        super().__init__()
        self._known, self._stemmer = known, stemmer

    def __missing__(self, word: str) -> int:
        tokens = tokenize(word, self._stemmer)
        number = self._known.setdefault(tokens[0], len(self._known)) if tokens else _NO_WORD
        self[word] = number
        return number


class _Stemmer:
    """Porter's stemmer with a memory: stemming is nine tenths of rouge-score's time."""

    @staticmethod
    @lru_cache(maxsize=100_000)
    def stem(word: str) -> str:
        stemmed: str = _PORTER.stem(word)
        return stemmed


_PORTER = porter.PorterStemmer()
_NO_WORD = -1
# What is no letter or digit becomes a space, as rouge-score's own pattern has it.
_SPACED = {
    code: chr(code) if chr(code).isdigit() or "a" <= chr(code) <= "z" else " "
    for code in range(128)
}
