import pytest

from qreasoning.annotation.project import load_project, marker
from qreasoning.errors import SettingsError

SCORES = {"name": "s", "file": "scores.csv", "range": [1, 5]}


def test_load_project_reads_the_shipped_koniq(study):
    project = load_project("konIQ", study)
    assert project.pictures == study.root / "pictures" / "konIQ"
    assert project.document_root == study.root / "outputs" / "pictures"
    assert "koniq-10k-database.html" in project.file.source
    assert len(project.dimensions.ids) == 8
    assert project.guidelines.startswith("# How to annotate")
    assert marker(project) == "[qreasoning:konIQ]"


def test_load_project_reads_the_shipped_judges_study(study):
    project = load_project("judge", study)
    assert (project.file.kind, project.file.is_blind) == ("judge", True)
    assert (project.file.judge.question, project.file.judge.humans) == ("rate", "konIQ")
    assert project.guidelines.startswith("# How to judge a text")
    assert study.names("annotation") == ["judge", "konIQ"]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"title": "ab"}, r"'title': has 2 characters, Label Studio wants 3 to 50"),
        ({"title": "x" * 51}, r"'title': has 51 characters, Label Studio wants 3 to 50"),
        ({"title": "two\nlines"}, r"'title': must be one line"),
        ({"images": None}, r"neither 'images' nor 'manifest' nor 'scores' is given"),
        ({"image": "x"}, r"unknown key 'image'"),
        ({"annotators_per_image": 0}, r"'annotators_per_image': .*greater than or equal to 1"),
        ({"guidelines": "none.md"}, r"guidelines' file .*none.md is missing. Write it"),
        ({"guidelines": {"consent": "no.md"}}, r"guidelines' consent .*no.md is missing"),
        ({"guidelines": {"version": "$x"}}, r"'guidelines.version'"),
        ({"annotators": ["anna", "anna"]}, r"'anna' is listed twice"),
        ({"annotators": ["anna b"]}, r"'anna b' is neither an e-mail address nor a name"),
        ({"annotators": -1}, r"greater than or equal to 0"),
        ({"sampling": {"take": "random"}}, r"take: random needs 'n'"),
        ({"sampling": {"n": 3}}, r"take: all goes without 'n'"),
        ({"sampling": {"take": "stratified", "n": 10}}, r"MOS scale needs 'scores'"),
        ({"scores": {**SCORES, "images": None}, "images": None}, r"'scores' has no 'images'"),
        ({"scores": SCORES, "manifest": "list.txt"}, r"'manifest' and 'scores' both list"),
        ({"long_side": 10}, r"'long_side': .*greater than or equal to 64"),
        ({"images": "."}, r"annotators could read .*label-studio.*Set 'images'"),
        ({"images": ".."}, r"annotators could read"),
        ({"images": "outputs/annotations/p"}, r"annotators could read .*annotations"),
        ({"images": None, "manifest": "list.txt"}, r"annotators could read"),
        ({"dimensions": "nine"}, r"no dimension schema 'nine'"),
    ],
)
def test_load_project_with_a_wrong_setting_names_it(study, write_project, settings, problem):
    with pytest.raises(SettingsError, match=problem):
        write_project(study, "wrong", **settings)


def test_load_project_unknown_names_those_there_are(study):
    with pytest.raises(SettingsError, match=r"no project 'nope' in .*There are: .*konIQ"):
        load_project("nope", study)


def test_load_project_title_of_50_characters_is_taken(study, write_project):
    assert write_project(study, "long", title="x" * 50).file.title == "x" * 50


def test_document_root_holds_only_pictures_also_for_those_outside_the_study(
    study, write_project, tmp_path
):
    project = write_project(study, "outside", images=str(tmp_path / "elsewhere" / "set"))
    assert project.pictures == tmp_path / "elsewhere" / "set"
    assert project.document_root == study.root / "outputs" / "pictures"
    assert project.prepared == project.document_root / "outside" / "prepared"
