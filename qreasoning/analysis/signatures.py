"""Failure signatures: known ways in which such a model goes wrong, each a yes or a no."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np

from qreasoning.analysis.formats import interval, number, percent, signed
from qreasoning.analysis.options import Thresholds
from qreasoning.analysis.pictures import NOT_PREDICTED, Answers, Pictures
from qreasoning.analysis.ratings import Correlations
from qreasoning.analysis.standing import CONFIDENCE, Standing, part
from qreasoning.metrics.bootstrap import Estimate, Replicates, differences
from qreasoning.scripts import words


@dataclass(frozen=True)
class Signature:
    """`present` is None where there is nothing to tell it from; `numbers` are short sentences."""

    name: str
    question: str
    present: bool | None
    numbers: tuple[str, ...]


def signatures(
    answers: Sequence[Answers],
    pictures: Pictures,
    rouge: Standing | None,
    correlated: Correlations | None,
    baseline: str | None,
    thresholds: Thresholds,
) -> list[Signature]:
    """All signatures over the answers of a split."""
    image = [each for each in answers if each.condition == "image"]
    explaining = [each for each in image if each.explains]
    return [
        imitation([each.model for each in image], rouge, correlated, baseline),
        collapse(correlated, thresholds.collapse),
        unreadable(answers, thresholds.unreadable),
        lengths(explaining, pictures, thresholds.length_ratio),
        repeats(explaining, pictures, thresholds.repeated),
    ]


def imitation(
    models: Sequence[str],
    rouge: Standing | None,
    correlated: Correlations | None,
    baseline: str | None,
) -> Signature:
    """ROUGE-1 up while SRCC falls, both beyond chance, from one checkpoint to another."""
    question = (
        "Does ROUGE-1 rise while the SRCC of the ratings falls, from one checkpoint to another?"
    )
    name = "Imitated vocabulary"
    ranked, srcc = correlated.of("image") if correlated else ([], None)
    pairs = [pair for pair in checkpoints(models, baseline) if set(pair) <= set(ranked)]
    if rouge is None or srcc is None or not pairs:
        none = "No two models are checkpoints of one recipe, and no baseline is named."
        return Signature(name, question, None, (none,))
    found = []
    for one, other in pairs:
        words_up = _change(rouge.replicates, models.index(one), models.index(other))
        order_up = _change(srcc, ranked.index(one), ranked.index(other))
        if words_up.low > 0 and order_up.high < 0:
            found.append(
                f"from {one} to {other}: ROUGE-1 {signed(words_up.value)} {interval(words_up)}, "
                f"SRCC {signed(order_up.value)} {interval(order_up)}"
            )
    asked = ", ".join(f"{one} to {other}" for one, other in pairs[:3])
    more = f" and {len(pairs) - 3} more" if len(pairs) > 3 else ""
    none = f"Not beyond chance from {asked}{more}."
    return Signature(name, question, bool(found), tuple(found) or (none,))


_RUN = re.compile(r"(.+)-(\d+)")


def checkpoints(models: Sequence[str], baseline: str | None) -> list[tuple[str, str]]:
    """The pairs (earlier, later): from the baseline to all, else between runs of one recipe.

    A run is called `<recipe>-<number>`. Two models alone are compared both ways.
    """
    if baseline is not None:
        return [(baseline, each) for each in models if each != baseline]
    if len(models) == 2:
        return list(permutations(models, 2))
    runs = sorted(
        (found[1], int(found[2]), model) for model in models if (found := _RUN.fullmatch(model))
    )
    return [(one[2], other[2]) for one, other in combinations(runs, 2) if one[0] == other[0]]


def _change(replicates: Replicates, one: int, other: int) -> Estimate:
    [found] = differences(part(replicates, (other, one)), confidence=CONFIDENCE)
    return Estimate(found.value, found.low, found.high, 0, 0)


def collapse(correlated: Correlations | None, share: float) -> Signature:
    """The caption condition losing most of the image condition's SRCC: a visual short-cut."""
    question = (
        "Do the ratings lose their order when the model only reads its own caption "
        f"(SRCC under {percent(share)} of that with the picture)?"
    )
    name = "Caption condition collapsing"
    if correlated is None or not correlated.gap()[0]:
        return Signature(name, question, None, ("No model was asked in both conditions.",))
    image, caption = (
        dict(zip(models, replicates.values.tolist(), strict=True))
        for models, replicates in (correlated.of("image"), correlated.of("caption"))
    )
    models, gaps = correlated.gap()
    lines, hit = [], False
    for model, gap in zip(models, gaps, strict=True):
        fell = image[model] > 0 and caption[model] < share * image[model] and gap.low > 0
        hit = hit or fell
        mark = " — collapsed" if fell else ""
        lines.append(f"{model}: {number(image[model])} to {number(caption[model])}{mark}")
    return Signature(name, question, hit, _worst_first(lines))


