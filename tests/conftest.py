"""Fixtures that every folder of tests shares."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from qreasoning.workspace import make_study


@pytest.fixture
def study(tmp_path):
    """A fresh study, made as `qr init` makes it."""
    return make_study(tmp_path / "study")


@pytest.fixture
def qr(tmp_path):
    """Run `qr` in a process of its own, in `cwd`, without the caller's server settings."""

    def run(*arguments, cwd=tmp_path, module=False, **environment):
        command = [sys.executable, "-m", "qreasoning"] if module else [str(QR)]
        kept = {name: value for name, value in os.environ.items() if "LABEL_STUDIO" not in name}
        return subprocess.run(
            [*command, *map(str, arguments)],
            cwd=cwd,
            env={**kept, **environment},
            capture_output=True,
            text=True,
        )

    return run


QR = Path(sys.executable).parent / "qr"
