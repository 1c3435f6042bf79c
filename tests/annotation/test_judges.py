"""People as judges: what they are shown, what they answered, and who is preferred."""

import json

import pyarrow as pa
import pytest
from pyarrow import parquet

from qreasoning.annotation.collected import Collected
from qreasoning.annotation.desks import planned
from qreasoning.annotation.items import Shown, read_items
from qreasoning.annotation.judge_form import judge_form_version, judge_xml
from qreasoning.annotation.judging import FIRST, SECOND, TIE, read_judgement
from qreasoning.annotation.pictures import KNOWN, collect
from qreasoning.annotation.reporting import report
from qreasoning.errors import DataError
from qreasoning.files import write_bytes
from qreasoning.records import annotations_schema, predictions_schema
from qreasoning.simulation.raters import DIMENSIONS

GOOD, SAME, OTHER = "good/d-1.0.0-test", "same/d-1.0.0-test", "other/d-1.0.0-test"


def write_predictions(study, name, pictures, missing=()):
    rows = [
        {
            "image_id": each.image_id,
            "name": each.name,
            "condition": condition,
            "caption": None if each.name in missing else f"A wall, says {name}.",
            "reasoning": None if each.name in missing else "It is sharp.",
            "rating": 3.0,
        }
        for each in pictures.pictures
        for condition in ("image", "caption")
    ]
    path = study.predictions / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.Table.from_pylist(rows, schema=predictions_schema()), path)


def write_people(study, pictures, people=("ann@k.local", "bob@k.local"), **changed):
    rows = [
        {
            "image_id": each.image_id,
            "annotator": person,
            "caption": f"A wall, says {person}.",
            "reasoning": "Noise everywhere.",
            "prelabelled": False,
            "labels": [],
            **changed,
        }
        for each in pictures.pictures
        for person in people
    ]
    buffer = pa.BufferOutputStream()
    schema = annotations_schema(DIMENSIONS)
    parquet.write_table(pa.Table.from_pylist(rows, schema=schema), buffer)
    write_bytes(study.annotations / "k" / "table.parquet", buffer.getvalue().to_pybytes())


@pytest.fixture
def judges(study, paint, write_project):
    """A judges' project about `images` pictures with texts of three models and of people."""

    def make(images=12, question="rate", models=(GOOD, SAME, OTHER), humans="k", **settings):
        paint(study.root / "pictures" / "k", images, side=16)
        (study.root / "pilot.txt").write_text("picture 00.png\n")
        found = {
            "kind": "judge",
            "images": "pictures/k",
            "annotators": ["jo", "kim", "lee"],
            "judge": {"question": question, "predictions": list(models), "humans": humans},
            "simulated": True,
            **settings,
        }
        project = write_project(study, "j", **found)
        pictures = collect(project, study.annotations / "j" / KNOWN, lambda _: None)
        for name in models:
            write_predictions(study, name, pictures)
        write_people(study, pictures)
        return project, pictures

    return make


def plan(project, pictures, before=None, said=None):
    say = (lambda _: None) if said is None else said.append
    return planned(project, pictures, before or {}, say)


def test_judges_are_shown_each_text_alone_in_an_order_of_their_own(judges):
    project, pictures = judges()
    items = plan(project, pictures)
    mine = {person: [item.unit.key for item in shown] for person, shown in items.items()}
    # 12 pictures, 3 models and one person each, judged by two of three.
    assert sum(map(len, mine.values())) == 12 * 4 * 2
    first, second, _ = mine.values()
    common = set(first) & set(second)
    assert [key for key in first if key in common] != [key for key in second if key in common]
    authors = {item.unit.shown[0].author for shown in items.values() for item in shown}
    assert authors == {
        *(f"model:{name}" for name in (GOOD, SAME, OTHER)),
        *("human:ann@k.local", "human:bob@k.local"),
    }


def test_judges_who_choose_are_shown_every_pair_left_and_right_by_chance(judges):
    project, pictures = judges(question="choose", models=(GOOD, SAME), annotators_per_image=1)
    items = plan(project, pictures)
    shown = [item.unit.shown for mine in items.values() for item in mine]
    assert len(shown) == 12 * 3
    left = sum(pair[0].author < pair[1].author for pair in shown)
    assert 8 <= left <= 28


def test_nobody_judges_their_own_text(judges, study):
    project, pictures = judges(models=(), annotators=["jo", "kim"])
    write_people(study, pictures, people=(f"jo@{project.name}.local",))
    items = plan(project, pictures)
    assert [len(mine) for mine in items.values()] == [0, 12]


