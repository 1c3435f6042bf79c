"""Near copies of pictures: resized, re-encoded, mirrored or lightly cropped ones.

A picture's fingerprint is its grey thumbnail of 32 x 32 pixels (1 KiB). Two pictures are near
copies if their thumbnails, after the best of 81 crops of up to a tenth of each side of either one
(and after a mirror, where that fits better), agree in structure and in tone:

- structure: the correlation of their whitened cosine spectra is at least `SIMILAR`;
- tone: their grey levels differ by no more than a quarter of the contrast and 2 levels.

All pairs are screened first, by the correlation of the lowest frequencies as a matrix product; in
a cosine spectrum a mirror only turns the sign of the odd columns, so it costs nothing. The screen
is what a crop fails at first: 5 % off one corner always passes, a tenth off one corner about every
second time, a tenth divided between the sides nearly always. A picture without structure (a plain
sky, a single soft edge) is `is_flat`: it looks like many others, so two of them are never called
copies.
"""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.Image import Image

FINGERPRINT = "grey-32"
"""The kind of fingerprint; another one is not comparable."""
SIDE = 32
SIMILAR = 0.9
"""Correlation from which on two pictures have the same structure."""

_SCREENED, _COMPARED = 8, 12
"""Cycles, in halves per side, up to which spectra are screened and compared."""
_CANDIDATE = 0.55
_CROPS = (
    *((0, 1), (0, 0.975), (0.025, 1), (0, 0.95), (0.025, 0.975), (0.05, 1)),
    *((0, 0.9), (0.05, 0.95), (0.1, 1)),
)
_TONE, _LEVELS = 0.25, 2.0
_MEAN, _CONTRAST = 0.2, 0.4
"""How far, in contrasts, a crop may move mean and contrast; of 5 % measured: 0.10 and 0.20."""
_UNDECIDED = 0.1
"""Of pictures that are symmetric in their low frequencies, both ways are compared."""
_LEAST_CONTRAST = 10.0
_LEAST_PARTS = 6.0
_ROWS, _COLUMNS, _PAIRS = 512, 8192, 1024

Stack = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


class NearCopy(NamedTuple):
    """Rows of two stacks that show the same picture, and how similar they are (0.9 to 1)."""

    one: int
    other: int
    similarity: float


def fingerprint(picture: "Image") -> Stack:
    """The fingerprint of a decoded picture: uint8, (32, 32)."""
    from PIL.Image import Resampling

    return np.asarray(picture.convert("L").resize((SIDE, SIDE), Resampling.BILINEAR), np.uint8)


def stack(fingerprints: Sequence[bytes]) -> Stack:
    """Fingerprints kept as bytes (1,024 each), as an array of shape (n, 32, 32)."""
    return np.frombuffer(b"".join(fingerprints), np.uint8).reshape(len(fingerprints), SIDE, SIDE)


def is_flat(fingerprints: Stack) -> npt.NDArray[np.bool_]:
    """Which of (n, 32, 32) fingerprints have too little structure to be told from others."""
    starts = range(0, max(len(fingerprints), 1), _COLUMNS)
    return np.concatenate([_is_flat(fingerprints[at : at + _COLUMNS]) for at in starts])


def _is_flat(fingerprints: Stack) -> npt.NDArray[np.bool_]:
    energy = (_spectra(fingerprints) * _weights(_COMPARED)) ** 2
    total = energy.sum(axis=(1, 2))
    parts = total**2 / np.maximum((energy**2).sum(axis=(1, 2)), 1e-9)
    return (np.sqrt(total) / SIDE < _LEAST_CONTRAST) | (parts < _LEAST_PARTS)


def near_copies(one: Stack, other: Stack) -> list[NearCopy]:
    """All near copies between two stacks of fingerprints, (n, 32, 32) and (m, 32, 32), sorted."""
    return _compared(one, other, _candidates(one, other))


def near_copies_within(fingerprints: Stack) -> list[NearCopy]:
    """All near copies among (n, 32, 32) fingerprints, each pair once, `one` before `other`."""
    pairs = _candidates(fingerprints, fingerprints)
    return _compared(fingerprints, fingerprints, pairs[pairs[:, 0] < pairs[:, 1]])


