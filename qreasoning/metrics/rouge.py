"""ROUGE-1: how many words two texts share, counted with repetition.

Source: Lin 2004; the definition followed here, bit for bit, is that of rouge-score 0.1.2, whose
tokenizer and stemmer are used: lower-cased runs of a-z and 0-9, stemmed by Porter if asked. Text in
other scripts has no token and scores 0 even against itself, so such texts are counted (`empty`,
`unread`).

A picture has several human texts. `rouge1_each` compares with each of them; `aggregated` makes one
number of them, by name:

- `mean` over the humans;
- `max`, the human of the highest F, as rouge-score's `score_multi`; it grows with their number;
- `leave_one_out`, the mean over the humans left out of `max` over the others: what a person among
  them could get, so it may be compared with `rouge1_humans(…, aggregate="max")`.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qreasoning.metrics.bags import Array, Bags, Index, bags, overlap_tables, overlaps

Aggregate = Literal["mean", "max", "leave_one_out"]
_FOREIGN = 0.2


class Rouge1(NamedTuple):
    """ROUGE-1 of n pairs of texts; each array has shape (n,) and values in [0, 1].

    `precision` is the share of the prediction's words that the reference has, `recall` the share of
    the reference's words that the prediction has, `fmeasure` their harmonic mean. `empty` is the
    number of texts, predictions and references together, without a single token: they score 0.
    Other functions than `rouge1` give arrays of another shape, and say so.
    """

    precision: Array
    recall: Array
    fmeasure: Array
    empty: int


class Unread(NamedTuple):
    """Texts that ROUGE-1 cannot read: without a token, or over 20 % of letters beyond a-z."""

    empty: int
    foreign: int


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
    texts, (left, right) = _bags(predictions, references, stem=stem)
    return _pairs(texts, left, right, _empty(texts, left, right))


def rouge1_table(
    predictions: Sequence[str], references: Sequence[str], *, stem: bool = False
) -> Rouge1:
    """ROUGE-1 of every prediction against every reference: arrays (predictions, references).

    Raises TypeError for anything that is no list of str.
    """
    _refuse_other_than_texts(predictions, "predictions")
    _refuse_other_than_texts(references, "references")
    texts, (left, right) = _bags(predictions, references, stem=stem)
    shape = (len(left), len(right))
    scores = [np.empty(shape) for _ in range(3)]
    done = 0
    for shared in overlap_tables(texts, left, right):
        part = slice(done, done + len(shared))
        found = _scores(shared, texts.sizes[left[part]][:, None], texts.sizes[right][None])
        for each, values in zip(scores, found, strict=True):
            each[part] = values
        done += len(shared)
    return _result(scores, _empty(texts, left, right))


def rouge1_each(
    predictions: Sequence[str], humans: Sequence[Sequence[str]], *, stem: bool = False
) -> Rouge1:
    """ROUGE-1 of each picture's prediction against each of its human texts.

    Arrays of shape (pictures, most humans of any), nan where a picture has fewer. Raises TypeError
    and ValueError as `rouge1`.
    """
    counts = _counts(humans)
    if len(predictions) != len(humans):
        raise ValueError(f"rouge1: {len(predictions)} predictions for {len(humans)} pictures")
    _refuse_other_than_texts(predictions, "predictions")
    flat = [text for texts in humans for text in texts]
    texts, (left, right) = _bags(predictions, flat, stem=stem)
    picture, place = _places(counts)
    found = _pairs(texts, left[picture], right, _empty(texts, left, right))
    shape = (len(humans), int(counts.max(initial=0)))
    return _spread(found, (picture, place), shape)


def rouge1_between(humans: Sequence[Sequence[str]], *, stem: bool = False) -> Rouge1:
    """ROUGE-1 of every human text of a picture, as the prediction, against every other one of it.

    Arrays of shape (pictures, most, most): rater i's text against rater j's; nan on the diagonal
    and where a picture has fewer texts. Raises TypeError as `rouge1`.
    """
    counts = _counts(humans)
    flat = [text for texts in humans for text in texts]
    texts, (own,) = _bags(flat, stem=stem)
    picture, place = _places(counts)
    first = np.r_[0, np.cumsum(counts)].astype(np.int64)
    # Every text, repeated once for each text of its picture, itself included.
    left = np.repeat(np.arange(len(flat)), counts[picture])
    start = np.repeat(first[picture], counts[picture])
    within = np.arange(len(left)) - np.repeat(
        np.r_[0, np.cumsum(counts[picture])[:-1]][: len(flat)], counts[picture]
    )
    right = start + within
    other = left != right
    left, right = left[other], right[other]
    found = _pairs(texts, own[left], own[right], _empty(texts, own))
    most = int(counts.max(initial=0))
    cells = picture[left], place[left], place[right]
    return _spread(found, cells, (len(humans), most, most))


def aggregated(each: Rouge1, how: Aggregate) -> Rouge1:
    """One number per picture of scores against each human, last axis; nan where there is none.

    `leave_one_out` needs two humans. A picture's precision and recall are those of the human that
    `max` chose by F.
    """
    known = ~np.isnan(each.fmeasure)
    count = known.sum(axis=-1)
    if how == "mean":
        return _result([_mean(column, known, count) for column in _columns(each)], each.empty)
    order = np.argsort(np.where(known, -each.fmeasure, np.inf), axis=-1, kind="stable")
    least = {"max": 1, "leave_one_out": 2}[how]
    enough = count >= least
    columns = []
    for column in _columns(each):
        ordered = np.take_along_axis(column, order[..., :least], axis=-1)
        chosen = np.full(enough.shape, np.nan)
        if ordered.shape[-1] == least:
            # Left out in turn, all but one of k leave the best; that one leaves the second best.
            share = (1 / np.maximum(count, 1))[enough] if least == 2 else 0.0
            best, next_best = ordered[..., 0][enough], ordered[..., -1][enough]
            chosen[enough] = best * (1 - share) + next_best * share
        columns.append(chosen)
    return _result(columns, each.empty)


def rouge1_against(
    predictions: Sequence[str],
    humans: Sequence[Sequence[str]],
    *,
    aggregate: Aggregate = "mean",
    stem: bool = False,
) -> Rouge1:
    """ROUGE-1 of each picture's prediction against its human texts, aggregated as named.

    Arrays (pictures,); nan where a picture has no human text (two for `leave_one_out`). Raises
    TypeError and ValueError as `rouge1`.
    """
    return aggregated(rouge1_each(predictions, humans, stem=stem), aggregate)


def rouge1_humans(
    humans: Sequence[Sequence[str]],
    *,
    aggregate: Literal["mean", "max"] = "mean",
    stem: bool = False,
) -> Rouge1:
    """The human ceiling: each person's text against the others' of the picture, the mean of all.

    Arrays (pictures,), nan where a picture has fewer than two texts. Compare a model by `mean`
    with `mean` here, and by `leave_one_out` with `max` here. Raises TypeError as `rouge1`.
    """
    own = aggregated(rouge1_between(humans, stem=stem), aggregate)
    return aggregated(own, "mean")


def rouge1_mismatched(
    models: Sequence[Sequence[str]], humans: Sequence[Sequence[str]], *, stem: bool = False
) -> Rouge1:
    """The floor: each prediction against the human texts of all *other* pictures, their mean.

    `models` holds one list of predictions per model, each as long as `humans`. Arrays of shape
    (models, pictures); every pair is computed, none is drawn. nan where no other picture has a
    text. Raises TypeError and ValueError as `rouge1`.
    """
    counts = _counts(humans)
    for each in models:
        _refuse_other_than_texts(each, "predictions")
        if len(each) != len(humans):
            raise ValueError(f"rouge1: {len(each)} predictions for {len(humans)} pictures")
    flat = [text for texts in humans for text in texts]
    texts, (*lefts, right) = _bags(*models, flat, stem=stem)
    first = np.r_[0, np.cumsum(counts)].astype(np.int64)
    found = [_means_of_others(texts, left, right, first) for left in lefts]
    columns = np.array(found, dtype=np.float64).reshape(len(models), 3, len(humans))
    precision, recall, fmeasure = np.moveaxis(columns, 1, 0)
    return Rouge1(precision, recall, fmeasure, _empty(texts, *lefts, right))


def _means_of_others(texts: Bags, left: Index, right: Index, first: Index) -> Array:
    """Precision, recall and F, (3, pictures): means over the human texts of other pictures."""
    means, done = np.full((3, len(left)), np.nan), 0
    sizes = texts.sizes[right][None]
    for shared in overlap_tables(texts, left, right):
        rows = np.arange(done, done + len(shared))
        others = len(right) - (first[rows + 1] - first[rows])
        for each, row in enumerate(rows):
            # The picture's own texts share nothing here and so add nothing to the sums.
            shared[each, first[row] : first[row + 1]] = 0.0
        found = _scores(shared, texts.sizes[left[rows]][:, None], sizes)
        sums = np.stack([column.sum(axis=1) for column in found])
        means[:, rows] = np.divide(sums, others, out=np.full(sums.shape, np.nan), where=others > 0)
        done += len(shared)
    return means


def unread(texts: Sequence[str]) -> Unread:
    """Count the texts that ROUGE-1 reads in part or not at all. Raises TypeError as `rouge1`."""
    _refuse_other_than_texts(texts, "texts")
    found, places = _bags(texts, stem=False)
    return Unread(_empty(found, *places), sum(map(_is_foreign, texts)))


def _is_foreign(text: str) -> bool:
    letters = [each for each in text if each.isalpha()]
    return sum(not each.isascii() for each in letters) > _FOREIGN * len(letters)


def _bags(*lists: Sequence[str], stem: bool) -> tuple[Bags, list[Index]]:
    """The bags of all distinct texts, and each list as numbers of them."""
    number: dict[str, int] = {}
    places = [
        np.fromiter((number.setdefault(t, len(number)) for t in texts), np.int64, len(texts))
        for texts in lists
    ]
    return bags(list(number), stem=stem), places


def _empty(texts: Bags, *lists: Index) -> int:
    return sum(int((texts.sizes[each] == 0).sum()) for each in lists)


def _pairs(texts: Bags, left: Index, right: Index, empty: int) -> Rouge1:
    shared = overlaps(texts, left, right)
    return _result(_scores(shared, texts.sizes[left], texts.sizes[right]), empty)


def _result(columns: Sequence[Array], empty: int) -> Rouge1:
    precision, recall, fmeasure = columns
    return Rouge1(precision, recall, fmeasure, empty)


def _columns(scores: Rouge1) -> tuple[Array, Array, Array]:
    return scores.precision, scores.recall, scores.fmeasure


def _scores(shared: Array, predicted: Array, referred: Array) -> tuple[Array, Array, Array]:
    precision = shared / np.maximum(predicted, 1)
    recall = shared / np.maximum(referred, 1)
    total = precision + recall
    # In this order of operations the last bit is that of rouge-score.
    fmeasure = 2 * precision * recall / np.where(total > 0, total, 1.0)
    return precision, recall, fmeasure


def _mean(values: Array, known: NDArray[np.bool_], count: NDArray[np.int64]) -> Array:
    total = np.where(known, values, 0.0).sum(axis=-1)
    result: Array = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return result


def _counts(humans: Sequence[Sequence[str]]) -> Index:
    for each in humans:
        _refuse_other_than_texts(each, "the human texts of a picture")
    return np.array([len(each) for each in humans], dtype=np.int64)


def _places(counts: Index) -> tuple[Index, Index]:
    """Picture of each human text, and its place among those of the picture."""
    picture = np.repeat(np.arange(len(counts)), counts)
    start = np.r_[0, np.cumsum(counts)].astype(np.int64)
    return picture, np.arange(len(picture)) - start[picture]


def _spread(pairs: Rouge1, cells: tuple[Index, ...], shape: tuple[int, ...]) -> Rouge1:
    """The scores of pairs at their `cells` of tables of `shape`, nan elsewhere."""
    tables = [np.full(shape, np.nan) for _ in range(3)]
    for each, column in zip(tables, _columns(pairs), strict=True):
        each[cells] = column
    return _result(tables, pairs.empty)


def _refuse_other_than_texts(texts: Sequence[str], what: str) -> None:
    if isinstance(texts, str):
        raise TypeError(f"rouge1: {what} is one str; give a list of texts")
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(
                f"rouge1: {what}[{position}] is {text!r}, not a text; leave such pairs out and "
                "count them, or pass '' where nothing was written"
            )
