import shutil

import pytest

from qreasoning.annotation.pictures import collect
from qreasoning.annotation.preparing import look
from qreasoning.annotation.project import load_project
from qreasoning.errors import DataError, SettingsError
from qreasoning.images import identity_of_file


@pytest.fixture
def known(tmp_path):
    return tmp_path / "known" / "pictures.json"


@pytest.fixture
def project(study, write_project):
    return write_project(study, "p")


def names(pictures):
    return [each.name for each in pictures.pictures]


def test_collect_finds_pictures_below_the_folder_by_name(project, paint, known):
    paint(project.pictures / "sub", 1, seed=1)
    paths = paint(project.pictures, 2)
    (project.pictures / "notes.txt").write_text("no picture")
    found = collect(project, known, print)
    assert names(found) == ["picture 00.png", "picture 01.png", "sub/picture 00.png"]
    assert found.pictures[0].image_id == identity_of_file(paths[0])
    assert found.repeated == ()


def test_collect_of_koniq_without_pictures_says_where_they_are_to_be_had(study, known):
    with pytest.raises(DataError) as error:
        collect(load_project("konIQ", study), known, print)
    text = str(error.value)
    assert f"The folder {study.root / 'pictures' / 'konIQ'} is missing" in text
    assert "http://database.mmsp-kn.de/koniq-10k-database.html" in text
    assert f"correct 'images' in {study.root / 'annotation' / 'konIQ.yaml'}" in text


def test_collect_of_an_empty_folder_says_so(project, known):
    project.pictures.mkdir(parents=True)
    with pytest.raises(DataError, match="There are no pictures in"):
        collect(project, known, print)


def test_collect_with_a_truncated_picture_names_it_and_remembers_nothing(project, paint, known):
    paths = paint(project.pictures, 3)
    paths[1].write_bytes(paths[1].read_bytes()[:1000])
    with pytest.raises(DataError, match=r"^/\S+/p/picture 01\.png is damaged") as error:
        collect(project, known, print)
    assert "Replace or remove it." in str(error.value)
    assert not known.exists()


def test_collect_with_several_broken_pictures_counts_them(project, paint, known):
    paths = paint(project.pictures, 3)
    paths[1].write_bytes(b"")
    paths[2].write_text("no picture")
    with pytest.raises(
        DataError, match=r"^2 pictures cannot be used; the first: .*picture 01\.png"
    ):
        collect(project, known, print)


def test_collect_again_decodes_only_what_changed(project, paint, known, monkeypatch):
    paths = paint(project.pictures, 3)
    first = collect(project, known, print)
    paint(project.pictures, 3, seed=5)
    shutil.copystat(paths[0], paths[1])
    decoded = []

    def watched(path, **settings):
        decoded.append(str(path))
        return look(path, **settings)

    monkeypatch.setattr("qreasoning.annotation.pictures.look", watched)
    paths[2].touch()
    second = collect(project, known, print)
    changed = {
        before.name
        for before, after in zip(first.pictures, second.pictures, strict=True)
        if before != after
    }
    assert {str(project.pictures / name) for name in changed} <= set(decoded)
    decoded.clear()
    assert collect(project, known, print) == second
    assert decoded == []


def test_collect_of_the_same_content_twice_takes_it_once_and_tells(project, paint, known):
    path = paint(project.pictures, 1)[0]
    shutil.copy(path, project.pictures / "zz copy.png")
    found = collect(project, known, print)
    assert names(found) == ["picture 00.png"]
    assert found.repeated == (("zz copy.png", "picture 00.png"),)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("list.txt", "picture 01.png\n\n  sub/picture 00.png \n"),
        ("list.csv", "mos,name\n3.2,picture 01.png\n4.1,sub/picture 00.png\n"),
    ],
)
def test_collect_by_a_list_takes_what_it_names(study, write_project, paint, known, file, content):
    folder = study.root / "pictures" / "p"
    paint(folder, 2)
    paint(folder / "sub", 1, seed=1)
    (folder / file).write_text(content)
    project = write_project(study, "p", images=None, manifest=f"pictures/p/{file}")
    assert names(collect(project, known, print)) == ["picture 01.png", "sub/picture 00.png"]


def test_collect_by_a_list_with_a_missing_picture_names_it(study, write_project, paint, known):
    paint(study.root / "pictures" / "p", 1)
    (study.root / "list.txt").write_text("picture 00.png\ngone.png\n")
    project = write_project(study, "p", manifest="list.txt")
    with pytest.raises(
        DataError, match=r"1 of the 2 pictures in .*list.txt are missing, .*gone.png"
    ):
        collect(project, known, print)


def test_collect_by_a_table_without_the_column_names_those_there_are(study, write_project, known):
    (study.root / "pictures" / "p").mkdir(parents=True)
    (study.root / "list.csv").write_text("file,mos\na.png,3\n")
    project = write_project(study, "p", manifest="list.csv")
    with pytest.raises(SettingsError, match=r"no column 'name' \(it has: file, mos\)"):
        collect(project, known, print)
