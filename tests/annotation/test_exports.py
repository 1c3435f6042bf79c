import json

import pytest

from qreasoning.annotation.answers import read_results, write_results
from qreasoning.annotation.exports import read_export
from qreasoning.annotation.matching import Matcher
from qreasoning.annotation.pictures import Picture, Pictures
from qreasoning.errors import DataError, SettingsError

NAMES = ["a b.jpg", "one/x.png", "two/x.png", "two/deep/y.png"]


@pytest.fixture
def pictures(tmp_path):
    every = tuple(Picture(f"sha256:{number}", name) for number, name in enumerate(NAMES))
    return Pictures(tmp_path, every, (("copy.jpg", "a b.jpg"),))


@pytest.fixture
def read(study, write_project, pictures, tmp_path):
    """Read `content` as an export under the given `importing`."""

    def run(content, **importing):
        path = tmp_path / "export.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return read_export(path, write_project(study, "p", importing=importing), pictures)

    return run


def task(answers, image="a b.jpg", key="annotations", **data):
    return {"id": 7, "data": {"image": image, **data}, key: answers}


def rating(name, stars):
    return {"from_name": name, "to_name": "image", "type": "rating", "value": {"rating": stars}}


NEW = {
    "id": 3,
    "unique_id": "6a1f",
    "completed_by": {"id": 2, "email": "Anna@lab.org"},
    "result": [rating("noise", 4)],
    "was_cancelled": False,
    "ground_truth": False,
    "created_at": "2023-04-05T06:07:08.123456Z",
    "updated_at": "2023-04-05T07:07:08+01:00",
    "lead_time": 12.5,
}
# Label Studio 1.0 and before: completions, a number for the account, seconds since 1970, no update.
OLD = {"id": 3, "completed_by": 2, "result": [rating("noise", 4)], "created_at": 1600000000}


def test_read_export_of_a_new_version(read):
    (state,) = read([task([NEW])])
    seen = state.pop("seen")
    assert seen.startswith("20")
    assert state == {
        "place": "import",
        "id": "6a1f",
        "task_id": 7,
        "image_id": "sha256:0",
        "name": "a b.jpg",
        "annotator": "anna@lab.org",
        "annotation": {**NEW, "updated_at": "2023-04-05T06:07:08.000000Z"},
        "form_version": "imported",
        "guidelines_version": None,
        "origin": "import",
    }


def test_read_export_of_an_old_version(read):
    (state,) = read([task([OLD], key="completions")])
    assert state["annotator"] == "export-user-2"
    assert state["annotation"] == {
        **OLD,
        "was_cancelled": False,
        "ground_truth": False,
        "lead_time": None,
        "created_at": "2020-09-13T12:26:40.000000Z",  # 1.6e9 seconds after 1970
        "updated_at": "2020-09-13T12:26:40.000000Z",
    }


def test_read_export_names_an_answer_the_same_each_time_and_apart_from_others(read):
    first = read([task([OLD]), task([OLD], image="one/x.png"), task([NEW])])
    again = read([task([OLD, NEW]), task([OLD], image="one/x.png")])
    assert len({state["id"] for state in first}) == 3
    assert {state["id"] for state in first} == {state["id"] for state in again}


def test_read_export_maps_names_values_and_people(read, dimensions):
    answer = {
        **OLD,
        "result": [
            {"from_name": "why", "value": {"text": ["Noisy but sharp."]}},
            {"from_name": "Noise!", "value": {"choices": ["2"]}},
            {"from_name": "mos", "value": {"number": 4.0}},
            {"from_name": "sharpness", "value": {"rating": 5}},
            {"from_name": "box", "value": {"x": 1}},
        ],
    }
    (state,) = read(
        [task([answer], image=None, photo="/data/upload/3/0a1b2c3d-y.png")],
        image="photo",
        fields={"reasoning": "why", "noise": "Noise!", "overall": "mos"},
        annotators={"2": "Zoe"},
    )
    assert (state["name"], state["annotator"]) == ("two/deep/y.png", "zoe@p.local")
    reading = read_results(state["annotation"]["result"], dimensions.ids)
    assert reading.answer.reasoning == "Noisy but sharp."
    assert reading.answer.ratings["noise"] == 2
    assert reading.answer.ratings["sharpness"] == 5
    assert reading.answer.overall == 4
    assert reading.problems == ("unknown field 'box'",)


def test_read_export_of_our_own_answers_gives_them_back(read, answer, dimensions):
    given = answer(notes={**dict.fromkeys(dimensions.ids), "noise": "grain"})
    shuffled = write_results(given)[::-1]
    (state,) = read([task([{**NEW, "result": shuffled}], image="x", image_id="sha256:2")])
    assert state["name"] == "two/x.png"
    assert read_results(state["annotation"]["result"], dimensions.ids).answer == given


def test_read_export_keeps_skips_and_answers_to_unknown_pictures(read):
    skipped = {**OLD, "skipped": True}
    states = read([task([NEW]), task([skipped], image="gone.jpg")])
    assert [state["image_id"] for state in states] == ["sha256:0", None]
    assert states[1]["name"] == "gone.jpg"
    assert states[1]["annotation"]["was_cancelled"] is True


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", r"export\.json is no JSON .*Export again, as JSON"),
        ("[]", r"holds no annotations"),
        ([task([])], r"holds no annotations"),
        ([{"image": "a b.jpg", "noise": 3, "annotator": 1}], r"entry 1 is no task .*not JSON-MIN"),
        ([task([NEW]), task([3])], r"entry 2 is no task"),
        ([task([NEW]), 5], r"entry 2 is no task"),
        ([task([NEW], image="z.jpg")], r"none of its pictures .* is 'z\.jpg'.*importing\.image"),
        ([task([{**NEW, "result": [rating("q", 1)]}])], r"none of its fields \(q\).*importing"),
        ([task([{**NEW, "result": {"a": 1}}])], r"entry 1 is no task with annotations"),
    ],
)  # fmt: skip
def test_read_export_of_something_else_is_one_sentence(read, content, problem):
    with pytest.raises(DataError, match=problem):
        read(content)


def test_read_export_with_a_mapping_of_an_unknown_field_lists_those_there_are(read):
    with pytest.raises(SettingsError, match=r"importing\.fields maps 'nois', .*It has brightness"):
        read([task([NEW])], fields={"nois": "x"})


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("a b.jpg", "a b.jpg"),
        ("/data/local-files/?d=pictures/set/a%20b.jpg", "a b.jpg"),
        ("https://host/some/a%20b.jpg?signature=x&d=", "a b.jpg"),
        ("s3://bucket/one/x.png", "one/x.png"),
        ("/data/upload/12/1a2b3c4d-y.png", "two/deep/y.png"),
        ("y.png", "two/deep/y.png"),
        ("copy.jpg", "a b.jpg"),
        ("x.png", None),  # two of this name
        ("/data/upload/12/1a2b3c4d-x.png", None),
        ("other/y.png", None),  # the folders disagree
        ("http://[/a b.jpg", "a b.jpg"),
        ("", None),
        ("/", None),
    ],
)
def test_matcher_finds_what_an_address_means_and_does_not_guess(pictures, address, name):
    found = Matcher(pictures).find({}, address)
    assert (found.name if found else None) == name
