"""Installations without the extras: a folder of links to the packages of some extras alone."""

import os
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def wanted(extras):
    """The requirements of the core and of some extras, other extras that they name resolved."""
    found = list(PROJECT["dependencies"])
    for extra in extras:
        for line in PROJECT["optional-dependencies"][extra]:
            required = Requirement(line)
            found += wanted(required.extras) if required.name == "qreasoning" else [line]
    return found


@cache
def everything():
    """Every installed distribution by its name."""
    return {canonicalize_name(each.name): each for each in distributions()}


def closure(lines):
    """The installed distributions that requirements lead to, and theirs, and so on."""
    found, waiting = set(), [(Requirement(line), "") for line in lines]
    while waiting:
        required, extra = waiting.pop()
        if required.marker is not None and not required.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(required.name)
        assert name in everything(), f"{name} is not installed"
        for each in ("", *required.extras):
            if (name, each) not in found:
                found.add((name, each))
                waiting += [(Requirement(r), each) for r in everything()[name].requires or ()]
    return {name for name, _ in found}


@pytest.fixture
def installed(tmp_path):
    """Make an installation with some extras; returns a function that runs Python in it."""

    def make(*extras):
        site = tmp_path / "site"
        site.mkdir()
        for name in closure(wanted(extras)):
            files = everything()[name].files or ()
            for top in {
                each.parts[0] for each in files if each.parts[0] not in ("..", "__pycache__")
            }:
                link = site / top
                if not link.exists():
                    link.symlink_to(everything()[name].locate_file(top))
        (site / "qreasoning").symlink_to(ROOT / "qreasoning")

        def run(*arguments, cwd=tmp_path):
            kept = {name: value for name, value in os.environ.items() if "LABEL_STUDIO" not in name}
            return subprocess.run(
                [sys.executable, "-S", "-P", *arguments],
                cwd=cwd,
                env={**kept, "PYTHONPATH": str(site)},
                capture_output=True,
                text=True,
            )

        return run

    return make
