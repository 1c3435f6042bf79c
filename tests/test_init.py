import pytest
import yaml

from qreasoning.errors import SettingsError
from qreasoning.workspace import FOLDERS, Workspace, make_study


def test_make_study_copies_what_a_researcher_edits(tmp_path):
    study = make_study(tmp_path / "new" / "study")
    assert Workspace.around(study.root / "annotation") == study
    assert sorted(path.name for path in study.root.iterdir()) == sorted([*FOLDERS, ".gitignore"])
    shipped = yaml.safe_load((study.root / "annotation" / "dimensions.yaml").read_text("utf-8"))
    assert len(shipped["dimensions"]) == 8


def test_make_study_in_an_empty_folder_fills_it(tmp_path):
    (tmp_path / "study").mkdir()
    assert (make_study(tmp_path / "study").root / "annotation" / "konIQ.yaml").is_file()


def test_make_study_in_a_folder_with_files_is_refused(tmp_path):
    (tmp_path / "mine").write_text("keep")
    with pytest.raises(SettingsError, match="is not empty"):
        make_study(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
