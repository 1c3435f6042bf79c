"""The report's page: its sections put together, every text escaped."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from qreasoning.analysis.benchmarks import Measured
from qreasoning.analysis.findings import Findings
from qreasoning.analysis.formats import interval, number, percent, percents, signed
from qreasoning.analysis.gallery import Extract, cards, choose
from qreasoning.analysis.options import ReportSettings
from qreasoning.analysis.published import Published
from qreasoning.analysis.sections.dimensions import dimensions
from qreasoning.analysis.sections.judgement import judgement
from qreasoning.analysis.sections.ratings import measured_elsewhere, published_shown, ratings
from qreasoning.analysis.sections.studies import studies_shown
from qreasoning.analysis.sections.summary import summary
from qreasoning.analysis.sections.text import text
from qreasoning.analysis.studies import Studies
from qreasoning.html import render_page, shortened

TEMPLATE = Path(__file__).parent / "sections" / "report.html.j2"
CONTENTS = (
    ("summary", "Summary"),
    ("text", "Text alignment"),
    ("dimensions", "Per dimension"),
    ("ratings", "Ratings"),
    ("judgement", "Human judgement"),
    ("signatures", "Failure signatures"),
    ("gallery", "Gallery"),
)
_NAME_LIMIT = 100
"""Characters shown of a name: a file’s, a person’s, a status."""
_SIMULATED = (
    "The pictures’ scores or their annotators come from a simulation, not from people. This page "
    "shows that the tools work, and says nothing about human judgement."
)


@dataclass(frozen=True)
class Content:
    """What the page is made from, beside the findings of each split.

    `chosen` are the gallery's places per split, `pictures` the bytes of those pictures.
    """

    findings: Sequence[Findings]
    chosen: Sequence[Sequence[int]]
    pictures: Mapping[str, bytes]
    benchmarks: Sequence[Measured]
    benchmarks_note: str
    published: Published
    studies: Studies
    extract: Extract | None
    meta: Mapping[str, Any]
    settings: ReportSettings


def gallery_places(findings: Findings, count: int) -> list[int]:
    """The pictures that the gallery of a split shows."""
    return choose(findings, count)


def render(content: Content) -> str:
    """The whole page as one HTML text."""
    meta = content.meta
    simulated = meta["simulated"]
    people, score = ("simulated people", "simulated MOS") if simulated else ("people", "MOS")
    return render_page(
        TEMPLATE,
        title="Model and human explanations of image quality",
        subtitle=f"{meta['dataset']} {meta['version']}",
        banner=_SIMULATED if simulated else None,
        contents=CONTENTS,
        of_all=[
            *([("studies", "Trade-offs")] if content.studies.any else []),
            ("made", "How it was made"),
        ],
        meta=meta,
        people=people,
        score=score,
        parts=[
            _part(each, chosen, content, people, score)
            for each, chosen in zip(content.findings, content.chosen, strict=True)
        ],
        benchmarks=measured_elsewhere(content.benchmarks),
        benchmarks_note=content.benchmarks_note,
        published=published_shown(content.published),
        studies=studies_shown(content.studies) if content.studies.any else None,
        settings_line=json.dumps(meta["settings"], ensure_ascii=False),
        number=number,
        signed=signed,
        percent=percent,
        percents=percents,
        interval=interval,
        shortened=shortened,
        short=partial(shortened, limit=_NAME_LIMIT),
        shade=_shade,
    )


def _part(
    findings: Findings, chosen: Sequence[int], content: Content, people: str, score: str
) -> dict[str, Any]:
    """All that the page shows of one split."""
    counts = findings.pictures.counts
    return {
        "split": findings.pictures.split,
        "models": findings.shown,
        "count": len(counts),
        "with_chains": int((counts > 0).sum()),
        "twice": int((counts > 1).sum()),
        "people_count": len(findings.pictures.people),
        "blind": blind_spots(findings),
        "marked": content.extract is not None,
        "summary": summary(findings, content.settings.baseline, people, score),
        "text": text(findings),
        "dimensions": dimensions(findings),
        "ratings": ratings(findings, score),
        "judgement": judgement(findings),
        "signatures": findings.signatures,
        "gallery": cards(findings, chosen, content.pictures, content.extract),
    }


def blind_spots(findings: Findings) -> list[str]:
    """What ROUGE-1 could not read, if anything."""
    highest: dict[str, int] = {}
    for each in findings.records:
        if each["metric"] in ("wordless_texts", "foreign_texts"):
            highest[each["metric"]] = max(highest.get(each["metric"], 0), int(each["value"]))
    found = []
    if count := highest.get("wordless_texts"):
        found.append(
            f"In {count:,} texts ROUGE-1 finds no word, because they hold no Latin letter or "
            "digit. They score 0, even against themselves."
        )
    if count := highest.get("foreign_texts"):
        found.append(
            f"In {count:,} texts more than a fifth of the letters are beyond a to z, which "
            "ROUGE-1 does not read."
        )
    return found


def _shade(value: float) -> str:
    """How dark a cell is, 0 to 1."""
    return "0" if math.isnan(value) else f"{min(max(value, 0.0), 1.0):.2f}"
