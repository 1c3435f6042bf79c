"""Every metric on the cases of golden/*.json: arguments, expected values and their derivation."""

import importlib
import json
from functools import reduce
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parent / "golden"
CASES = [
    (path.stem, case)
    for path in sorted(FOLDER.glob("*.json"))
    for case in json.loads(path.read_text(encoding="utf-8"))
]
METRICS = ("agreement", "bootstrap", "correlation", "rouge", "semantic")


@pytest.mark.parametrize(
    ("metric", "case"), CASES, ids=[f"{metric}: {case['name']}" for metric, case in CASES]
)
def test_golden_case(metric, case, request):
    module, function = case["function"].split(".")
    arguments = {name: _with_gaps(value) for name, value in case["arguments"].items()}
    if metric == "semantic":
        from qreasoning.metrics.semantic import load

        arguments["encoder"] = load(request.getfixturevalue("minilm"))
    found = getattr(importlib.import_module(f"qreasoning.metrics.{module}"), function)(**arguments)
    assert len(case["derivation"]) > 20
    for name, expected in case["expected"].items():
        value = reduce(getattr, name.split(".") if name else [], found)
        if isinstance(expected, str):
            assert value == expected, name
        else:
            numbers = np.array(_with_gaps(expected), dtype=float)
            np.testing.assert_allclose(
                np.asarray(value, dtype=float), numbers, rtol=0, atol=case["tolerance"]
            )


def _with_gaps(value):
    """JSON has no nan: null stands for it, in numbers as in tables of them."""
    if isinstance(value, list):
        return [_with_gaps(each) for each in value]
    return np.nan if value is None else value


def test_every_metric_has_golden_cases():
    assert {metric for metric, _ in CASES} >= set(METRICS)
