"""BERTScore and cosine of every model with their floors and ceiling, by a model that is named."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qreasoning.analysis.measure import Measure, Numbers, Texts, mean_known
from qreasoning.analysis.statements import others_of
from qreasoning.analysis.words import without_each

OTHERS = 2
"""Other pictures that each picture's text is held against for the floor."""
LABELS = ("BERTScore P", "BERTScore R", "BERTScore F", "Cosine")
_NAMES = ("bertscore_p", "bertscore_r", "bertscore_f", "cosine")

Pairs = Callable[[Sequence[str], Sequence[str]], dict[str, Numbers]]


def load_pairs(model: str, layer: int | None, cache: Path) -> tuple[Pairs, dict[str, Any]]:
    """A function that scores pairs of texts by label, and who the neural model is."""
    from qreasoning.metrics.semantic import load, semantic

    encoder = load(model, layer=layer)

    def pairs(predictions: Sequence[str], references: Sequence[str]) -> dict[str, Numbers]:
        found = semantic(list(predictions), list(references), encoder, cache=cache)
        columns = (found.precision, found.recall, found.fmeasure, found.cosine)
        return dict(zip(LABELS, columns, strict=True))

    return pairs, encoder.identity._asdict()


def meaning_measures(texts: Texts, pairs: Pairs) -> list[Measure]:
    """Means over the people of a picture; the floor is over `OTHERS` other pictures each."""
    pictures, models = range(len(texts.humans)), range(len(texts.said))
    others = others_of(texts.explained, OTHERS)
    asked: dict[str, list[tuple[tuple[int, ...], str, str]]] = {
        "matched": [
            ((p, m, h), texts.said[m][p], human)
            for p in pictures
            for m in models
            for h, human in enumerate(texts.humans[p])
        ],
        "floor": [
            ((p, m, turn), texts.said[m][p], texts.humans[other][turn % len(texts.humans[other])])
            for p in pictures
            for m in models
            for turn, other in enumerate(others[p])
        ],
        "people": [
            ((p, h, o), text, other)
            for p in pictures
            for h, text in enumerate(texts.humans[p])
            for o, other in enumerate(texts.humans[p])
            if h != o
        ],
        "fixed": [
            ((p, h), texts.fixed, t) for p in pictures for h, t in enumerate(texts.humans[p])
        ],
    }
    most = texts.most_people
    shapes = {
        "matched": (len(pictures), len(models), most),
        "floor": (len(pictures), len(models), OTHERS),
        "people": (len(pictures), most, most),
        "fixed": (len(pictures), most),
    }
    rows = [row for part in asked.values() for row in part]
    scored = pairs([said for _, said, _ in rows], [human for _, _, human in rows])
    return [
        _measure(name, label, _tables(asked, shapes, scored[label]), texts)
        for name, label in zip(_NAMES, LABELS, strict=True)
    ]


def _tables(
    asked: dict[str, list[tuple[tuple[int, ...], str, str]]],
    shapes: dict[str, tuple[int, ...]],
    values: Numbers,
) -> dict[str, Numbers]:
    found, start = {}, 0
    for part, rows in asked.items():
        table = np.full(shapes[part], np.nan)
        if rows:
            table[tuple(np.array([place for place, _, _ in rows]).T)] = values[
                start : start + len(rows)
            ]
        found[part] = table
        start += len(rows)
    return found


def _measure(name: str, label: str, tables: dict[str, Numbers], texts: Texts) -> Measure:
    return Measure(
        name=name,
        label=label,
        higher_is_better=True,
        values=texts.only(mean_known(tables["matched"])),
        dropped=texts.only(without_each(tables["matched"])),
        floor=texts.only(mean_known(tables["floor"])),
        fixed=texts.elsewhere(mean_known(tables["fixed"])),
        ceiling=mean_known(mean_known(tables["people"])),
    )
