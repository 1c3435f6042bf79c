from pathlib import Path

import pytest

from qreasoning.data.pseudonyms import pseudonym, read_key
from qreasoning.data.spec import BuildSpec, read_spec
from qreasoning.errors import DataError, SettingsError
from qreasoning.workspace import Workspace, shipped


def _study(folder: Path, text: str) -> Workspace:
    (folder / "annotation").mkdir()
    (folder / "annotation" / "dataset.yaml").write_text(text)
    return Workspace(folder)


def test_read_spec_of_the_shipped_file_is_koniq_with_no_scores() -> None:
    spec = read_spec(Workspace(shipped()))
    assert (spec.name, spec.projects, spec.score_sets) == ("koniq-reasoning", ("konIQ",), ())
    assert spec.simulated is False


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\nprojects: [p]\nsplit: {}\n", "unknown key 'split'"),
        ("name: a\n", "at least one of projects or score_sets"),
        ("name: a\nprojects: [p, p]\n", "project 'p' is named twice"),
        ("name: a/b\nprojects: [p]\n", "'name'"),
        ("name: a\nprojects: [p]\nsplits: {train: 0.9}\n", "must add up to 1"),
    ],
)
def test_read_spec_wrong_settings_name_file_and_key(
    tmp_path: Path, text: str, message: str
) -> None:
    workspace = _study(tmp_path, text)
    with pytest.raises(SettingsError, match=message) as caught:
        read_spec(workspace)
    assert "dataset.yaml" in str(caught.value)


def test_build_spec_default_fractions_are_koniqs() -> None:
    splits = BuildSpec(name="a", projects=("p",)).splits
    assert (splits.train, splits.validation, splits.test) == (0.7, 0.1, 0.2)


def test_pseudonym_depends_on_log_in_and_key(tmp_path: Path) -> None:
    key = read_key(tmp_path)
    assert read_key(tmp_path) == key
    name = pseudonym("ann@example.org", key)
    assert len(name) == 12 and name.startswith("a-")
    assert name != pseudonym("bob@example.org", key)
    # HMAC-SHA256 of test case 2 in RFC 4231: 5bdcc146bf…
    assert pseudonym("what do ya want for nothing?", b"Jefe") == "a-5bdcc146bf"


def test_read_key_damaged_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "pseudonym.key").write_text("short")
    with pytest.raises(DataError, match="5 of 64 characters"):
        read_key(tmp_path)
