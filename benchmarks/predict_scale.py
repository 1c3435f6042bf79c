"""Prediction for very many pictures: flat memory, no shard twice after a kill, Ray's workers.

    .venv/bin/python benchmarks/predict_scale.py --pictures 100000 --ray 5000

Pictures are noise of 64 x 64 pixels in tar files of 10,000, the model is the tiny simulated one
with completions of a few tokens, one core. The first process is killed after two fifths of its
shards and started again. Ray's two workers are timed against one process from the first finished
shard to the last, in turn, so that loading is not counted. Prints its table and writes it beside
itself.
"""

import argparse
import io
import os
import platform
import re
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import ray
import torch
from PIL import Image

from qreasoning.files import write_text
from qreasoning.simulation.warm_up import ensure_base
from qreasoning.training.predict import predict
from qreasoning.workspace import cache_folder

BATCH, TOKENS, TAR = 64, 8, 10_000
RESULT = Path(__file__).with_suffix(".md")


def make_tars(folder, count):
    random = np.random.default_rng(0)
    folder.mkdir()
    for start in range(0, count, TAR):
        with tarfile.open(folder / f"{start // TAR:05d}.tar", "w") as tar:
            for number in range(start, min(start + TAR, count)):
                buffer = io.BytesIO()
                noise = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                Image.fromarray(noise).resize((64, 64)).save(buffer, "PNG")
                member = tarfile.TarInfo(f"{number:07d}.png")
                member.size = len(buffer.getvalue())
                tar.addfile(member, io.BytesIO(buffer.getvalue()))


def child(data, out, engine):
    """Predict, and print how many are done, the resident MB and the seconds at every line."""

    def say(text):
        done = re.search(r"(\d+) of (\d+) pictures", text)
        if done and "caption" not in text:
            status = Path("/proc/self/status").read_text()
            resident = int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1e3
            print(done[1], f"{resident:.1f}", time.perf_counter(), flush=True)

    base = ensure_base(cache_folder())
    workers = 2 if engine == "ray" else None
    predict(
        *(base, data, out),
        engine=engine,
        workers=workers,
        batch_size=BATCH,
        max_new_tokens=TOKENS,
        device="cpu",
        stage2="expect",
        say=say,
    )


def start(data, out, engine="transformers"):
    command = [sys.executable, __file__, "--child", str(data), str(out), engine]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def lines_of(process):
    """(pictures done, resident MB, seconds) as they come."""
    for line in process.stdout:
        done, resident, seconds = line.split()
        yield int(done), float(resident), float(seconds)


def shards(out):
    return {path.name: path.stat().st_mtime_ns for path in out.glob("*/.*.parts/*.parquet")}


def memory_and_kill(data, out, count):
    """Lines of the table."""
    process, seen = start(data, out), []
    for line in lines_of(process):
        seen.append(line)
        if line[0] >= count * 2 // 5:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = shards(out)
    again, unchanged = [], None
    process = start(data, out)
    for line in lines_of(process):
        again.append(line)
        if line[0] >= count * 4 // 5 and unchanged is None:
            now = shards(out)
            unchanged = all(now[name] == time for name, time in kept.items())
    assert process.wait() == 0
    (path,) = out.glob("*/*.parquet")
    rows = pq.read_metadata(path).num_rows
    assert rows == 2 * count, rows
    early = min(10_000, count // 10)
    for name, each in (("first process", seen), ("started again", again)):
        begun = each[0][0] - 1
        at = next(resident for done, resident, _ in each if done >= begun + early)
        top = max(resident for done, resident, _ in each if done >= begun + early)
        speed = (each[-1][0] - each[0][0]) / (each[-1][2] - each[0][2])
        yield (
            f"| {name} | {each[0][0]:,} to {each[-1][0]:,} | {at:.0f} MB | {top:.0f} MB | "
            f"{top / at:.3f} | {speed:.1f} |"
        )
    first = again[0][0]
    yield (
        f"\nKilled with {len(kept)} shards finished ({len(kept) * BATCH * 16:,} pictures); started "
        f"again, its first batch was of picture {first - BATCH + 1:,}, and "
        f"{'none of them' if unchanged else 'SOME'} were written again."
    )


def rate(data, out, engine):
    process = start(data, out, engine)
    found = list(lines_of(process))
    assert process.wait() == 0
    # From the first finished shard on, for both: a shard is 16 batches.
    found = [each for each in found if each[0] >= BATCH * 16]
    (path,) = out.glob("*/*.parquet")
    speed = (found[-1][0] - found[0][0]) / (found[-1][2] - found[0][2])
    return speed, path.read_bytes()


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--pictures", type=int, default=5_000)
    arguments.add_argument("--ray", type=int, default=5_000)
    arguments.add_argument("--child", nargs=3)
    chosen = arguments.parse_args()
    if chosen.child:
        child(Path(chosen.child[0]), Path(chosen.child[1]), chosen.child[2])
        return
    ensure_base(cache_folder(), print)
    lines = [
        "# Prediction for very many pictures\n",
        f"`python benchmarks/predict_scale.py --pictures {chosen.pictures} --ray {chosen.ray}`, "
        f"{os.cpu_count()} cores ({platform.machine()}), torch {torch.__version__}, ray "
        f"{ray.__version__}, the tiny simulated model, batches of {BATCH}, completions of {TOKENS} "
        f"tokens, ratings of captions from the logits, load {os.getloadavg()[0]:.1f} at the "
        "start.\n",
        "| process | pictures | resident early | at most later | ratio | pictures/s |",
        "|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_tars(folder / "many", chosen.pictures)
        lines += memory_and_kill(folder / "many", folder / "out", chosen.pictures)
        print("\n".join(lines), flush=True)
        make_tars(folder / "some", chosen.ray)
        one, alone = rate(folder / "some", folder / "one", "transformers")
        two, shared = rate(folder / "some", folder / "two", "ray")
        lines += [
            "\n| engine | pictures/s | ratio | |",
            "|---|---|---|---|",
            f"| transformers, one core | {one:.1f} | 1.00 | |",
            f"| ray, two workers | {two:.1f} | {two / one:.2f} | "
            f"{'the same bytes' if alone == shared else 'OTHER BYTES'} |",
        ]
        print("\n".join(lines[-2:]), flush=True)
    write_text(RESULT, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
