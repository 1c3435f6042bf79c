"""Fixtures that every folder of tests shares."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from qreasoning.workspace import make_study

# How long an example takes says how busy the machine is.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def small_warm_up():
    """Settings of a base model that writes mostly readable chains and knows next to nothing else.

    Made in a quarter of a minute and cached, so that all tests share one.
    """
    from qreasoning.simulation.warm_up import WarmUp

    # One style only: it is learnt in a few seconds.
    return WarmUp(
        pictures=200,
        vision_steps=5,
        vision_batch=16,
        text_steps=60,
        text_batch=12,
        styles=(1.0, 0.0, 0.0, 0.0),
    )


@pytest.fixture
def study(tmp_path):
    """A fresh study, made as `qr init` makes it."""
    return make_study(tmp_path / "study")


@pytest.fixture
def chromium():
    """A page of 1366x768 in a real Chromium; where it is missing: skipped, under CI a failure."""
    path = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
    if not path.is_file():
        problem = f"{path} is missing: apt-get install chromium, or set CHROMIUM to its path"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(problem)
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser.new_page(viewport={"width": 1366, "height": 768})
        finally:
            browser.close()


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
