from dataclasses import dataclass

import pytest

from qreasoning.checks.contradictions import contradictions
from qreasoning.checks.findings import Finder
from qreasoning.dimensions import load_dimensions
from qreasoning.records import Annotation, CampaignRules
from qreasoning.workspace import shipped

CAPTION = "A red door in a white wall at noon, seen from the street."
REASONING = "Fine detail everywhere and true tones, so only the framing costs it a star."


@dataclass(frozen=True)
class Row:
    """An answer, and the rules that it breaks."""

    annotation: Annotation
    findings: tuple[str, ...]


@pytest.fixture
def dimensions():
    """The shipped eight."""
    return load_dimensions(shipped() / "annotation" / "dimensions.yaml")


@pytest.fixture
def row(dimensions):
    """Make an answer that gives no finding; what is given replaces parts of it."""

    def make(picture=1, who="a@x", findings=(), **parts):
        number = f"{picture} {who}"
        return Row(
            Annotation(
                **{
                    "image_id": f"sha256:{picture}",
                    "name": f"{picture}.png",
                    "annotator": who,
                    "project": "p",
                    "ratings": {each: 2 + n % 3 for n, each in enumerate(dimensions.ids)},
                    "notes": dict.fromkeys(dimensions.ids),
                    "caption": f"{number} caption {number}",
                    "reasoning": f"{number} reasoning {number}",
                    "overall": 3,
                    "seconds": 40.0,
                    "created": f"2026-01-01T10:{picture:02}:00Z",
                    "updated": "2026-01-01T11:00:00Z",
                    "form_version": "f",
                    **parts,
                }
            ),
            tuple(findings),
        )

    return make


def told(found):
    return [(each.name, each.annotator, each.finding, each.detail) for each in found]


def findings(rows, **rules):
    """What a finder that saw nothing before finds."""
    return Finder(CampaignRules(**rules)).find(rows)


def test_findings_of_good_answers_are_none(row):
    assert findings([row(1), row(1, "b@x"), row(2)]) == ()


def test_findings_take_over_broken_rules_with_their_detail(row):
    found = findings([row(findings=["missing noise", "noise out of range (99)"])])
    assert told(found) == [
        ("1.png", "a@x", "missing noise", ""),
        ("1.png", "a@x", "noise out of range", "99"),
    ]
    assert {each.severity for each in found} == {"reject"}


def test_findings_name_equal_ratings(row, dimensions):
    equal = row(ratings=dict.fromkeys(dimensions.ids, 4), overall=4)
    almost = row(2, ratings=dict.fromkeys(dimensions.ids, 4), overall=3)
    nothing = row(3, ratings=dict.fromkeys(dimensions.ids), overall=None)
    found = findings([equal, almost, nothing])
    assert told(found) == [("1.png", "a@x", "all ratings equal", "4")]
    assert found[0].severity == "warn"


def test_findings_tell_own_from_foreign_copies_and_repetition(row):
    rows = [
        row(1, "a@x", reasoning=REASONING),
        row(2, "b@x", reasoning=REASONING.replace("Fine", "Good")),
        row(3, "a@x", reasoning=REASONING),
        row(4, "c@x", caption=CAPTION, reasoning=CAPTION),
    ]
    found = findings(rows)
    # 13 pairs of words, of which one holds the first word: 12 in common of 14.
    assert told(found) == [
        (
            *("2.png", "b@x", "reasoning copied"),
            "like somebody else's reasoning, 86% of the word pairs",
        ),
        ("3.png", "a@x", "reasoning copied", "like an own reasoning, 100% of the word pairs"),
        ("4.png", "c@x", "reasoning copied", "repeats the caption, 100% of the word pairs"),
    ]
    assert [(each.source_name, each.source_annotator) for each in found] == [
        ("1.png", "a@x"),
        ("1.png", "a@x"),
        ("4.png", "c@x"),
    ]


def test_findings_look_for_no_copies_where_the_rules_say_so(row):
    rows = [row(1, reasoning=REASONING), row(2, reasoning=REASONING)]
    assert findings(rows, alike=None) == ()


def test_finder_that_saw_earlier_answers_finds_the_same_as_a_new_one(row):
    finder = Finder(CampaignRules())
    first = [row(1, caption=CAPTION), row(2, caption=CAPTION, findings=["missing noise"])]
    assert len(finder.find(first)) == 2
    corrected = [row(1), first[1], row(3, "b@x", caption=CAPTION), row(4, overall=5)]
    assert finder.find(corrected) == findings(corrected)
    assert [each.finding for each in finder.find(corrected)] == ["missing noise", "caption copied"]
    assert finder.find(corrected[2:]) == ()


@pytest.mark.parametrize(
    ("rating", "text", "found"),
    [
        (5, "The whole picture is noisy.", ["noise (5, but 'picture is noisy')"]),
        (1, "Clean, and that everywhere.", ["noise (1, but 'clean')"]),
        (4, "The whole picture is noisy.", []),
        (5, "A gravel path in front of a striped tent.", []),
        (5, "It is not noisy.", []),
        (5, "It isn't very noisy.", []),
        (5, "Slightly grainy at most.", []),
        (5, "The background is noisy; the face is what counts.", []),
        (5, "It would be noisy at night.", []),
        (5, "Noisy in one corner. Clean in all others.", []),
        (5, "Il est très bruité.", []),
        (None, "The whole picture is noisy.", []),
    ],
)
def test_contradictions_are_the_plain_ones_only(row, dimensions, rating, text, found):
    ratings = dict.fromkeys(dimensions.ids, 3) | {"noise": rating}
    assert contradictions(row(ratings=ratings, reasoning=text).annotation) == found


def test_contradictions_hear_the_note_and_the_verdict(row, dimensions):
    ratings = dict.fromkeys(dimensions.ids, 3) | {"sharpness": 5}
    answer = row(
        ratings=ratings,
        notes={"sharpness": "blurry all over"},
        reasoning="A terrible picture.",
        overall=5,
    )
    assert contradictions(answer.annotation) == [
        "sharpness (5, but 'blurry')",
        "overall (5, but 'terrible picture')",
    ]
