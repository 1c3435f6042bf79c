from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from qreasoning.checks.wordpairs import word_pairs
from qreasoning.data.intake import rows_schema
from qreasoning.data.rules import DatasetRules
from qreasoning.data.validation import TEXTS, check_rows, verdicts
from qreasoning.records import Annotation, Rules, annotation_row, check

IDS = tuple("abcdefgh")
RATING = st.one_of(st.none(), st.integers(-2, 7))
TEXT = st.one_of(
    st.sampled_from(["", " ", "\u3164 \u3164 \u3164 \u3164", "!!", "one two three four five"]),
    st.text(alphabet=st.sampled_from("ab1 .!\tщ你好\u3164\u200bé"), max_size=14),
)
ANNOTATION = st.builds(
    Annotation,
    image_id=st.just("sha256:1"),
    name=st.just("1.png"),
    annotator=st.just("a"),
    project=st.just("p"),
    ratings=st.fixed_dictionaries(dict.fromkeys(IDS, RATING)),
    notes=st.just(dict.fromkeys(IDS)),
    caption=TEXT,
    reasoning=TEXT,
    overall=RATING,
    seconds=st.one_of(st.none(), st.floats(0, 100)),
    created=st.just("t"),
    updated=st.just("t"),
    form_version=st.just("1"),
)


def _table(annotations: Sequence[Annotation], states: Sequence[str | None] = ()) -> pa.Table:
    rows: list[dict[str, Any]] = [dict(annotation_row(each, [])) for each in annotations]
    for row, state in zip(rows, states or [None] * len(rows), strict=True):
        row["state"] = state
    schema = rows_schema(IDS)
    names = [name for name in schema.names if name not in ("reject", "warn", "hash", "code")]
    return pa.Table.from_pylist(rows, schema=pa.schema([schema.field(name) for name in names]))


def _found(rows: pa.Table, rules: DatasetRules) -> list[Any]:
    counts = {field: word_pairs(rows[field].combine_chunks()).count for field in TEXTS}
    return check_rows(rows, counts, rules, IDS)


@given(
    annotations=st.lists(ANNOTATION, max_size=6),
    rules=st.builds(
        Rules,
        min_caption_words=st.integers(0, 4),
        min_reasoning_words=st.integers(0, 6),
        script=st.sampled_from([None, "Latin", "Cyrillic", "Han"]),
        min_seconds=st.sampled_from([0.0, 30.0]),
    ),
)
@settings(max_examples=60, deadline=None)
def test_check_rows_finds_what_check_finds_one_by_one(
    annotations: list[Annotation], rules: Rules
) -> None:
    own = DatasetRules(**rules.model_dump(), severity={"equal_ratings": "off"})
    judged = verdicts(_found(_table(annotations), own), own, len(annotations))
    assert judged.reject.to_pylist() == [check(each, rules, IDS) for each in annotations]
    assert judged.warn.to_pylist() == [[] for _ in annotations]


def _good(**changes: Any) -> Annotation:
    parts = {
        "image_id": "sha256:1",
        "name": "1.png",
        "annotator": "a",
        "project": "p",
        "ratings": dict(zip(IDS, [1, 2, 3, 4, 5, 1, 2, 3], strict=True)),
        "notes": dict.fromkeys(IDS),
        "caption": "a red door here",
        "reasoning": "it is sharp and bright enough",
        "overall": 3,
        "seconds": 40.0,
        "created": "t",
        "updated": "t",
        "form_version": "1",
    }
    return Annotation(**{**parts, **changes})


def test_check_rows_rules_of_a_dataset_have_names_and_severities() -> None:
    same = dict.fromkeys(IDS, 4)
    annotations = [
        _good(),
        _good(labels=("imported", "excluded")),
        _good(prelabelled=True),
        _good(ratings=same, overall=4),
        _good(ratings=same, overall=5),
        _good(caption="", overall=None),
    ]
    rows = _table(annotations, [None, None, None, None, None, "draft"])
    found = _found(rows, DatasetRules())
    assert [(each.row, each.rule, each.text) for each in found] == [
        (5, "state", "draft"),
        (1, "excluded", "annotator excluded"),
        (2, "prelabelled", "prelabelled"),
        (3, "equal_ratings", "all ratings equal (4)"),
    ]
    judged = verdicts(found, DatasetRules(), 6)
    assert judged.reject.to_pylist()[1:4] == [["annotator excluded"], ["prelabelled"], []]
    assert judged.warn.to_pylist()[3] == ["all ratings equal (4)"]
    loose = DatasetRules(severity={"prelabelled": "warn", "excluded": "off"})
    judged = verdicts(_found(rows, loose), loose, 6)
    assert judged.reject.to_pylist()[1:3] == [[], []]
    assert judged.warn.to_pylist()[2] == ["prelabelled"]