def test_texts_that_a_model_began_or_of_excluded_people_are_not_judged_as_peoples(judges, study):
    project, pictures = judges(models=())
    for changed in (
        {"prelabelled": True},
        {"labels": ["excluded"]},
        {"caption": "", "reasoning": " "},
    ):
        write_people(study, pictures, **changed)
        with pytest.raises(DataError, match="The project 'k' has no text about any of the pictu"):
            plan(project, pictures)


def test_people_once_chosen_stay_when_more_answer(judges, study):
    project, pictures = judges(models=(), images=20)
    write_people(study, pictures, people=("zed@k.local",))
    before = plan(project, pictures)
    write_people(study, pictures, people=("ann@k.local", "bob@k.local", "zed@k.local"))
    assert plan(project, pictures, before) == before


def test_sources_that_are_missing_or_have_gaps_are_said(judges, study):
    project, pictures = judges(models=(GOOD,), humans=None)
    write_predictions(study, GOOD, pictures, missing=("picture 00.png",))
    said = []
    items = plan(project, pictures, said=said)
    assert said == [f"The model '{GOOD}' has texts about 11 of 12 pictures"]
    assert sum(map(len, items.values())) == 22
    (study.predictions / f"{GOOD}.parquet").unlink()
    with pytest.raises(DataError, match=rf"There are no predictions '{GOOD}' in .*qr predict"):
        plan(project, pictures)
    project, pictures = judges(models=())
    (study.annotations / "k" / "table.parquet").unlink()
    with pytest.raises(DataError, match=r"table\.parquet is missing, .*pull --project k"):
        plan(project, pictures)


PAIR = (Shown("model:b", "", "B"), Shown("model:a", "", "A"))


@pytest.mark.parametrize(
    ("choices", "preferred", "problems"),
    [
        (["a"], SECOND, ()),  # the left one is b, second in the alphabet
        (["b"], FIRST, ()),
        (["tie"], TIE, ()),
        (["x"], None, ("preferred is none of a, tie, b (['x'])",)),
        (["a", "b"], None, ("preferred is none of a, tie, b (['a', 'b'])",)),
    ],
)
def test_choices_are_read_as_those_between_authors(choices, preferred, problems):
    result = [{"from_name": "preferred", "value": {"choices": choices}}]
    reading = read_judgement(result, PAIR)
    assert (reading.answer.ratings, reading.problems) == ({"preferred": preferred}, problems)
    (turned,) = [read_judgement(result, PAIR[::-1]).answer.ratings["preferred"]]
    assert turned == (None if preferred is None else 4 - preferred)


def test_judgements_lack_nothing_or_say_so(judges, judge, study):
    project, pictures = judges(rules={"min_seconds": 10})
    folder = study.annotations / "j"
    judge(project, folder, pictures, {})
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    lines[0]["annotation"]["result"] = lines[0]["annotation"]["result"][:2]
    lines[1]["annotation"]["lead_time"] = 3.0
    lines[2]["annotation"]["result"][0]["value"]["rating"] = 9
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    collected = Collected(project, folder)
    collected.rebuild()
    found = sorted(each.finding for each in collected.found)
    assert found == [
        "correctness is no rating from 1 to 5",
        *("missing correctness", "missing likeness", "too fast"),
    ]
    rows = parquet.read_table(folder / "judgements.parquet").to_pylist()
    assert sum(bool(row["findings"]) for row in rows) == 3
    assert not (folder / "table.parquet").exists()


def test_judgements_hold_a_row_for_each_judge_and_text(judges, judge, study):
    project, pictures = judges()
    folder = study.annotations / "j"
    items = judge(project, folder, pictures, {})
    Collected(project, folder).rebuild()
    path = folder / "judgements.parquet"
    rows = parquet.read_table(path).to_pylist()
    shown = {
        (person, item.unit.image_id, item.unit.shown[0].author)
        for person, mine in items.items()
        for item in mine
    }
    assert {(row["judge"], row["image_id"], row["author"]) for row in rows} == shown
    assert len(rows) == len(shown) == 96
    assert {row["question"] for row in rows} == {"rate"}
    assert all(1 <= row[name] <= 5 for row in rows for name in ("correctness", "likeness"))
    assert {(row["opponent"], row["won"]) for row in rows} == {(None, None)}
    assert rows[0]["caption"].startswith("A wall, says ")
    assert path.stat().st_mode & 0o777 == 0o600
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["kind"], manifest["simulated"]) == ("judge", True)
    assert set(manifest["files"]) == {"judgements.parquet"}


