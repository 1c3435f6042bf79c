"""BERTScore and embedding cosine of pairs of texts, from one forward pass per distinct text.

BERTScore's definition is that of bert-score 0.3.13 without idf weights (Zhang et al. 2020): each
token is matched with the most similar one of the other text; precision is the mean over the
prediction's tokens, recall over the reference's. Where bert-score fails the answer is the one it
means: an empty text scores 0, RoBERTa's first word is a word like any other, long texts are cut and
counted, a folder's layer need not be in the table. The cosine is that of the mean-pooled vectors of
the last layer, as in sentence-transformers.

Scores are rounded to six decimals, so that the composition of a batch leaves no trace in them.
"""

import csv
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qreasoning.errors import SettingsError
from qreasoning.metrics.encoder import Encoded, Encoder, Identity, load
from qreasoning.metrics.semantic_cache import Cache, Pair, Vector

__all__ = ["Encoder", "Identity", "Semantic", "load", "semantic", "vectors"]

Array = NDArray[np.float64]
Vectors = NDArray[np.float32]

# Distinct texts whose token embeddings are held at once: about 100 MB at 128 tokens of 384.
_WINDOW = 512


@dataclass(frozen=True)
class Semantic:
    """Scores of n pairs: BERTScore's `precision`, `recall`, `fmeasure` and the `cosine`, all (n,).

    A pair with an empty text scores 0 in all four. `empty` and `cut` count texts, predictions and
    references together: those without a word, and those longer than the model's limit. `identity`
    names the model, `baseline` what the scores were rescaled with (None: they are raw).
    """

    precision: Array
    recall: Array
    fmeasure: Array
    cosine: Array
    empty: int
    cut: int
    identity: Identity
    baseline: str | None


def semantic(
    predictions: Sequence[str],
    references: Sequence[str],
    encoder: Encoder,
    *,
    baseline: str | Path | None = None,
    cache: Path | None = None,
) -> Semantic:
    """BERTScore and cosine of each prediction against the reference at the same position.

    `baseline` rescales BERTScore as bert-score does: a language ("en") for the baseline that
    bert-score brings for a hub model, or the path of such a file. `cache` is a folder in which pair
    scores and pooled vectors are kept by text, model and layer (never token embeddings).

    Raises TypeError for anything that is no list of str, ValueError for lists of different lengths,
    SettingsError where there is no such baseline, DataError for a damaged cache.
    """
    for texts, what in ((predictions, "predictions"), (references, "references")):
        _refuse_other_than_texts(texts, what)
    if len(predictions) != len(references):
        raise ValueError(
            f"semantic compares pairs: {len(predictions)} predictions against "
            f"{len(references)} references"
        )
    scale = None if baseline is None else _baseline(baseline, encoder.identity)
    texts, (left, right) = _numbered(predictions, references)
    with closing(Cache(cache, encoder.identity)) as kept:
        known = kept.vectors(texts)
        scores = kept.pairs(texts, sorted(set(zip(left, right, strict=True))))
        for encoded, pairs in _windows(texts, known, scores, encoder):
            known |= {place: Vector(each.vector, each.cut) for place, each in encoded.items()}
            fresh = {pair: _bert_score(encoded[pair[0]], encoded[pair[1]]) for pair in pairs}
            scores |= fresh
            kept.add(texts, {place: known[place] for place in encoded}, fresh)
    table = np.array([scores[pair] for pair in zip(left, right, strict=True)], dtype=np.float64)
    table = table.reshape(-1, 3)
    if scale is not None:
        table = (table - scale) / (1 - scale)
    precision, recall, fmeasure = table.T.round(6)
    every = [known[place] for place in (*left, *right)]
    return Semantic(
        precision,
        recall,
        fmeasure,
        _cosines([known[place].values for place in left], [known[place].values for place in right]),
        sum(not each.values.any() for each in every),
        sum(each.cut for each in every),
        encoder.identity,
        None if baseline is None else str(baseline),
    )


def vectors(texts: Sequence[str], encoder: Encoder, *, cache: Path | None = None) -> Vectors:
    """The pooled vector of each text, of length 1, or 0 for a text without a word: (texts, width).

    The product with another such table holds the cosine of every pair. Raises TypeError and
    DataError as `semantic`.
    """
    _refuse_other_than_texts(texts, "texts")
    distinct, (places,) = _numbered(texts)
    with closing(Cache(cache, encoder.identity)) as kept:
        known = kept.vectors(distinct)
        missing = [place for place in range(len(distinct)) if place not in known]
        for start in range(0, len(missing), 4 * _WINDOW):
            part = missing[start : start + 4 * _WINDOW]
            encoded = encoder.encode([distinct[place] for place in part], tokens=False)
            fresh = {p: Vector(e.vector, e.cut) for p, e in zip(part, encoded, strict=True)}
            kept.add(distinct, fresh, {})
            known |= fresh
    rows = [known[place].values for place in places]
    return np.stack(rows) if rows else np.empty((0, 0), dtype=np.float32)