def groups(count: int, pairs: Sequence[NearCopy]) -> npt.NDArray[np.int32]:
    """A number for each of `count` pictures; those tied by near copies, also through others, share
    it."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ones, others = [pair.one for pair in pairs], [pair.other for pair in pairs]
    ties = coo_array((np.ones(len(pairs), np.int8), (ones, others)), shape=(count, count))
    found: npt.NDArray[np.int32] = connected_components(ties, directed=False)[1]
    return found


def _candidates(one: Stack, other: Stack) -> npt.NDArray[np.int64]:
    """Pairs of rows, (k, 2), whose low frequencies agree, as they are or mirrored."""
    even, odd = _screens(one)
    other_even, other_odd = _screens(other)
    flat, other_flat = is_flat(one), is_flat(other)
    found = [np.empty((0, 2), np.int64)]
    for start in range(0, len(one), _ROWS):
        rows = slice(start, start + _ROWS)
        for begin in range(0, len(other), _COLUMNS):
            columns = slice(begin, begin + _COLUMNS)
            score = odd[rows] @ other_odd[columns].T
            # The mirrored picture's correlation is even - odd: the larger of both is even + |odd|.
            np.abs(score, out=score)
            score += even[rows] @ other_even[columns].T
            hits = np.flatnonzero(score > _CANDIDATE)
            pairs = np.stack(np.divmod(hits, score.shape[1]), axis=1) + np.array((start, begin))
            found.append(pairs[~(flat[pairs[:, 0]] & other_flat[pairs[:, 1]])])
    return np.concatenate(found)


def _screens(fingerprints: Stack) -> tuple[Floats, Floats]:
    """Low frequencies as unit vectors, cut into even and odd columns."""
    if not len(fingerprints):
        return np.empty((0, 0), np.float32), np.empty((0, 0), np.float32)
    # In parts, since a spectrum is larger than its fingerprint.
    starts = range(0, len(fingerprints), _COLUMNS)
    vectors = np.concatenate([_screen(fingerprints[at : at + _COLUMNS]) for at in starts])
    used = _weights(_SCREENED) > 0
    odd = (np.indices(used.shape)[1] % 2 == 1)[used]
    return np.ascontiguousarray(vectors[:, ~odd]), np.ascontiguousarray(vectors[:, odd])


def _screen(fingerprints: Stack) -> Floats:
    weights = _weights(_SCREENED)
    vectors = (_spectra(fingerprints) * weights)[:, weights > 0]
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    return vectors


def _compared(one: Stack, other: Stack, pairs: npt.NDArray[np.int64]) -> list[NearCopy]:
    if not len(pairs):
        return []
    pairs = pairs[_alike_in_tone(one, other, pairs)]
    turn = _turn(one, other, pairs)
    found: dict[tuple[int, int], float] = {}
    for step, chosen in ((1, pairs[turn > -_UNDECIDED]), (-1, pairs[turn < _UNDECIDED])):
        for start in range(0, len(chosen), _PAIRS):
            some = chosen[start : start + _PAIRS]
            similarity = _similarity(one[some[:, 0]], other[some[:, 1]][:, :, ::step])
            for each in np.flatnonzero(similarity >= SIMILAR):
                pair = int(some[each, 0]), int(some[each, 1])
                found[pair] = max(found.get(pair, 0.0), round(float(similarity[each]), 4))
    return sorted(NearCopy(*pair, similarity) for pair, similarity in found.items())


def _turn(one: Stack, other: Stack, pairs: npt.NDArray[np.int64]) -> Floats:
    """Correlation of the odd columns of pairs: positive where they fit as they are, negative where
    they fit mirrored."""
    odd, other_odd = _screens(one)[1], _screens(other)[1]
    turn: Floats = np.einsum("kd,kd->k", odd[pairs[:, 0]], other_odd[pairs[:, 1]])
    return turn


def _alike_in_tone(one: Stack, other: Stack, pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether mean and contrast of pairs are so near that a crop can explain the rest."""
    means = [each.mean(axis=(1, 2), dtype=np.float32) for each in (one, other)]
    contrasts = [each.std(axis=(1, 2), dtype=np.float32) for each in (one, other)]
    (mean, other_mean), (contrast, other_contrast) = (
        (values[0][pairs[:, 0]], values[1][pairs[:, 1]]) for values in (means, contrasts)
    )
    least = np.minimum(contrast, other_contrast)
    near = np.abs(mean - other_mean) <= _MEAN * least + _LEVELS
    return np.asarray(near & (np.abs(contrast - other_contrast) <= _CONTRAST * least + _LEVELS))


