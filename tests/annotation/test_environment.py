import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from qreasoning.annotation import environment as unit
from qreasoning.errors import ServerError


def requirements():
    lines = unit.REQUIREMENTS.read_text("utf-8").splitlines()
    return [Requirement(line) for line in lines if not line.startswith("#")]


def test_requirements_pin_everything_to_one_version():
    assert unit.version() == "1.23.2"
    specifiers = [list(each.specifier) for each in requirements()]
    assert all(len(each) == 1 and each[0].operator == "==" for each in specifiers)
    names = [each.name.lower() for each in requirements()]
    assert len(set(names)) == len(names)


def test_settings_pass_nothing_on_but_the_search_path(tmp_path, monkeypatch):
    for name in ("HOST", "PORT", "PASSWORD", "DEBUG", "CI", "LABEL_STUDIO_HOST", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "from outside")
    assert "from outside" not in unit.settings(tmp_path).values()
    assert unit.settings(tmp_path)["LABEL_STUDIO_COLLECT_ANALYTICS"] == "false"


STEPS = ["venv", "pip", "version"]


@pytest.fixture
def pretended(monkeypatch, tmp_path):
    """Installing and migrating as a no-op that leaves the files behind; returns the commands."""
    commands = []

    def run(command, environ, log):
        step = command[2] if command[1] == "-m" else command[1]
        commands.append(step)
        if step == "venv":
            python = Path(command[3]) / "bin" / "python"
            python.parent.mkdir(parents=True)
            python.symlink_to(sys.executable)
        if step == "version":
            (folder,) = (tmp_path / "label-studio").glob("1.23.2-*/")
            (folder / unit.TEMPLATE).parent.mkdir()
            (folder / unit.TEMPLATE).touch()

    monkeypatch.setattr(unit, "_run", run)
    return commands


def test_environment_is_made_once(pretended, tmp_path):
    said = []
    folder = unit.environment(tmp_path, said.append)
    assert pretended == STEPS
    assert said[0].startswith(f"Setting up Label Studio 1.23.2 in {folder}")
    assert unit.environment(tmp_path, said.append) == folder
    assert pretended == STEPS
    assert len(said) == 2


def test_environment_interrupted_is_made_anew(pretended, tmp_path):
    folder = unit.environment(tmp_path, print)
    (folder / "ready").unlink()
    (folder / "venv" / "half").touch()
    unit.environment(tmp_path, print)
    assert pretended == STEPS * 2
    assert not (folder / "venv" / "half").exists()


def test_environment_whose_python_was_removed_is_made_anew(pretended, tmp_path):
    folder = unit.environment(tmp_path, print)
    (folder / "venv" / "bin" / "python").unlink()
    (folder / "venv" / "bin" / "python").symlink_to(tmp_path / "gone")
    unit.environment(tmp_path, print)
    assert pretended == STEPS * 2


def test_environment_wanted_by_two_at_once_is_made_once(pretended, tmp_path):
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: unit.environment(tmp_path, print), range(2)))
    assert both[0] == both[1]
    assert pretended == STEPS


def test_environment_that_cannot_be_installed_names_the_log(tmp_path, monkeypatch):
    pins = tmp_path / "pins.txt"
    pins.write_text("label-studio==0.0.0\n")
    monkeypatch.setattr(unit, "REQUIREMENTS", pins)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(
        ServerError, match=r"could not be set up: .*See the end of \S+\.log"
    ) as error:
        unit.environment(tmp_path, print)
    (log,) = (tmp_path / "label-studio").glob("*.log")
    assert str(log) in str(error.value)
    assert "No matching distribution found for label-studio==0.0.0" in log.read_text()
    assert not list((tmp_path / "label-studio").glob("*/ready"))


def test_locked_is_held_against_other_processes(tmp_path):
    program = (
        "import fcntl, sys\n"
        "file = open(sys.argv[1], 'a')\n"
        "try: fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "except BlockingIOError: print('held')\n"
    )
    path = tmp_path / "lock"
    with unit.locked(path, print):
        command = [sys.executable, "-c", program, str(path)]
        assert subprocess.run(command, capture_output=True, text=True).stdout == "held\n"
