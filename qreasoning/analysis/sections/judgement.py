"""Section 5: whom people prefer, which metric follows them, and whether one person decides."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from qreasoning.analysis.findings import Findings, Judgements
from qreasoning.analysis.judge_study import QUESTIONS
from qreasoning.analysis.judgement import Standings
from qreasoning.analysis.one_person import Without

_SHOWN = 12


def judgement(findings: Findings) -> dict[str, Any]:
    """What the fifth section shows."""
    return {
        "studies": [_study(each) for each in findings.judgements],
        "without": [_without(each) for each in findings.without if len(each.order) > 1],
    }


def _study(each: Judgements) -> dict[str, Any]:
    questions = [
        *(QUESTIONS if each.study.rated else ()),
        *(("choice",) if each.study.choices else ()),
    ]
    return {
        "study": each.study,
        "questions": questions,
        "follows": each.follows,
        "standings": [_standings(kind, found) for kind, found in each.standings.items()],
    }


def _standings(kind: str, found: Standings) -> dict[str, Any]:
    by_name = dict(zip(found.authors, found.estimates, strict=True))
    return {
        "kind": kind,
        "rows": [{"author": name, "estimate": by_name[name]} for name in found.order],
        "told_apart": told_apart(found),
        "order": found.order,
        "changed": _changed(found.order, found.without),
        "judges": len(found.without),
    }


def told_apart(found: Standings) -> str:
    """The authors from best to worst: `>` between neighbours that really differ, `≈` if not."""
    real = {
        frozenset((found.authors[each.first], found.authors[each.second]))
        for each in found.pairs
        if each.real
    }
    told = found.order[0]
    for one, other in pairwise(found.order):
        told += f" {'>' if frozenset((one, other)) in real else '≈'} {other}"
    return told


def _changed(order: Sequence[str], without: Mapping[int, Sequence[str]]) -> list[dict[str, Any]]:
    return [
        {"judge": judge, "order": found}
        for judge, found in without.items()
        if tuple(found) != tuple(order)
    ]


def _without(each: Without) -> dict[str, Any]:
    return {
        "label": each.label,
        "order": each.order,
        "people": len(each.by_person),
        "changed": [
            {"person": person, "swapped": each.swapped(person)} for person in each.changed[:_SHOWN]
        ],
        "more": max(len(each.changed) - _SHOWN, 0),
    }
