"""Readers of what others wrote, fed with anything: a sample here, a million in `make faults`."""

import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HERE = Path(__file__).parent
# The tests' folders are no packages.
_spec = importlib.util.spec_from_file_location("fuzz", HERE / "fuzz.py")
fuzz = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fuzz)

RUNS = {
    **dict.fromkeys(("chain-q-reasoning", "chain-q-insight", "chain-visualquality-r1"), 150_000),
    **dict.fromkeys(("yaml-project", "yaml-dimensions", "yaml-recipe"), 40_000),
    **dict.fromkeys(("yaml-dataset", "yaml-report"), 40_000),
    "mos.csv": 60_000,
    "mos.txt": 60_000,
    "mos.parquet": 40_000,
    "manifest.csv": 50_000,
    "export": 50_000,
    "chains.jsonl": 60_000,
    "chains.parquet": 30_000,
}
"""Inputs per reader in the long form: a million in all."""

MEMORY = Path("/dev/shm")
"""Where a file that is written again for every input costs no disk."""

FEW = 60
"""Inputs per reader in the sample."""


@pytest.fixture(scope="module")
def readers(tmp_path_factory):
    return fuzz.readers(tmp_path_factory.mktemp("fuzz"))


def test_every_reader_is_fuzzed_a_million_times_in_all(readers):
    assert readers.keys() == RUNS.keys()
    assert sum(RUNS.values()) == 1_000_000


def seconds(reader, content):
    """The processor's time for a read. A slow one is read again: what may have taken the time is a
    collection of all other tests' garbage."""
    for _ in range(3):
        begun = time.process_time()
        reader.read(content)
        taken = time.process_time() - begun
        if taken < 1:
            break
    return taken


@st.composite
def changed(draw, reader):
    """A good input with a few places replaced by what matters to its reader, or by anything."""
    content = draw(st.sampled_from(reader.seeds))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        length = draw(st.sampled_from([0, 0, 1, 3, 12, 60]))
        new = draw(st.sampled_from(reader.words) | st.binary(max_size=8))
        new *= draw(st.sampled_from([1, 1, 1, 1, 12, 1500]))
        content = content[:start] + new + content[start + length :]
    return content


@pytest.mark.parametrize("name", RUNS)
def test_reader_answers_or_refuses_in_a_sentence(readers, tried, name):
    reader = readers[name]
    slowest = 0.0

    @settings(max_examples=FEW, deadline=None, suppress_health_check=list(HealthCheck))
    @given(changed(reader))
    def feed(content):
        nonlocal slowest
        slowest = max(slowest, seconds(reader, content))

    feed()
    assert slowest < 1
    tried(name.partition("-")[0].partition(".")[0], "inputs by hypothesis", FEW)


BOMB = "".join(f"k{n}: &k{n} [{', '.join([f'*k{n - 1}'] * 9) if n else '0'}]\n" for n in range(12))


@pytest.mark.parametrize("name", [name for name in RUNS if name.startswith("yaml")])
@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        BOMB + "guidelines: {version: *k11}\nname: *k11\nprojects: *k11\nmodel: *k11\nbins: *k11",
        "a: &a [*a]",
        "[" * 9000,
        "{a: " * 3000,
        "a: 2001-13-45",
        "a: !!timestamp soon",
        "a: !!bool soon",
        "a: !!float",
        "!!int",
        "a: !!set [1]",
        "a: !!python/object/apply:os.system [exit]",
        'a: "\\UFFFFFFFF"',
        "a: " + "1" * 5000,
        "name: \ud800",
        "\x00",
    ],
    ids=lambda text: text[:12],
)
def test_settings_that_are_a_trap_are_refused_at_once(readers, name, text):
    assert seconds(readers[name], text.encode("utf-8", "surrogatepass")) < 1


@pytest.mark.parametrize(
    "change",
    [
        {"data": {"image": "a.jpg\ud800"}},
        {"annotations": [{"result": [{"from_name": "noise", "value": {"text": "9" * 5000}}]}]},
        {"annotations": [{"result": [], "created_at": "0001-01-01T00:00:00+14:00"}]},
        {"annotations": [{"result": [], "created_at": "0999-01-01T00:00:00Z"}]},
        {"annotations": [{"result": [], "lead_time": "soon"}]},
        {"annotations": [{"result": [], "lead_time": 1e999}]},
        {"annotations": [{"result": [], "completed_by": [{}]}]},
        {"annotations": [{"result": [], "unique_id": {"a": "\ud800"}}]},
        {"id": 10**30},
        {"annotations": [{"result": [{"from_name": "caption", "value": {"text": ["\ud800"]}}]}]},
    ],
    ids=str,
)
def test_export_with_a_trap_is_read_or_refused(readers, change):
    good = {"id": 1, "data": {"image": "b.jpg"}, "annotations": [{"result": []}]}
    rated = [{"from_name": "noise", "value": {"rating": 3}}]
    first = {**good, "annotations": [{"id": 1, "result": rated}]}
    readers["export"].read(json.dumps([first, {**good, **change}]).encode())


@pytest.mark.parametrize(
    "row",
    [
        '{"image": "b.png", "rating": 1' + "0" * 400 + "}",
        '{"image": "b.png", "rating": 1' + "0" * 5000 + "}",
        '{"image": "b.png", "rating": 1e999}',
        '{"image": "b.png", "caption": "\\ud800"}',
        '{"image": "b\\ud800.png", "caption": "x"}',
        "[" * 100_000,
        '{"image": "b.png", "caption": ' + "[" * 100_000,
    ],
    ids=lambda row: row[:40],
)
def test_chains_made_elsewhere_with_a_trap_are_read_or_refused(readers, row):
    readers["chains.jsonl"].read(b'{"image": "a.png", "rating": 3}\n' + row.encode())


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", RUNS)
def test_reader_withstands_what_a_fuzzer_grows(tmp_path, tried, name):
    command = [sys.executable, str(HERE / "fuzz.py"), name, "--runs", str(RUNS[name])]
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as work:
        done = subprocess.run(
            [*command, "--left", str(tmp_path), "--work", work],
            capture_output=True,
            text=True,
            env={**os.environ},
        )
    left = {each.name: each.read_bytes()[:2000] for each in tmp_path.glob("*-*")}
    assert done.returncode == 0 and not left, f"{left}\n{done.stderr[-3000:]}"
    count = int(re.search(r"stat::number_of_executed_units: (\d+)", done.stderr)[1])
    assert count >= RUNS[name]
    tried(name.partition("-")[0].partition(".")[0], "inputs by atheris", count)
