"""Fit the second tier of the claim metric on the texts in `benchmarks/claims` and the lexicon.

`--check` fits on all parts but one and reads that one, in turn, and prints what the lexicon alone
and both tiers get right; without it, the weights are fitted on everything and written into the
package. The same inputs give the same weights. The lexicon has seen every part and its phrases are
among the examples, so these figures are no forecast for new texts: `claims_held_out.py` is.
"""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from qreasoning.metrics import claims
from qreasoning.metrics.claims.lexicon import load_lexicon
from qreasoning.metrics.claims.second import NAMES, WIDTH, SecondTier, minilm
from qreasoning.metrics.semantic import vectors

DATA = Path(__file__).parent / "claims"
PARTS = range(1, 7)
SIGNS = {"reference": 1, "paraphrase": 1, "contradiction": -1}
SCALE = 20
"""What standardized vectors are divided by: the penalty."""
PHRASE, ELSEWHERE = 0.35, 0.3
"""Weight of a phrase beside a sentence; of a dimension that a triple does not name."""
THRESHOLD = 0.6

Example = tuple[str, list[int], list[float]]
"""A text; for each dimension 0 nothing, 1 bad, 2 average, 3 good; the weight of each."""


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def example(text: str, labels: dict[str, int], weight: float, elsewhere: float) -> Example:
    said = [labels[name] + 2 if name in labels else 0 for name in NAMES]
    return text, said, [weight if name in labels else elsewhere for name in NAMES]


def texts(rows: Iterable[dict]) -> list[Example]:
    return [example(row["text"], row["labels"], 1.0, 1.0) for row in rows]


def triples(rows: Iterable[dict]) -> list[Example]:
    """Reference and paraphrase say a dimension and polarity, the contradiction the opposite."""
    found = []
    for row in rows:
        said = {name: polarity for name in named(row) if (polarity := side(row, name))}
        for part, sign in SIGNS.items():
            labels = {name: sign * polarity for name, polarity in said.items()}
            found.append(example(row[part], labels, 1.0, ELSEWHERE if said else 0.0))
    return found


def named(row: dict) -> list[str]:
    return [name for name in row.get("dimensions", [row.get("dimension")]) if name in NAMES]


def side(row: dict, name: str) -> int:
    """The polarity of a triple's reference: as labelled, or as the lexicon reads the three."""
    if row.get("polarity"):
        return int(row["polarity"])
    read = {part: claims.stances(row[part]).get(name) for part in SIGNS}
    votes = sum(SIGNS[part] * stance.polarity for part, stance in read.items() if stance)
    return (votes > 0) - (votes < 0)


def captions() -> list[Example]:
    """Captions of pictures, which claim nothing."""
    lines = (DATA / "captions.txt").read_text(encoding="utf-8").splitlines()
    return [example(line, {}, 1.0, 1.0) for line in lines]


def phrases() -> list[Example]:
    """The lexicon's words and phrases that mean the same whatever they are said of."""
    found = {}
    lexicon = load_lexicon()
    entries = [*lexicon.single.values()]
    followers = [each for group in lexicon.followers.values() for each in group.values()]
    entries += [entry for group in followers for _, entry in group]
    entries += [
        entry for words in lexicon.beside.values() for g in words.values() for _, entry in g
    ]
    for entry in entries:
        sense = entry.term.senses.get("*") if entry.term else None
        word = f"like {entry.word}" if entry.beside == "likeness" else entry.word
        if sense and sense.value and sense.kind in NAMES:
            found[word] = (sense.kind, int(np.sign(sense.value)))
        elif entry.head and entry.head.kind == "defect" and entry.head.dimension in NAMES:
            found[word] = (entry.head.dimension, -1)
    return [
        example(text, {name: sign}, PHRASE, PHRASE / 3)
        for text, (name, sign) in sorted(found.items())
    ]


def fit(examples: list[Example], table: dict[str, np.ndarray]) -> SecondTier:
    """Eight softmax regressions with an L2 penalty on the standardized vectors, by L-BFGS."""
    raw = np.stack([table[text] for text, *_ in examples]).astype(np.float64)
    mean, spread = raw.mean(axis=0), (raw.std(axis=0) + 1e-6) * SCALE
    matrix = np.column_stack([(raw - mean) / spread, np.ones(len(raw))])
    target = np.eye(4)[np.array([said for _, said, _ in examples])]
    weight = np.array([each for *_, each in examples])[..., None]
    shape = (WIDTH + 1, len(NAMES), 4)

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(shape)
        logits = np.tensordot(matrix, weights, 1)
        logits -= logits.max(axis=2, keepdims=True)
        odds = np.exp(logits)
        chances = odds / odds.sum(axis=2, keepdims=True)
        value = -(weight * target * np.log(chances + 1e-12)).sum()
        slope = np.tensordot(matrix.T, weight * (chances - target), 1)
        slope[:-1] += weights[:-1]
        return value + (weights[:-1] ** 2).sum() / 2, slope.ravel()

    start = np.zeros(int(np.prod(shape)))
    solved = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 80}).x
    weights = solved.reshape(shape)
    weights[:-1] /= spread[:, None, None]
    weights[-1] -= np.tensordot(mean, weights[:-1], 1)
    return SecondTier(weights.astype(np.float16).astype(np.float32), THRESHOLD)


def encoded(examples: list[Example]) -> dict[str, np.ndarray]:
    distinct = sorted({text for text, *_ in examples})
    return dict(zip(distinct, vectors(distinct, minilm()), strict=True))


def right(rows: list[dict], second: SecondTier | None) -> float:
    """The share of the triples in which the paraphrase scores higher."""
    better = 0
    for row in rows:
        scores = [
            claims.compare(row[part], row["reference"], second=second).score
            for part in ("paraphrase", "contradiction")
        ]
        better += scores[0] > scores[1]
    return better / len(rows)


def agreement(rows: list[dict], second: SecondTier | None) -> float:
    """F1 of dimension and polarity together."""
    hits = said = labelled = 0
    for row in rows:
        found = claims.stances(row["text"], second=second)
        said += sum(name in found for name in NAMES)
        labelled += len(row["labels"])
        hits += sum(
            name in found and found[name].polarity == polarity
            for name, polarity in row["labels"].items()
        )
    return 2 * hits / (said + labelled)


def check() -> None:
    parts = {
        part: (read(DATA / f"texts_part{part}.jsonl"), read(DATA / f"triples_part{part}.jsonl"))
        for part in PARTS
    }
    shared = captions() + phrases()
    made = {part: texts(mine) + triples(threes) for part, (mine, threes) in parts.items()}
    table = encoded([*shared, *(each for more in made.values() for each in more)])
    for part, (mine, threes) in parts.items():
        others = [each for other, more in made.items() if other != part for each in more]
        tier = fit(others + shared, table)
        print(
            f"part {part}: triples right, lexicon {right(threes, None):.0%}, both "
            f"{right(threes, tier):.0%}; polarity F1, lexicon {agreement(mine, None):.3f}, both "
            f"{agreement(mine, tier):.3f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        check()
        return
    examples = captions() + phrases()
    for part in PARTS:
        examples += texts(read(DATA / f"texts_part{part}.jsonl"))
        examples += triples(read(DATA / f"triples_part{part}.jsonl"))
    tier = fit(examples, encoded(examples))
    path = Path(claims.__file__).parent / "second.npz"
    np.savez_compressed(
        path,
        weights=tier.weights.astype(np.float16),
        threshold=np.array(tier.threshold),
        encoder=np.array(minilm().identity.weights_sha256),
    )
    print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB, {tier.sha256[:12]}")


if __name__ == "__main__":
    main()