def _similarity(one: Stack, other: Stack) -> Floats:
    """Structural similarity of (k, 32, 32) pairs, as they are or else after the best crop of
    either; 0 for another tone."""
    contrast = np.minimum(one.std(axis=(1, 2)), other.std(axis=(1, 2)))
    limit = (_TONE * contrast + _LEVELS).astype(np.float32)
    whole, other_whole = (_spectra(each).reshape(len(each), -1) for each in (one, other))
    best = _fit(whole[:, None], other_whole, limit)
    # Most copies are not cropped, and a set of distorted pictures has very many of them.
    rest = np.flatnonzero(best < SIMILAR)
    ones, others = _cropped_spectra(one[rest]), _cropped_spectra(other[rest])
    best[rest] = np.maximum(
        _fit(ones, others[:, 0], limit[rest]), _fit(others, ones[:, 0], limit[rest])
    )
    return best


def _fit(crops: Floats, whole: Floats, limit: Floats) -> Floats:
    """The best correlation of (k, 81, d) spectra with (k, d) ones, where the tone agrees too."""
    weights = _weights(_COMPARED).reshape(-1)
    target = whole * weights
    target /= np.maximum(np.linalg.norm(target, axis=1, keepdims=True), 1e-6)
    white = crops * weights
    products = np.matmul(white, target[:, :, None])[:, :, 0]
    correlations = products / np.maximum(np.linalg.norm(white, axis=2), 1e-6)
    best = correlations.argmax(axis=1)
    rows = np.arange(len(crops))
    # Of an orthonormal transform: the root mean square over the pixels.
    difference = np.linalg.norm(crops[rows, best] - whole, axis=1) / SIDE
    return np.where(difference <= limit, correlations[rows, best], 0).astype(np.float32)


def _cropped_spectra(fingerprints: Stack) -> Floats:
    """Spectra of all crops of (k, 32, 32) fingerprints: (k, 81, d); the first is the whole."""
    bases = np.stack([_basis(_COMPARED) @ _window(*crop) for crop in _CROPS]).astype(np.float32)
    crops, waves = len(_CROPS), _COMPARED + 1
    flat = bases.reshape(crops * waves, SIDE)
    rows = np.matmul(flat, fingerprints.astype(np.float32))
    both = np.matmul(rows, flat.T).reshape(-1, crops, waves, crops, waves)
    return both.transpose(0, 1, 3, 2, 4).reshape(-1, crops * crops, waves * waves)


def _spectra(fingerprints: Stack) -> Floats:
    """Cosine spectra (orthonormal DCT-II) of (n, 32, 32) fingerprints, (n, 13, 13)."""
    basis = _basis(_COMPARED)
    spectra: Floats = basis @ fingerprints.astype(np.float32) @ basis.T
    return spectra


@cache
def _basis(cycles: int) -> Floats:
    waves, places = np.arange(cycles + 1)[:, None], np.arange(SIDE)[None]
    basis = np.cos(np.pi * waves * (2 * places + 1) / (2 * SIDE)) * np.sqrt(2 / SIDE)
    basis[0] /= np.sqrt(2)
    return basis.astype(np.float32)


@cache
def _weights(cycles: int) -> Floats:
    """Weights that make the spectrum of a natural picture about even: the radius up to `cycles`,
    0 beyond it and for the mean."""
    radius = np.hypot(*np.indices((_COMPARED + 1, _COMPARED + 1)))
    return np.where(radius <= cycles, radius, 0).astype(np.float32)


def _window(start: float, end: float) -> npt.NDArray[np.float64]:
    """The (32, 32) matrix that stretches the part from `start` to `end` over the whole side."""
    centres = (start + (end - start) * (np.arange(SIDE) + 0.5) / SIDE) * SIDE - 0.5
    centres = centres.clip(0, SIDE - 1)
    left = np.floor(centres).astype(int).clip(0, SIDE - 2)
    matrix = np.zeros((SIDE, SIDE))
    matrix[np.arange(SIDE), left] = 1 - (centres - left)
    matrix[np.arange(SIDE), left + 1] += centres - left
    return matrix
