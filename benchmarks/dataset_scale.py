"""Building a dataset of a million annotations, of ten million, and again with a thousand more.

    python benchmarks/dataset_scale.py [--annotations 1000000] [--ten-times] [--folder DIR]

Simulated: 350,000 pictures per million annotations, scores and texts only; the caption has 25 words
and the reasoning 55, drawn from 8,000 words whose frequencies fall as in natural language; one text
in a hundred is a near copy of an earlier one of its annotator, one answer in fifty breaks a rule.
An annotator gives 5,000 answers. Each build is a process of its own, of which time and memory are
those of the operating system. Prints its table and writes it beside itself.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from qreasoning.dimensions import load_dimensions
from qreasoning.files import write_manifest, write_text
from qreasoning.records import annotations_schema
from qreasoning.workspace import make_study, shipped

IDS = load_dimensions(shipped() / "annotation" / "dimensions.yaml").ids
PROJECT, SET = "scale-simulated", "scores-simulated"
PIECE = 50_000
EACH = 5_000
NEW = 1_000
WORDS = 8_000


def main():
    options = arguments()
    if options.build:
        build(options.build, options.claims)
        return
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    try:
        text = measured(folder, options)
    finally:
        shutil.rmtree(folder)
    print(text)
    write_text(Path(__file__).with_suffix(".md"), text)


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--annotations", type=int, default=1_000_000)
    parser.add_argument("--ten-times", action="store_true")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--build", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--claims", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def measured(folder, options):
    count = options.annotations
    load = os.getloadavg()[0]
    lines = []
    study = write_study(folder / "one", count)
    full = run(study)
    lines.append(row(f"{count:,} annotations of {pictures(count):,} pictures", full))
    write_answers(study, count, NEW)
    again = run(study)
    lines.append(row(f"again with {NEW:,} new annotations", again))
    lines.append(row("again with nothing new", run(study)))
    claims = run(study, claims=True)
    lines.append(row("with the claim rule, nothing taken over from a pull", claims))
    facts = [f"The rebuild takes {again['seconds'] / full['seconds']:.2f} of the full build."]
    if options.ten_times:
        shutil.rmtree(study)
        ten = run(write_study(folder / "ten", 10 * count))
        lines.append(row(f"{10 * count:,} annotations", ten))
        facts.append(
            f"Ten times the rows take {ten['seconds'] / full['seconds']:.1f} times the time and "
            f"{ten['memory'] / full['memory']:.2f} times the memory."
        )
    table = "\n".join(lines)
    return f"""# A dataset of {count:,} annotations

`python benchmarks/dataset_scale.py --annotations {count}{" --ten-times" * options.ten_times}`, \
{os.cpu_count()} cores that other work shared (load {load:.1f} at the start, \
{os.getloadavg()[0]:.1f} at the end)

| build | seconds | CPU seconds | peak MB | version |
|---|---:|---:|---:|---|
{table}