def unreadable(answers: Iterable[Answers], limit: float) -> Signature:
    """Completions that could not be read, by kind."""
    lines, hit = [], False
    for each in answers:
        kinds = Counter(each.statuses)
        kinds.pop(NOT_PREDICTED, None)
        total, bad = kinds.total(), kinds.total() - kinds["ok"]
        hit = hit or bad > limit * total
        if bad:
            told = ", ".join(
                f"{kind} {count:,}" for kind, count in sorted(kinds.items()) if kind != "ok"
            )
            lines.append(
                f"{each.model}, {each.condition} condition: {percent(bad / total, 1)} ({told})"
            )
    question = f"Are more than {percent(limit)} of a model’s completions unreadable?"
    none = ("Every completion was read.",)
    return Signature("Parse failures", question, hit, tuple(lines) or none)


def lengths(answers: Sequence[Answers], pictures: Pictures, limit: float) -> Signature:
    """Words of the model per words of people; length alone moves precision and recall apart."""
    question = f"Are a model’s texts {limit:g} times as long as people’s, or as short?"
    lines, hit = [], False
    people = [len(words(text)) for texts in pictures.humans for text in texts]
    for each in answers:
        own = [len(words(text)) for text in each.texts if text]
        if own and people and np.mean(people) > 0:
            ratio = float(np.mean(own) / np.mean(people))
            off = ratio > limit or ratio < 1 / limit
            hit = hit or off
            lines.append(
                f"{each.model}: {ratio:.2f} "
                f"({np.mean(own):.0f} words against {np.mean(people):.0f})"
                + (" — off" if off else "")
            )
    nothing = ("There are no texts to compare.",)
    present = hit if lines else None
    shown = _worst_first(lines) or nothing
    return Signature("Length", question, present, shown)


def repeats(answers: Sequence[Answers], pictures: Pictures, limit: float) -> Signature:
    """Texts that a model wrote of more than one picture, word for word, beside people's."""
    often = f"Are more than {percent(limit)} of a model’s texts, word for word,"
    question = f"{often} those of other pictures?"
    lines, hit = [], False
    among = _repeated([text for texts in pictures.humans for text in texts])
    for each in answers:
        share = _repeated([text for text in each.texts if text])
        if math.isnan(share):
            continue
        more = share > limit and not share <= among
        hit = hit or more
        lines.append(f"{each.model}: {percent(share, 1)}" + (" — repeats itself" if more else ""))
    if lines and not math.isnan(among):
        lines.append(f"people: {percent(among, 1)}")
    nothing = ("There are no texts to compare.",)
    return Signature(
        "Repeated texts", question, hit if lines else None, _worst_first(lines) or nothing
    )


def _repeated(texts: Sequence[str]) -> float:
    said = Counter(" ".join(words(text.lower())) for text in texts)
    return sum(n for n in said.values() if n > 1) / said.total() if said else math.nan


def _worst_first(lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(lines, key=lambda line: "—" not in line))
