"""How the annotations of a version were collected, and how far the annotators agree.

Both are summed over shards: agreement needs of a picture only how often each rating was given, so
pictures with the same counts are one pattern, and there are few patterns. Alpha from patterns is
exact, and so is its bootstrap, which draws pictures: counts of patterns are multinomial.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from qreasoning.metrics import bootstrap

RATINGS = 5
REPETITIONS = 1000
DIGITS = 6

Floats = npt.NDArray[np.float64]
Pattern = tuple[int, ...]


@dataclass(frozen=True)
class Collected:
    """What is known of a set of annotations; sets of different pictures can be added.

    `patterns` counts, per dimension, the pictures with each number of ratings 1 to 5.
    """

    annotators: frozenset[str]
    seconds: Counter[int]
    guidelines: frozenset[tuple[str, str, str]]
    patterns: Mapping[str, Counter[Pattern]]

    def __add__(self, other: "Collected") -> "Collected":
        names = [*self.patterns, *(name for name in other.patterns if name not in self.patterns)]
        none: Counter[Pattern] = Counter()
        return Collected(
            annotators=self.annotators | other.annotators,
            seconds=self.seconds + other.seconds,
            guidelines=self.guidelines | other.guidelines,
            patterns={
                name: self.patterns.get(name, none) + other.patterns.get(name, none)
                for name in names
            },
        )

    def facts(self) -> dict[str, Any]:
        """`collection` and `agreement` of the manifest; empty without annotations."""
        if not self.annotators:
            return {}
        versions: dict[str, dict[str, set[str]]] = {}
        for project, guidelines, form in self.guidelines:
            each = versions.setdefault(project, {"guidelines": set(), "forms": set()})
            each["guidelines"].add(guidelines)
            each["forms"].add(form)
        return {
            "collection": {
                "annotators": len(self.annotators),
                "seconds_median": _median(self.seconds),
                "projects": {
                    project: {name: sorted(filter(None, found)) for name, found in each.items()}
                    for project, each in sorted(versions.items())
                },
            },
            "agreement": [
                {"dimension": name, **agreement(patterns)}
                for name, patterns in self.patterns.items()
            ],
        }


NOTHING = Collected(frozenset(), Counter(), frozenset(), {})


def collected(answers: pa.Table, dimension_ids: Sequence[str]) -> Collected:
    """What is known of annotations (`annotations_schema`), all of those of their pictures."""
    pictures = answers["image_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    seconds = answers["seconds"].drop_null().to_numpy().round().astype(np.int64)
    versions = answers.select(["project", "guidelines_version", "form_version"])
    distinct = versions.group_by(versions.column_names).aggregate([]).to_pylist()
    named = [{key: value or "" for key, value in row.items()} for row in distinct]
    return Collected(
        annotators=frozenset(answers["annotator"].unique().to_pylist()),
        seconds=Counter(seconds.tolist()),
        guidelines=frozenset(
            (row["project"], row["guidelines_version"], row["form_version"]) for row in named
        ),
        patterns={
            name: _patterns(answers[name].combine_chunks(), pictures)
            for name in (*dimension_ids, "overall")
        },
    )


def _patterns(ratings: pa.Array, pictures: npt.NDArray[np.int32]) -> Counter[Pattern]:
    if not len(ratings):
        return Counter()
    given = ratings.is_valid().to_numpy(zero_copy_only=False)
    values = ratings.fill_null(1).to_numpy(zero_copy_only=False).astype(np.int64) - 1
    cells = (pictures.astype(np.int64) * RATINGS + values)[given]
    count = int(pictures.max()) + 1
    counts = np.bincount(cells, minlength=count * RATINGS).reshape(count, RATINGS)
    # A pattern as one number: its counts are the digits.
    most = int(counts.max()) + 1
    if most**RATINGS > np.iinfo(np.int64).max:
        patterns, times = np.unique(counts, axis=0, return_counts=True)
    else:
        digits = most ** np.arange(RATINGS)
        numbers, times = np.unique(counts @ digits, return_counts=True)
        patterns = numbers[:, None] // digits % most
    return Counter(dict(zip(map(tuple, patterns.tolist()), times.tolist(), strict=True)))


def _median(counts: Counter[int]) -> float | None:
    if not counts:
        return None
    values = np.array(sorted(counts))
    upto = np.cumsum([counts[each] for each in values.tolist()])
    low, high = np.searchsorted(upto, [(upto[-1] - 1) // 2, upto[-1] // 2], side="right")
    return float(values[low] + values[high]) / 2


def agreement(patterns: Mapping[Pattern, int]) -> dict[str, Any]:
    """Krippendorff's ordinal alpha with its bootstrap interval, from counts of rating patterns.

    None where it is undefined (all ratings alike, or no picture with two). `n_units` counts the
    pictures with at least two ratings, `n_left_out` those with one. Source: Krippendorff 2011.
    """
    used = sorted(pattern for pattern in patterns if sum(pattern) > 1)
    times = np.array([patterns[each] for each in used], np.int64)
    units = int(times.sum())
    facts: dict[str, Any] = dict.fromkeys(("alpha", "low", "high"))
    if units:
        counts = np.array(used, np.float64)
        value = float(_alpha(times[None], counts)[0])
        drawn = np.random.default_rng(0).multinomial(units, times / units, REPETITIONS)
        low, high = bootstrap.limits(value, _alpha(drawn, counts), units, 0.95)
        found = {"alpha": value, "low": low, "high": high}
        # Rounded: the last digits depend on the machine, and the same data give the same bytes.
        facts = {
            name: round(each, DIGITS) if np.isfinite(each) else None for name, each in found.items()
        }
    left_out = sum(count for pattern, count in patterns.items() if sum(pattern) == 1)
    return {**facts, "n_units": units, "n_left_out": left_out}


def _alpha(times: npt.NDArray[np.int64], counts: Floats) -> Floats:
    """Ordinal alpha for each row of `times`, (r, p), of patterns with `counts`, (p, 5)."""
    pairs = counts[:, :, None] * counts[:, None, :]
    pairs -= counts[:, :, None] * np.eye(RATINGS)
    pairs /= (counts.sum(axis=1) - 1)[:, None, None]
    coincidences = np.einsum("rp,pcd->rcd", times.astype(np.float64), pairs, optimize=True)
    totals = coincidences.sum(axis=2)
    ranks = np.cumsum(totals, axis=1) - totals / 2
    distances = (ranks[:, :, None] - ranks[:, None, :]) ** 2
    observed = (coincidences * distances).sum(axis=(1, 2))
    expected = (totals[:, :, None] * totals[:, None, :] * distances).sum(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        alphas: Floats = 1 - (totals.sum(axis=1) - 1) * observed / expected
    return alphas