{" ".join(facts)}
"""


def row(what, measured):
    return (
        f"| {what} | {measured['seconds']:.0f} | {measured['cpu']:.0f} | "
        f"{measured['memory'] / 1024:.0f} | {measured['version']} |"
    )


def run(study, claims=False):
    """One build in a process of its own."""
    command = [sys.executable, __file__, "--build", str(study), *(["--claims"] * claims)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {**json.loads(done.stdout), "seconds": seconds, "cpu": cpu}


def build(root, claims):
    from qreasoning.data.build import build_dataset
    from qreasoning.data.spec import BuildSpec
    from qreasoning.workspace import Workspace

    spec = BuildSpec.model_validate(
        {
            "name": "scale-simulated",
            "projects": [PROJECT],
            "pictures": "none",
            "simulated": True,
            "rules": {"severity": {"claims": "warn" if claims else "off"}},
            "score_sets": [{"name": SET, "file": "scores.parquet", "range": [0, 100]}],
        }
    )
    report = build_dataset(spec, Workspace(root))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"version": report.version, "memory": peak}))


def write_study(folder, count):
    study = make_study(folder).root
    scores = pictures(count)
    numbers = np.arange(scores)
    draw = np.random.default_rng(1)
    table = pa.table({"image": names(numbers), "mos": draw.uniform(0, 100, scores).round(3)})
    parquet.write_table(table, study / "scores.parquet")
    write_answers(study, count)
    return study


def pictures(count):
    return count * 35 // 100


def names(numbers):
    return pc.binary_join_element_wise("picture-", pa.array(numbers).cast(pa.string()), ".jpg", "")


def write_answers(study, count, new=0):
    """The table as a pull writes it: `count` answers, and `new` ones by the same people about
    pictures that others have annotated too."""
    folder = study / "outputs" / "annotations" / PROJECT
    folder.mkdir(parents=True, exist_ok=True)
    schema = annotations_schema(IDS)
    with parquet.ParquetWriter(folder / "table.parquet", schema) as writer:
        for start in range(0, count, PIECE):
            number = np.arange(start, min(start + PIECE, count))
            writer.write_table(answers(number, number // EACH, number, count), row_group_size=5_000)
        if new:
            person = np.arange(new) * 7 % (count // EACH)
            number = np.arange(count, count + new)
            shown = EACH * (person + 1) + np.arange(new)
            writer.write_table(answers(number, person, shown, count))
    facts = {"project": PROJECT, "simulated": True, "images": "nowhere"}
    write_manifest(folder, {**facts, "dimensions": list(IDS)})


def answers(number, person, shown, total):
    """Answers by their number, who gave them, and the place of the picture in the showings."""
    count = len(number)
    draw = np.random.default_rng(int(number[0]) + 7)
    people = pc.binary_join_element_wise(
        "person-", pa.array(person).cast(pa.string()), "@example.org", ""
    )
    # Neighbouring showings are of far pictures; a prime step meets each once before it repeats.
    image = names(shown * 7_919 % pictures(total))
    when = pc.strftime(
        pa.array(number * 1_000_000 + 1_767_225_600_000_000, pa.timestamp("us", "UTC")),
        "%Y-%m-%dT%H:%M:%SZ",
    )
    ratings = draw.integers(1, 6, (count, len(IDS) + 1))
    missing = draw.random(count) < 0.02
    columns = {
        "image_id": pc.binary_join_element_wise(f"name:{SET}", image, "/"),
        "name": image,
        "annotator": people,
        "project": pa.array([PROJECT] * count),
        **{each: pa.array(ratings[:, place]) for place, each in enumerate(IDS)},
        **dict.fromkeys((f"{each}_note" for each in IDS), pa.nulls(count, pa.string())),
        "caption": texts(draw, count, 25),
        "reasoning": texts(draw, count, 55),
        "overall": pa.array(ratings[:, -1], mask=missing),
        "seconds": pa.array(draw.uniform(20, 200, count)),
        "created": when,
        "updated": when,
        "form_version": pa.array(["1"] * count),
        "guidelines_version": pa.array(["1"] * count),
        "prelabelled": pa.array(np.zeros(count, bool)),
        "labels": pa.nulls(count, pa.list_(pa.string())),
        "findings": pa.nulls(count, pa.list_(pa.string())),
    }
    schema = annotations_schema(IDS)
    return pa.table([columns[each.name] for each in schema], names=schema.names).cast(schema)


_VOCABULARY = pa.array([f"word{number}" for number in range(WORDS)])
_SHARES = np.cumsum(1 / (1 + np.arange(WORDS)))


def texts(draw, count, words):
    chosen = np.searchsorted(_SHARES, draw.random((count, words)) * _SHARES[-1])
    copies = np.flatnonzero(draw.random(count) < 0.01)
    copies = copies[copies > 0]
    chosen[copies] = chosen[copies - 1]
    chosen[copies, words // 2] = (chosen[copies, words // 2] + 1) % WORDS
    offsets = pa.array(np.arange(0, count * words + 1, words, dtype=np.int32))
    lists = pa.ListArray.from_arrays(offsets, _VOCABULARY.take(pa.array(chosen.ravel())))
    return pc.binary_join(lists, " ")


if __name__ == "__main__":
    main()
