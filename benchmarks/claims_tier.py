"""Fit the second tier of the claim metric on the texts in `benchmarks/claims` and the lexicon.

`--check` fits on all files but one and reads that one, in turn, and prints what the lexicon alone
and both tiers get right of the triples; without it, the weights are fitted on everything and
written into the package. The same inputs give the same weights.
"""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from qreasoning.metrics import claims
from qreasoning.metrics.claims.lexicon import load_lexicon
from qreasoning.metrics.claims.second import BUCKETS, CLASSES, SecondTier, features

DATA = Path(__file__).parent / "claims"
PENALTY = 2e-4
PHRASES = 0.3
"""Weight of a phrase of the lexicon beside a sentence."""
THRESHOLD = 0.3

Example = tuple[str, str, int, float]


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def sentences(rows: Iterable[dict]) -> list[Example]:
    """Reference and paraphrase say a dimension and polarity, the contradiction the opposite."""
    return [
        (row[part], row["dimension"], sign * row["polarity"], 1.0)
        for row in rows
        if row.get("polarity")
        for part, sign in (("reference", 1), ("paraphrase", 1), ("contradiction", -1))
    ]


def phrases() -> list[Example]:
    """The lexicon's phrases of more than a word that mean the same whatever they are said of."""
    found = {}
    for entries in load_lexicon().phrases.values():
        for _, entry in entries:
            sense = entry.term.senses.get("*") if entry.term else None
            if sense and sense.value and (sense.kind, int(np.sign(sense.value))) in CLASSES:
                found[entry.word] = (sense.kind, int(np.sign(sense.value)))
            elif entry.head and entry.head.kind == "defect" and entry.head.dimension != "overall":
                found[entry.word] = (entry.head.dimension, -1)
    return [(text, name, sign, PHRASES) for text, (name, sign) in sorted(found.items())]


def fit(examples: list[Example]) -> SecondTier:
    """Softmax regression with an L2 penalty, by L-BFGS."""
    matrix = csr_matrix(_rows([text for text, *_ in examples]))
    target = np.zeros((len(examples), len(CLASSES)))
    for row, (_, name, sign, _) in enumerate(examples):
        target[row, CLASSES.index((name, sign))] = 1
    weight = np.array([each[3] for each in examples])[:, None]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(BUCKETS + 1, len(CLASSES))
        logits = matrix @ weights
        logits -= logits.max(axis=1, keepdims=True)
        odds = np.exp(logits)
        chances = odds / odds.sum(axis=1, keepdims=True)
        error = weight * (chances - target) / weight.sum()
        value = -(weight * target * np.log(chances + 1e-12)).sum() / weight.sum()
        slope = matrix.T @ error + PENALTY * weights
        return value + PENALTY / 2 * (weights**2).sum(), slope.ravel()

    start = np.zeros((BUCKETS + 1) * len(CLASSES))
    solved = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 60})
    weights = solved.x.reshape(BUCKETS + 1, len(CLASSES))
    return SecondTier(weights.astype(np.float16).astype(np.float32), THRESHOLD)


def _rows(texts: list[str]) -> csr_matrix:
    buckets = [features(text) for text in texts]
    lengths = [len(each) for each in buckets]
    columns = np.concatenate([np.append(each, BUCKETS) for each in buckets])
    values = np.concatenate([np.append(np.full(n, 1 / np.sqrt(max(n, 1))), 1.0) for n in lengths])
    starts = np.concatenate([[0], np.cumsum([n + 1 for n in lengths])])
    return csr_matrix((values, columns, starts), shape=(len(texts), BUCKETS + 1))


def right(rows: list[dict], second: SecondTier | None) -> tuple[int, int]:
    """How many triples are decided, and in how many the paraphrase scores higher."""
    decided = better = 0
    for row in rows:
        scores = [
            claims.compare(row[part], row["reference"], second=second).score
            for part in ("paraphrase", "contradiction")
        ]
        decided += scores[0] != scores[1]
        better += scores[0] > scores[1]
    return decided, better


def check() -> None:
    parts = {path.stem: read(path) for path in sorted(DATA.glob("triples_*.jsonl"))}
    for name, rows in parts.items():
        others = [row for other, more in parts.items() if other != name for row in more]
        tier = fit(sentences(others) + phrases())
        alone, both = right(rows, None), right(rows, tier)
        print(f"{name}: {len(rows)} triples; decided, right: lexicon {alone}, both tiers {both}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        check()
        return
    rows = [row for path in sorted(DATA.glob("triples_*.jsonl")) for row in read(path)]
    tier = fit(sentences(rows) + phrases())
    path = Path(claims.__file__).parent / "second.npz"
    stored = tier.weights.astype(np.float16)
    np.savez_compressed(path, weights=stored, threshold=np.array(tier.threshold))
    print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB, {tier.sha256[:12]}")


if __name__ == "__main__":
    main()
