"""Failure signatures: known ways in which such a model goes wrong, each a yes or a no."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from qreasoning.analysis.options import Thresholds
from qreasoning.analysis.pictures import NOT_PREDICTED, Answers, Pictures
from qreasoning.analysis.ratings import Correlations
from qreasoning.analysis.standing import CONFIDENCE, Standing, part
from qreasoning.metrics.bootstrap import Replicates, differences
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
    """ROUGE-1 up while SRCC falls, both beyond chance, from one model to another."""
    question = "Does ROUGE-1 rise while the SRCC of the ratings falls, from one model to another?"
    name = "Imitated vocabulary"
    if rouge is None or correlated is None or len(models) < 2:
        return Signature(name, question, None, ("This needs two models with texts and ratings.",))
    ranked, srcc = correlated.of("image")
    pairs = [
        (one, other)
        for one, other in permutations(models, 2)
        if baseline in (None, one) and {one, other} <= set(ranked)
    ]
    found = []
    for one, other in pairs:
        words_up = _change(rouge.replicates, models.index(one), models.index(other))
        order_up = _change(srcc, ranked.index(one), ranked.index(other))
        if words_up.low > 0 and order_up.high < 0:
            found.append(
                f"from {one} to {other}: ROUGE-1 {words_up.value:+.3f} "
                f"[{words_up.low:+.3f}, {words_up.high:+.3f}], SRCC {order_up.value:+.3f} "
                f"[{order_up.low:+.3f}, {order_up.high:+.3f}]"
            )
    none = (f"In none of {len(pairs)} ordered pairs of models, at {CONFIDENCE:.0%} intervals.",)
    return Signature(name, question, bool(found), tuple(found) or none)


@dataclass(frozen=True)
class _Change:
    value: float
    low: float
    high: float


def _change(replicates: Replicates, one: int, other: int) -> _Change:
    [found] = differences(part(replicates, (other, one)), confidence=CONFIDENCE)
    return _Change(found.value, found.low, found.high)


def collapse(correlated: Correlations | None, share: float) -> Signature:
    """The caption condition losing most of the image condition's SRCC: a visual short-cut."""
    question = (
        "Do the ratings lose their order when the model only reads its own caption "
        f"(SRCC under {share:.0%} of that with the picture)?"
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
        lines.append(f"{model}: {image[model]:.3f} to {caption[model]:.3f}{mark}")
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
            lines.append(f"{each.model}, {each.condition} condition: {bad / total:.1%} ({told})")
    question = f"Are more than {limit:.0%} of a model's completions unreadable?"
    none = ("Every completion was read.",)
    return Signature("Parse failures", question, hit, tuple(lines) or none)


def lengths(answers: Sequence[Answers], pictures: Pictures, limit: float) -> Signature:
    """Words of the model per words of people; length alone moves precision and recall apart."""
    question = f"Are a model's texts {limit:g} times as long as people's, or as short?"
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
    question = (
        f"Are more than {limit:.0%} of a model's texts, word for word, those of other pictures?"
    )
    lines, hit = [], False
    among = _repeated([text for texts in pictures.humans for text in texts])
    for each in answers:
        share = _repeated([text for text in each.texts if text])
        if math.isnan(share):
            continue
        more = share > limit and not share <= among
        hit = hit or more
        lines.append(f"{each.model}: {share:.1%}" + (" — repeats itself" if more else ""))
    if lines and not math.isnan(among):
        lines.append(f"people: {among:.1%}")
    nothing = ("There are no texts to compare.",)
    return Signature(
        "Repeated texts", question, hit if lines else None, _worst_first(lines) or nothing
    )


def _repeated(texts: Sequence[str]) -> float:
    said = Counter(" ".join(words(text.lower())) for text in texts)
    return sum(n for n in said.values() if n > 1) / said.total() if said else math.nan


def _worst_first(lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(lines, key=lambda line: "—" not in line))
