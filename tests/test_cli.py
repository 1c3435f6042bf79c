import json
import subprocess
import sys

import pytest

from qreasoning import __version__
from qreasoning.cli import printable

HEAVY = {
    *("torch", "transformers", "trl", "peft", "datasets", "numpy", "pandas", "label_studio_sdk"),
    *("scipy", "pyarrow", "PIL", "jinja2"),
}


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_qr_without_a_command_imports_nothing_heavy(argument):
    script = (
        "import json, sys\n"
        f"sys.argv = ['qr', {argument!r}]\n"
        "from qreasoning.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n"
        "    print(json.dumps([end.code, sorted({name.split('.')[0] for name in sys.modules})]))\n"
    )
    output = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    code, modules = json.loads(output.splitlines()[-1])
    assert code == 0
    assert not HEAVY & set(modules)
    assert (__version__ in output) if argument == "--version" else ("build-dataset" in output)


def test_python_m_is_qr(qr):
    result = qr("--version", module=True)
    assert (result.returncode, result.stdout) == (0, f"qreasoning {__version__}\n")


def test_every_command_has_help(qr):
    commands = (
        "init",
        "annotate",
        "build-dataset",
        "train",
        "predict",
        "align-report",
        "doctor",
        "demo",
    )
    commands += ("sweep", "learning-curve")
    group = [f"annotate {each}" for each in ("pull", "status", "import", "rebuild", "backup")]
    for command in (*commands, *group):
        result = qr(*command.split(), "--help")
        assert result.returncode == 0
        assert "Usage" in result.stdout


def test_printable_shows_control_characters_as_escapes():
    assert printable("a\x1b[31mb\x07\nc é 中") == "a\\x1b[31mb\\x07\nc é 中"
