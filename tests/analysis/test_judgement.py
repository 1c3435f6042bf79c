from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from qreasoning.analysis.judge_study import PEOPLE, read_studies, study
from qreasoning.analysis.judgement import author_standings, follows, judgement_records, order
from qreasoning.analysis.sections.judgement import told_apart
from qreasoning.errors import DataError

Row = dict[str, Any]


def _rate(image: int, judge: str, author: str, stars: int, **changes: Any) -> Row:
    row: Row = {"image_id": f"sha256:{image}", "judge": judge, "question": "rate", "author": author}
    row |= {
        "caption": f"{author.partition('@')[0]} saw {image}",
        "reasoning": "",
        "opponent": None,
        "won": None,
    }
    row |= {"correctness": stars, "completeness": stars, "likeness": stars, "labels": []}
    return {**row, **changes}


def _choose(image: int, judge: str, author: str, opponent: str, won: float) -> Row:
    empty = dict.fromkeys(("correctness", "completeness", "likeness"))
    return (
        _rate(image, judge, author, 3)
        | empty
        | {
            "question": "choose",
            "opponent": opponent,
            "won": won,
        }
    )


def _study() -> list[Row]:
    """20 pictures, three judges: `good` gets 5 or 4, people 4, `bad` 2; the third likes `bad`."""
    rows = []
    for image in range(20):
        for judge in ("ann@x.org", "bob@x.org"):
            rows.append(_rate(image, judge, "model:good/data", 4 + image % 2))
            rows.append(_rate(image, judge, "model:bad/data", 2))
            rows.append(_rate(image, judge, "human:carl@x.org", 4))
        rows.append(_rate(image, "zoe@x.org", "model:bad/data", 5))
    return rows


def test_study_ranks_authors_with_intervals_and_names_nobody() -> None:
    found = study("judging", _study())
    assert found.judges == 3 and len(found.rated) == 60
    stood = author_standings(found, 400)["rating"]
    means = dict(zip(stood.authors, [each.value for each in stood.estimates], strict=True))
    # bad: (2 + 2 + 5) / 3
    assert means == {"good": pytest.approx(4.5), "bad": pytest.approx(3.0), PEOPLE: 4.0}
    assert stood.order == ("good", PEOPLE, "bad")
    assert all(pair.real for pair in stood.pairs)
    assert not any("@" in str(each) for each in (found.rated, stood))


def test_study_leaving_one_judge_out_changes_what_hangs_on_one() -> None:
    rows = [_rate(n, "a", f"model:{m}/x", s) for n in range(5) for m, s in (("one", 4), ("two", 3))]
    rows += [
        _rate(n, "b", f"model:{m}/x", s) for n in range(5) for m, s in (("one", 1), ("two", 5))
    ]
    stood = author_standings(study("s", rows), 400)["rating"]
    assert stood.order == ("two", "one")
    assert stood.without == {1: ("two", "one"), 2: ("one", "two")}


def test_study_choices_are_counted_once_per_judge_and_pair() -> None:
    rows = []
    for image in range(10):
        won = 0.0 if image == 0 else 1.0
        rows.append(_choose(image, "a", "model:one/x", "model:two/x", won))
        rows.append(_choose(image, "a", "model:two/x", "model:one/x", 1 - won))
    found = study("s", rows)
    assert len(found.choices) == 10 and not found.rated
    stood = author_standings(found, 400)["choice"]
    assert dict(zip(stood.authors, [e.value for e in stood.estimates], strict=True)) == {
        "one": pytest.approx(0.9),
        "two": pytest.approx(0.1),
    }


def test_study_leaves_excluded_judges_out_and_counts_them() -> None:
    rows = _study()
    rows = [{**r, "labels": ["excluded"]} if r["judge"] == "zoe@x.org" else r for r in rows]
    found = study("judging", rows)
    assert (found.judges, found.excluded) == (2, 20)


def test_follows_a_metric_that_orders_as_judges_do_is_at_one() -> None:
    found = study("judging", _study())
    value = {"good": 0.9, PEOPLE: 0.6, "bad": 0.1}
    by_text = {each.text: value[each.author] for each in found.rated}
    scores = {
        "right": lambda asked: np.array([by_text[text] for _, text in asked]),
        "reversed": lambda asked: -np.array([by_text[text] for _, text in asked]),
        "constant": lambda asked: np.zeros(len(asked)),
        "silent": lambda asked: np.full(len(asked), np.nan),
    }
    right, reverse, constant, silent = follows(found, scores, 400)
    # On even pictures `good` has 4 stars as people do: that pair says nothing.
    assert right.pairs["correctness"].value == 1 and right.pairs["correctness"].n == 20
    assert reverse.pairs["likeness"].value == 0
    assert constant.pairs["completeness"].value == 0.5
    assert silent.pairs["correctness"].n == 0
    assert right.srcc is not None and right.srcc.low <= right.srcc.value <= right.srcc.high
    assert right.srcc.value > 0.8 and constant.srcc is not None and np.isnan(constant.srcc.value)


def test_follows_choices_are_compared_with_the_metric_of_both_texts() -> None:
    rows = []
    for image in range(6):
        rows.append(_choose(image, "a", "model:one/x", "model:two/x", 1.0))
        rows.append(_choose(image, "a", "model:two/x", "model:one/x", 0.0))
    [found] = follows(
        study("s", rows), {"m": lambda asked: np.array(["one" in t for _, t in asked]) * 1.0}, 400
    )
    assert found.pairs["choice"].value == 1 and found.srcc is None


def test_order_ties_by_name_and_undefined_last() -> None:
    assert order(["b", "a", "c"], np.array([1.0, 1.0, np.nan])) == ("a", "b", "c")


def test_read_studies_takes_those_with_pictures_of_the_split(tmp_path: Path) -> None:
    for project, image in (("here", 1), ("elsewhere", 99)):
        (tmp_path / project).mkdir()
        table = pa.Table.from_pylist([_rate(image, "a", "model:m/x", 3)])
        parquet.write_table(table, tmp_path / project / "judgements.parquet")
    found = read_studies(tmp_path, ["sha256:1", "sha256:2"])
    assert [each.project for each in found] == ["here"]
    assert read_studies(tmp_path / "none", ["sha256:1"]) == []
    (tmp_path / "here" / "judgements.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"judgements\.parquet cannot be read.*--project here"):
        read_studies(tmp_path, ["sha256:1"])


def test_judgement_records_name_the_project_and_no_judge() -> None:
    found = study("judging", _study())
    scores = {"ROUGE-1 F": lambda asked: np.arange(len(asked)) * 1.0}
    rows = judgement_records(
        "judging", author_standings(found, 400), follows(found, scores, 400), "test"
    )
    at = {(row["model"], row["metric"]): row["value"] for row in rows}
    assert at["good", "judges: rating"] == pytest.approx(4.5)
    assert ("ROUGE-1 F", "srcc with judges") in at
    assert ("ROUGE-1 F", "pairs ordered as judges: likeness") in at
    assert {row["aggregation"] for row in rows} == {"judging"} and "@" not in str(rows)


def test_told_apart_marks_neighbours_that_cannot_be_told_apart() -> None:
    stars = {"one": (4, 5, 4), "two": (1, 2, 3), "three": (3, 1, 2)}
    rows = [
        _rate(n, "a", f"model:{model}/x", given[n % 3])
        for n in range(30)
        for model, given in stars.items()
    ]
    stood = author_standings(study("s", rows), 400)["rating"]
    assert told_apart(stood) == "one > three ≈ two"
