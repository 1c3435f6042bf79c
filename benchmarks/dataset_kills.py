"""A build of a dataset killed with SIGKILL at random instants: what is there afterwards?

    python benchmarks/dataset_kills.py [--kills 50] [--answers 3000]

Each round adds ten simulated answers and kills a build of them somewhere between its start and the
time that a whole build takes. After each, the newest version must be whole (every file has the hash
that its manifest names, every table opens) and hold every answer of the builds that ended; then a
build that is not killed must make the next version, with all answers. Prints its table and writes
it beside itself.
"""

import argparse
import multiprocessing
import os
import random
import sys
import tempfile
import time
from pathlib import Path

from pyarrow import parquet

sys.path.insert(0, str(Path(__file__).parent))

import dataset_scale as scale

from qreasoning.files import read_manifest, sha256_file, write_text
from qreasoning.workspace import Workspace

MORE = 10


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--answers", type=int, default=3_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        rounds = run(Path(name) / "study", options.kills, options.answers)
    text = report(rounds, options)
    print(text)
    write_text(Path(__file__).with_suffix(".md"), text)


def run(folder, kills, answers, seed=0):
    """One result per kill: at which part of a build, and whether its version was there already."""
    scale.EACH = 50
    study = scale.write_study(folder, answers)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["qreasoning.data.build", "dataset_scale"])
    draw = random.Random(seed)
    building(context, study).join()
    rounds = []
    for number in range(1, kills + 1):
        held = answers + MORE * (number - 1)
        seconds = timed(context, study, answers, MORE * number - MORE // 2)
        check(study, held + MORE // 2)
        scale.write_answers(study, answers, MORE * number)
        at = draw.uniform(0, seconds)
        process = building(context, study)
        time.sleep(at)
        ended = not process.is_alive()
        process.kill()
        process.join()
        found = check(study, held + MORE // 2)
        rounds.append({"at": at / seconds, "ended": ended, "new": found > held + MORE // 2})
    building(context, study).join()
    check(study, answers + MORE * kills, exactly=True)
    return rounds


def timed(context, study, answers, new):
    """A build that is not killed; it must succeed whatever was left behind."""
    scale.write_answers(study, answers, new)
    start = time.perf_counter()
    process = building(context, study)
    process.join()
    if process.exitcode:
        raise SystemExit("a build after a killed one failed")
    return time.perf_counter() - start


def building(context, study):
    process = context.Process(target=scale.build, args=(study, False))
    process.start()
    return process


def check(study, least, exactly=False):
    """The newest version is whole and holds at least so many answers, kept or in quarantine."""
    version = Workspace(study).dataset("scale-simulated")
    manifest = read_manifest(version)
    for name, sha256 in manifest["files"].items():
        if sha256_file(version / name) != sha256:
            raise SystemExit(f"{version / name} is damaged")
    tables = [*version.glob("data/annotations/*.parquet"), version / "quarantine.parquet"]
    found = sum(parquet.read_table(path).num_rows for path in tables)
    if found < least or (exactly and found != least):
        raise SystemExit(f"{version} holds {found} answers of {least}")
    return found


def report(rounds, options):
    tenths = [sum(int(each["at"] * 10) == tenth for each in rounds) for tenth in range(10)]
    new = sum(each["new"] for each in rounds)
    return f"""# Builds killed at {len(rounds)} random instants

`python benchmarks/dataset_kills.py --kills {options.kills} --answers {options.answers}`, \
{os.cpu_count()} cores that other work shared (load {os.getloadavg()[0]:.1f})

| | |
|---|---:|
| kills | {len(rounds)} |
| by tenth of the build's time | {" ".join(map(str, tenths))} |
| the build had ended already | {sum(each["ended"] for each in rounds)} |
| its version was in place already | {new} |
| the newest version was damaged, or lacked an answer | 0 |
| the next build failed | 0 |

(A damaged version, a lost answer or a failed build would have ended this benchmark.)
"""


if __name__ == "__main__":
    main()
