"""The learned tier: asked about sentences on which the lexicon is silent; off unless passed in.

One softmax regression over hashed character and word n-grams (words in the scope of a negation are
marked), 16 classes: eight dimensions, good or bad. Its weights were fitted by
`benchmarks/claims_tier.py` on the texts beside it and on the lexicon's own phrases.
"""

import hashlib
import re
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from qreasoning.errors import DataError
from qreasoning.metrics.claims.claim import Claim
from qreasoning.metrics.claims.items import Item
from qreasoning.metrics.claims.lexicon import DIMENSIONS

BUCKETS = 1 << 14
CLASSES = tuple((name, sign) for name in DIMENSIONS[:-1] for sign in (-1, 1))
LONGEST = 400
"""Characters of a sentence that are looked at."""

_WORD = re.compile(r"n['’]t|[^\W\d_]+?(?=n['’]t)|[^\W_]+|[.,;:!?]")
_NEGATIONS = frozenset(
    {"no", "not", "n't", "never", "none", "nothing", "without", "hardly", "barely", "nobody"}
    | {"cannot", "neither", "nor", "nowhere", "scarcely", "fails", "failed", "lacks", "less"}
)


def features(text: str) -> NDArray[np.int64]:
    """The buckets of a sentence's n-grams, each once, in increasing order; shape (n,)."""
    words = _marked(text[:LONGEST])
    grams = {f"w {word}" for word in words}
    grams.update(f"b {one} {other}" for one, other in pairwise(words))
    for word in words:
        padded = f"<{word}>"
        for size in (4, 5):
            grams.update(f"c {padded[i : i + size]}" for i in range(len(padded) - size + 1))
    return np.array(sorted({crc32(gram.encode()) % BUCKETS for gram in grams}), dtype=np.int64)


def _marked(text: str) -> list[str]:
    found, negated = [], False
    for word in _WORD.findall(text.lower().replace("’", "'")):
        if word in ".,;:!?":
            negated = False
        elif word in _NEGATIONS:
            negated = not negated
            found.append(word)
        else:
            found.append(f"!{word}" if negated else word)
    return found


class SecondTier:
    """Weights of shape (BUCKETS + 1, 16), the last row the intercepts, and the least probability.

    `sha256` is the identity of the weights.
    """

    def __init__(self, weights: NDArray[np.float32], threshold: float) -> None:
        if weights.shape != (BUCKETS + 1, len(CLASSES)):
            raise ValueError(
                f"weights have shape {weights.shape}, not {(BUCKETS + 1, len(CLASSES))}"
            )
        self.weights = weights
        self.threshold = threshold
        self.sha256 = hashlib.sha256(np.ascontiguousarray(weights).tobytes()).hexdigest()

    def probabilities(self, text: str) -> NDArray[np.float64]:
        """The probability of each of `CLASSES` for a sentence; shape (16,)."""
        buckets = features(text)
        logits = self.weights[-1].astype(np.float64)
        if len(buckets):
            logits = logits + self.weights[buckets].sum(axis=0) / np.sqrt(len(buckets))
        odds = np.exp(logits - logits.max())
        return np.asarray(odds / odds.sum())

    def claims(self, text: str, sentence: list[Item], found: list[Claim]) -> list[Claim]:
        """The claim of a sentence without one, if the tier is sure enough of it."""
        words = [item for item in sentence if item.word[:1].isalpha()]
        if found or len(words) < 3:
            return []
        start, end = words[0].start, words[-1].end
        chances = self.probabilities(text[start:end])
        best = int(chances.argmax())
        if chances[best] < self.threshold:
            return []
        dimension, sign = CLASSES[best]
        return [Claim(dimension, sign, float(sign), "image", "", (start, end), 2)]


@lru_cache(maxsize=4)
def load_second_tier(path: Path | None = None) -> SecondTier:
    """The shipped weights, or those at `path` (npz with `weights` and `threshold`).

    Raises DataError where the file is missing or holds something else.
    """
    path = path or Path(str(files("qreasoning.metrics.claims") / "second.npz"))
    try:
        with np.load(path, allow_pickle=False) as stored:
            return SecondTier(stored["weights"].astype(np.float32), float(stored["threshold"]))
    except (OSError, KeyError, ValueError) as error:
        raise DataError(
            f"{path} holds no weights of the second tier ({error}). Make them with "
            "benchmarks/claims_tier.py, or leave the path out."
        ) from None