def _windows(
    texts: Sequence[str],
    known: dict[int, Vector],
    scores: dict[tuple[int, int], Pair | None],
    encoder: Encoder,
) -> Iterator[tuple[dict[int, Encoded], list[tuple[int, int]]]]:
    """Encode what has no score yet, some hundred texts at a time, with the pairs among them.

    Pairs that hang together (a picture's texts) stay together, so a text is encoded once unless
    more than a window of others are compared with it.
    """
    for window in _together([pair for pair, score in scores.items() if score is None]):
        places = sorted({place for pair in window for place in pair})
        encoded = encoder.encode([texts[place] for place in places])
        yield dict(zip(places, encoded, strict=True)), window
    compared = {place for pair in scores for place in pair}
    alone = [place for place in sorted(compared) if place not in known]
    if alone:
        encoded = encoder.encode([texts[place] for place in alone], tokens=False)
        yield dict(zip(alone, encoded, strict=True)), []


def _together(pairs: Sequence[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Pairs in windows of at most `_WINDOW` texts, those that share texts next to each other."""
    if not pairs:
        return
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    left, right = np.array(pairs).T
    size = int(max(left.max(), right.max())) + 1
    graph = coo_array((np.ones(len(pairs)), (left, right)), shape=(size, size))
    _, group = connected_components(graph, directed=False)
    members = np.bincount(group)
    window: list[tuple[int, int]] = []
    held: set[int] = set()
    before = -1
    for each in np.lexsort((right, left, group[left])).tolist():
        pair = pairs[each]
        # A group is not begun where it has no room, unless it is larger than any window.
        whole = int(members[group[pair[0]]]) if group[pair[0]] != before else 0
        new = len(held | set(pair))
        if window and (new > _WINDOW or len(held) + min(whole, _WINDOW) > _WINDOW):
            yield window
            window, held = [], set()
        before = group[pair[0]]
        window.append(pair)
        held |= set(pair)
    yield window


def _bert_score(prediction: Encoded, reference: Encoded) -> Pair:
    """Precision, recall and F of one pair; 0 where either text has no word."""
    if not (prediction.counted.any() and reference.counted.any()):
        return 0.0, 0.0, 0.0
    similar = prediction.tokens @ reference.tokens.T
    precision = float(similar.amax(1)[prediction.counted].mean())
    recall = float(similar.amax(0)[reference.counted].mean())
    total = precision + recall
    fmeasure = 2 * precision * recall / total if total else 0.0
    return round(precision, 7), round(recall, 7), round(fmeasure, 7)


def _cosines(left: Sequence[Vectors], right: Sequence[Vectors]) -> Array:
    if not left:
        return np.empty(0)
    products = np.einsum("nd,nd->n", np.stack(left), np.stack(right), dtype=np.float64)
    result: Array = np.clip(products, -1.0, 1.0).round(6)
    return result


def _baseline(baseline: str | Path, identity: Identity) -> Array:
    """Precision, recall and F that unrelated texts get, of bert-score's file for this model."""
    path = Path(baseline)
    if not path.is_file():
        spec = find_spec("bert_score")
        package = Path(spec.origin).parent if spec and spec.origin else Path()
        path = package / "rescale_baseline" / str(baseline) / f"{identity.name}.tsv"
    if (identity.revision is None and path != Path(baseline)) or not path.is_file():
        raise SettingsError(
            f"bert-score has no baseline '{baseline}' for {identity.name}. Leave the baseline out, "
            "or give the path of a file with the columns LAYER,P,R,F."
        )
    with path.open(encoding="utf-8", newline="") as file:
        rows = {int(row["LAYER"]): row for row in csv.DictReader(file)}
    if identity.layer not in rows:
        raise SettingsError(
            f"{path} has no layer {identity.layer}. Give one it has, or no baseline."
        )
    return np.array([float(rows[identity.layer][column]) for column in "PRF"])


def _numbered(*lists: Sequence[str]) -> tuple[list[str], list[list[int]]]:
    """All distinct texts, and each list as numbers of them."""
    number: dict[str, int] = {}
    places = [[number.setdefault(text, len(number)) for text in texts] for texts in lists]
    return list(number), places


def _refuse_other_than_texts(texts: Sequence[str], what: str) -> None:
    if isinstance(texts, str):
        raise TypeError(f"semantic: {what} is one str; give a list of texts")
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"semantic: {what}[{position}] is {text!r}, not a text")
