from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .conftest import closure, everything, wanted

LINES = (Path(__file__).parents[2] / "constraints.txt").read_text(encoding="utf-8").splitlines()
PINS = [Requirement(line) for line in LINES if not line.startswith("#")]


def test_constraints_pin_each_package_once_and_exactly():
    names = [canonicalize_name(each.name) for each in PINS]
    assert len(names) == len(set(names))
    assert all(str(each.specifier).startswith("==") for each in PINS)


def test_constraints_pin_everything_that_the_extras_bring():
    # pip is what does the installing.
    brought = closure(wanted(["all", "dev"])) - {"pip"}
    pinned = {canonicalize_name(each.name) for each in PINS}
    assert brought - pinned == set()
    wrong = [
        str(pin)
        for pin in PINS
        if canonicalize_name(pin.name) in brought
        and not pin.specifier.contains(everything()[canonicalize_name(pin.name)].version)
    ]
    assert wrong == []