def test_choices_become_two_rows_that_add_up(judges, judge, study):
    project, pictures = judges(question="choose", models=(GOOD, SAME), humans=None)
    folder = study.annotations / "j"
    judge(project, folder, pictures, {}, question="choose")
    Collected(project, folder).rebuild()
    rows = parquet.read_table(folder / "judgements.parquet").to_pylist()
    assert len(rows) == 12 * 2 * 2
    points = {}
    for row in rows:
        assert {row["author"], row["opponent"]} == {f"model:{GOOD}", f"model:{SAME}"}
        points.setdefault((row["judge"], row["image_id"]), []).append(row["won"])
    assert {sum(each) for each in points.values()} == {1.0}
    assert {row["correctness"] for row in rows} == {None}


@pytest.mark.parametrize("question", ["rate", "choose"])
def test_a_better_model_is_recovered_and_an_equal_pair_is_not_called_different(
    judges, judge, study, question
):
    project, pictures = judges(images=40, question=question, humans=None)
    folder = study.annotations / "j"
    better = {f"model:{GOOD}": 0.9}
    judge(project, folder, pictures, better, seed=1, question=question)
    Collected(project, folder).rebuild()
    found = report("j", study)
    fields = ["correctness", "completeness", "likeness"] if question == "rate" else ["preferred"]
    assert [each.field for each in found.rankings] == fields
    for ranking in found.rankings:
        best = ranking.standings[0]
        assert best.author == GOOD
        assert best.value.low < best.value.value < best.value.high
        real = {(gap.first, gap.second): gap.real for gap in ranking.gaps}
        assert real.pop((GOOD, SAME)) and real.pop((GOOD, OTHER))
        assert list(real.values()) == [False]
        for gap in ranking.gaps:
            assert gap.difference.low <= gap.difference.value <= gap.difference.high
            assert gap.difference.value >= 0
    text = found.page.read_text(encoding="utf-8")
    assert "Whose texts are preferred" in text and "not told apart" in text
    assert set(found.campaign.agreement) == set(fields)
    assert {each.screened.verdict for each in found.campaign.people.values()} <= {"ok", "watch"}


def test_a_judge_who_always_takes_the_left_text_is_found(judges, judge, study):
    project, pictures = judges(
        images=40, question="choose", models=(GOOD, SAME), humans=None, annotators_per_image=3
    )
    folder = study.annotations / "j"
    judge(project, folder, pictures, {f"model:{GOOD}": 0.5}, question="choose")
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    for line in lines:
        if line["annotator"].startswith("lee@"):
            line["annotation"]["result"][0]["value"]["choices"] = ["a"]
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    people = report("j", study).campaign.people
    assert people["lee"].screened.verdict == "exclude?"
    assert "straight-lining" in people["lee"].screened.reasons[0]
    assert "straight-lining" not in " ".join(people["jo"].screened.reasons)


def test_form_shows_the_texts_and_says_its_version():
    rate, choose = judge_xml("rate", "2"), judge_xml("choose")
    assert '"$text"' in rate and '"$text_a"' not in rate
    assert '"$text_a"' in choose and '"$text_b"' in choose
    assert 'name="guidelines_version"' in rate and judge_form_version("rate") in rate
    assert judge_form_version("rate") != judge_form_version("choose")


def test_plan_holds_the_texts_as_they_were(judges, judge, study):
    project, pictures = judges(models=(GOOD,), humans=None)
    folder = study.annotations / "j"
    judge(project, folder, pictures, {})
    write_predictions(study, GOOD, pictures, missing=("picture 01.png",))
    shown = {item.unit.shown[0].text for mine in read_items(folder).values() for item in mine}
    assert shown == {f"A wall, says {GOOD}. It is sharp."}


def test_texts_judged_twice_are_no_second_row_and_show_who_is_steady(judges, judge, study):
    project, pictures = judges(repeats={"share": 0.25, "distance": 3}, pilot="pilot.txt")
    folder = study.annotations / "j"
    items = judge(project, folder, pictures, {})
    Collected(project, folder).rebuild()
    first = sum(not item.repeat for mine in items.values() for item in mine)
    assert parquet.read_table(folder / "judgements.parquet").num_rows == first
    people = report("j", study).campaign.people
    for person, mine in items.items():
        retest = people[person.partition("@")[0]].screened.beside.retest
        assert retest.n == sum(item.repeat for item in mine) > 0
        assert {item.unit.name for item in mine[:4]} == {"picture 00.png"}
