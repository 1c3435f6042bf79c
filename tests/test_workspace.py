import os

import pytest

from qreasoning.errors import DataError, SettingsError
from qreasoning.files import write_manifest
from qreasoning.workspace import Workspace, shipped, slug


@pytest.fixture
def study(tmp_path):
    """A study with one settings file."""
    (tmp_path / "annotation").mkdir()
    (tmp_path / "training").mkdir()
    (tmp_path / "annotation" / "mine.yaml").write_text("a: 1\n")
    return Workspace(tmp_path)


def finished(folder):
    folder.mkdir(parents=True)
    write_manifest(folder, {})
    return folder


def test_around_finds_the_study_above(study):
    deep = study.root / "outputs" / "x"
    deep.mkdir(parents=True)
    assert Workspace.around(deep) == Workspace(study.root.resolve())


def test_around_outside_a_study_says_how_to_make_one(tmp_path):
    with pytest.raises(SettingsError, match="qr init"):
        Workspace.around(tmp_path)


def test_settings_are_the_studys_first_then_the_shipped(study):
    assert study.settings("annotation", "mine", "project").parent.parent == study.root
    assert study.settings("annotation", "dimensions", "schema").parent.parent == shipped()
    (study.root / "annotation" / "dimensions.yaml").write_text("a: 1\n")
    assert study.settings("annotation", "dimensions", "schema").parent.parent == study.root


@pytest.mark.parametrize("name", ["none", "../secret", "/etc/passwd"])
def test_settings_of_an_unknown_name_list_those_there_are(study, name):
    (study.root / "secret.yaml").write_text("a: 1\n")
    with pytest.raises(SettingsError, match=r"There is no project .*There are: .*mine"):
        study.settings("annotation", name, "project")


def test_dataset_is_the_highest_complete_version(study):
    old = finished(study.datasets / "koniq" / "1.9.0")
    new = finished(study.datasets / "koniq" / "1.10.0")
    (study.datasets / "koniq" / "1.11.0").mkdir()  # no manifest: unfinished
    assert study.dataset() == study.dataset("koniq") == new
    assert study.dataset("koniq@1.9.0") == old


def test_dataset_without_a_name_is_of_the_name_built_last(study):
    first, second = (
        finished(study.datasets / "b" / "2.0.0"),
        finished(study.datasets / "a" / "1.0.0"),
    )
    os.utime(first / "manifest.json", (1, 1))
    assert study.dataset() == second
    os.utime(second / "manifest.json", (0, 0))
    assert study.dataset() == first


def test_dataset_or_run_that_is_not_there_says_how_to_make_it(study):
    with pytest.raises(DataError, match="qr build-dataset"):
        study.dataset()
    finished(study.datasets / "koniq" / "1.0.0")
    with pytest.raises(DataError, match=r"no dataset 'koniq@1\.2\.0'"):
        study.dataset("koniq@1.2.0")
    with pytest.raises(DataError, match="qr train"):
        study.run()


def test_run_is_the_newest_or_the_named(study):
    first, second = finished(study.runs / "tiny" / "001"), finished(study.runs / "tiny" / "002")
    os.utime(first / "manifest.json", (1, 1))
    assert study.run() == second
    assert study.run("tiny/001") == study.run("tiny-001") == first


@pytest.mark.parametrize(
    ("name", "safe"),
    [("Qwen/Qwen2.5-VL-7B", "Qwen-Qwen2.5-VL-7B"), ("../..", "unnamed"), ("a b\0c", "a-b-c")],
)
def test_slug_is_one_safe_folder_name(name, safe):
    assert slug(name) == safe
