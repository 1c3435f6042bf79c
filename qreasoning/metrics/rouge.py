"""ROUGE-1: how many words two texts share, counted with repetition.

Source: Lin 2004; the definition followed here, bit for bit, is that of rouge-score 0.1.2, whose
tokenizer and stemmer are used: lower-cased runs of a-z and 0-9, stemmed by Porter if asked. Text in
other scripts has no token and scores 0 even against itself, so such texts are counted (`empty`).
"""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rouge_score.tokenize import tokenize
from rouge_score.tokenizers import porter


class Rouge1(NamedTuple):
    """ROUGE-1 of n pairs of texts; each array has shape (n,) and values in [0, 1].

    `precision` is the share of the prediction's words that the reference has, `recall` the share of
    the reference's words that the prediction has, `fmeasure` their harmonic mean. `empty` is the
    number of texts, predictions and references together, without a single token: they score 0.
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    fmeasure: NDArray[np.float64]
    empty: int


def rouge1(predictions: Sequence[str], references: Sequence[str], *, stem: bool = False) -> Rouge1:
    """ROUGE-1 of each prediction against the reference at the same position.

    `stem` reduces words to their Porter stem first. Raises TypeError for anything that is no list
    of str (None and nan included) and ValueError for lists of different lengths.
    """
    _refuse_other_than_texts(predictions, "predictions")
    _refuse_other_than_texts(references, "references")
    if len(predictions) != len(references):
        raise ValueError(
            f"rouge1 compares pairs: {len(predictions)} predictions against "
            f"{len(references)} references"
        )
    stemmer = _Stemmer if stem else None
    predicted = [tokenize(text, stemmer) for text in predictions]
    referred = [tokenize(text, stemmer) for text in references]
    scores = [_score(p, r) for p, r in zip(predicted, referred, strict=True)]
    columns = np.array(scores, dtype=np.float64).reshape(-1, 3).T
    empty = sum(not tokens for tokens in (*predicted, *referred))
    return Rouge1(columns[0], columns[1], columns[2], empty)


def _score(predicted: list[str], referred: list[str]) -> tuple[float, float, float]:
    overlap = (Counter(predicted) & Counter(referred)).total()
    precision = overlap / max(len(predicted), 1)
    recall = overlap / max(len(referred), 1)
    if overlap == 0:
        return 0.0, 0.0, 0.0
    # In this order of operations the last bit is that of rouge-score.
    return precision, recall, 2 * precision * recall / (precision + recall)


class _Stemmer:
    """Porter's stemmer with a memory: stemming is nine tenths of the time without one."""

    @staticmethod
    @lru_cache(maxsize=100_000)
    def stem(word: str) -> str:
        stemmed: str = _PORTER.stem(word)
        return stemmed


_PORTER = porter.PorterStemmer()


def _refuse_other_than_texts(texts: Sequence[str], what: str) -> None:
    if isinstance(texts, str):
        raise TypeError(f"rouge1: {what} is one str; give a list of texts")
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(
                f"rouge1: {what}[{position}] is {text!r}, not a text; leave such pairs out and "
                "count them, or pass '' where nothing was written"
            )
