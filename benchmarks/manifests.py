"""The seven public score manifests through build-dataset, and a leaking validation list refused.

    python benchmarks/manifests.py [FOLDER]

FOLDER holds the evaluation manifests (koniq.parquet, spaq.parquet, … with the columns image, mos,
mos_std, split, and mos_1to5 to compare with); they are not part of this repository, since the
scores belong to the data sets' authors. Prints its tables and writes them beside itself.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import pyarrow as pa
from pyarrow import compute, parquet

from qreasoning.benchmark_sets import BENCHMARKS, resolve
from qreasoning.data.build import build_dataset
from qreasoning.data.spec import BuildSpec
from qreasoning.errors import DataError
from qreasoning.files import read_manifest, write_text
from qreasoning.score_tables import read_scores
from qreasoning.scores import ScoreSet
from qreasoning.workspace import make_study

FILES = dict(
    zip(
        BENCHMARKS,
        ("koniq", "spaq", "kadid", "pipal", "livew", "agiqa3k", "csiq"),
        strict=True,
    )
)
DRAWN = 200


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, nargs="?")
    folder = parser.parse_args().folder
    if folder is None:
        print("No folder with the public manifests is named: nothing to do.")
        return
    folder = folder.resolve()
    lines = [
        "# The seven public score manifests",
        "",
        f"`python benchmarks/manifests.py FOLDER`, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f}, shared machine",
        "",
        "| set | rows | references | bounds (worst, best) | largest difference to its `mos_1to5` |",
        "|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as name:
        study = make_study(Path(name) / "study")
        sets = [score_set(each, folder) for each in BENCHMARKS]
        lines += [read(each, study, folder) for each in sets]
        start = time.perf_counter()
        report = build_dataset(spec("seven", sets), study)
        seconds = time.perf_counter() - start
        checks = read_manifest(report.folder)["leaks"]["checks"]
        named = sum(check["names"] for check in checks.values())
        lines += [
            "",
            f"Built as one version in {seconds:.1f} s: "
            + ", ".join(f"{count:,} {split}" for split, count in report.images.items())
            + f"; {report.leaks} leaks; {named} of 7 checked by name (no picture at hand).",
            "",
            f"With {DRAWN} of KonIQ's test rows marked as validation, refused:",
            "",
            f"> {refused(study, folder)}",
            "",
            "With `on_leak: drop`, kept aside: " + dropped(study, folder),
        ]
    text = "\n".join(lines) + "\n"
    print(text)
    write_text(Path(__file__).with_suffix(".md"), text)


def score_set(name, folder):
    file = folder / f"{FILES[name]}.parquet"
    return ScoreSet.model_validate({"name": name, "set": name, "layout": "manifest", "file": file})


def spec(name, sets, on_leak="refuse"):
    return BuildSpec(name=name, score_sets=tuple(sets), leaks={"on_leak": on_leak})


def read(listed, study, folder):
    scores = read_scores(resolve(listed, study), study.root)
    table = parquet.read_table(folder / f"{FILES[listed.name]}.parquet")
    published = dict(zip(*(table[name].to_pylist() for name in ("image", "mos_1to5")), strict=True))
    furthest = max(abs(score.mos - published[score.name]) for score in scores)
    references = {score.reference for score in scores} - {None}
    bounds = ", ".join(f"{each:.15g}" for each in resolve(listed, study).bounds)
    return (
        f"| {listed.name} | {len(scores):,} | {len(references) or ''} | {bounds} | {furthest:.1g} |"
    )


def leaking(study, folder):
    """KonIQ's list with the first 200 test rows of it as a validation list."""
    table = parquet.read_table(folder / "koniq.parquet")
    test = compute.equal(table["split"], "test")
    drawn = compute.less_equal(compute.cumulative_sum(test.cast(pa.int64())), DRAWN)
    split = compute.if_else(compute.and_(test, drawn), "validation", table["split"])
    place = table.column_names.index("split")
    parquet.write_table(table.set_column(place, "split", split), study.root / "koniq.parquet")
    return score_set("koniq-10k", folder).model_copy(update={"file": Path("koniq.parquet")})


def refused(study, folder):
    try:
        build_dataset(spec("leaking", [leaking(study, folder)]), study)
    except DataError as error:
        return str(error)
    raise SystemExit("The leak was not found.")


def dropped(study, folder):
    report = build_dataset(spec("leaking", [leaking(study, folder)], "drop"), study)
    counts = ", ".join(f"{count:,} {split}" for split, count in report.images.items())
    return f"{report.quarantined_images} pictures; left are {counts}."


if __name__ == "__main__":
    main()
