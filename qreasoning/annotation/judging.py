"""Judges' answers: read, checked, and written as `judgements.parquet`, a row per judged text."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from qreasoning.annotation.answers import Reading, read_results
from qreasoning.annotation.items import Shown
from qreasoning.annotation.judge_form import CHOSEN, RATED
from qreasoning.records import Annotation, Rules

JUDGEMENTS = "judgements.parquet"

FIRST, TIE, SECOND = 1, 2, 3
"""A choice as a number: of the two authors in alphabetical order, whichever side they were on."""

_SIDES = {"a": FIRST, "tie": TIE, "b": SECOND}
"""A choice as it was clicked: the left text, neither, the right one."""


def read_judgement(results: Sequence[Any], shown: Sequence[Shown]) -> Reading:
    """Read a judge's result list; `shown` are the texts from first to second. The ratings are those
    of `RATED`, or the choice as FIRST, TIE or SECOND. Nothing is raised: problems are listed.
    """
    if len(shown) == 1:
        return read_results(results, tuple(RATED))
    choices = [each for each in results if _is_choice(each)]
    reading = read_results([each for each in results if not _is_choice(each)], ())
    problems = list(reading.problems)
    if len(choices) > 1:
        problems.append(f"repeated {CHOSEN}")
    side = _side(choices[-1], problems) if choices else None
    chosen = turned(side, shown)
    answer = replace(reading.answer, ratings={CHOSEN: chosen})
    return replace(reading, answer=answer, problems=tuple(problems))


def turned(side: int | None, shown: Sequence[Shown]) -> int | None:
    """A choice between sides as one between authors in alphabetical order, and back."""
    as_shown = [each.author for each in shown]
    return side if side is None or as_shown == sorted(as_shown) else SECOND + FIRST - side


def check_judgement(judgement: Annotation, rules: Rules) -> list[str]:
    """What is missing in a judge's answer, or was given too fast."""
    findings = [f"missing {name}" for name, given in judgement.ratings.items() if given is None]
    if judgement.seconds is not None and judgement.seconds < rules.min_seconds:
        findings.append(f"too fast ({judgement.seconds:.1f} of {rules.min_seconds:g} s)")
    return findings


def judgement_rows(
    judgement: Annotation, shown: Sequence[Shown], findings: Sequence[str]
) -> list[dict[str, Any]]:
    """The rows of one answer: one for a rated text, one for each text of a choice."""
    common = {
        "image_id": judgement.image_id,
        "name": judgement.name,
        "project": judgement.project,
        "judge": judgement.annotator,
        "seconds": judgement.seconds,
        "created": judgement.created,
        "updated": judgement.updated,
        "labels": list(judgement.labels),
        "findings": list(findings),
    }
    if len(shown) == 1:
        return [{**common, "question": "rate", **_author(shown[0]), **judgement.ratings}]
    first, second = sorted(shown, key=lambda each: each.author)
    won = {None: None, FIRST: 1.0, TIE: 0.5, SECOND: 0.0}[judgement.ratings[CHOSEN]]
    lost = None if won is None else 1 - won
    return [
        {
            **common,
            "question": "choose",
            **_author(one),
            "opponent": other.author,
            "won": points,
        }
        for one, other, points in ((first, second, won), (second, first, lost))
    ]


def judgements_parquet(rows: Sequence[dict[str, Any]]) -> bytes:
    """The rows as a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = ("image_id", "name", "project", "judge", "question", "author", "caption", "reasoning")
    schema = pa.schema(
        [
            *((name, pa.string()) for name in texts),
            *((name, pa.int8()) for name in RATED),
            ("opponent", pa.string()),
            ("won", pa.float64()),
            ("seconds", pa.float64()),
            ("created", pa.string()),
            ("updated", pa.string()),
            ("labels", pa.list_(pa.string())),
            ("findings", pa.list_(pa.string())),
        ]
    )
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), buffer)
    content: bytes = buffer.getvalue().to_pybytes()
    return content


def _author(shown: Shown) -> dict[str, str]:
    return {"author": shown.author, "caption": shown.caption, "reasoning": shown.reasoning}


def _is_choice(item: Any) -> bool:
    return isinstance(item, dict) and item.get("from_name") == CHOSEN


def _side(item: dict[str, Any], problems: list[str]) -> int | None:
    value = item.get("value")
    given = value.get("choices") if isinstance(value, dict) else None
    one = given[0] if isinstance(given, list) and len(given) == 1 else None
    side = _SIDES.get(one) if isinstance(one, str) else None
    if side is None:
        problems.append(f"{CHOSEN} is none of {', '.join(_SIDES)} ({str(given)[:40]})")
    return side
