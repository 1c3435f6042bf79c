"""Prediction against one picture at a time: pictures per second, the same ratings, flat memory.

    .venv/bin/python benchmarks/predict.py [--pictures 64] [--repeat 3] [--many 800]

The reference is what a loop over `model.generate` does: one picture, its chain, then its caption.
Both ways run in turn in one process, so that a busy machine hits them alike. Memory is the peak of
a process of its own that predicts for few and for many pictures of 1024 x 768 pixels. Prints its
table and writes it beside itself.
"""

import argparse
import io
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image

from qreasoning import images
from qreasoning.chain import Q_REASONING
from qreasoning.files import write_text
from qreasoning.records import chains_schema
from qreasoning.simulation.photographs import draw_scenes, picture
from qreasoning.simulation.warm_up import ensure_base
from qreasoning.training.generate import complete, prompt_text
from qreasoning.training.model import load_model, load_processor
from qreasoning.training.predict import predict
from qreasoning.training.self_consistency import ANSWER_TOKENS
from qreasoning.workspace import cache_folder

TOKENS = 48
RESULT = Path(__file__).with_suffix(".md")


def one_by_one(model, processor, folder):
    """Ratings of both conditions, each picture and each caption on its own."""
    prompt = prompt_text(processor, Q_REASONING, Q_REASONING.prompt, picture=True)
    ratings = []
    for path in images.list_pictures(folder):
        decoded = images.decode(path.read_bytes(), path.name)
        parsed = Q_REASONING.parse(complete(model, processor, [prompt], [decoded], TOKENS)[0])
        text, again = parsed.chain.caption, None
        if text:
            asked = prompt_text(processor, Q_REASONING, Q_REASONING.ask_again(text), picture=False)
            answer = complete(model, processor, [asked], None, ANSWER_TOKENS)[0]
            again = Q_REASONING.parse_rating(answer)
        ratings.append(parsed.chain.rating if parsed.ok else None)
        ratings.append(again.chain.rating if again and again.ok else None)
    return ratings


def in_batches(base, folder, out, **options):
    """Ratings of both conditions in the order of `one_by_one`."""
    report = predict(base, folder, out, max_new_tokens=TOKENS, device="cpu", **options)
    rows = pq.read_table(report.path)["rating"].to_pylist()
    half = len(rows) // 2
    return [rating for pair in zip(rows[:half], rows[half:], strict=True) for rating in pair]


def speed(base, count, repeat):
    """Lines of the table: pictures per second each way, and whether the ratings are the same."""
    model, processor = load_model(str(base), "cpu"), load_processor(str(base))
    found = {"one by one": [], "batches of 16": [], "batches of 16, expect": []}
    ratings = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "pictures"
        folder.mkdir()
        for number, scene in enumerate(draw_scenes(count, "test", 0)):
            picture(scene).save(folder / f"{number:04d}.png")
        for turn in range(repeat):
            ways = {
                "one by one": lambda: one_by_one(model, processor, folder),
                "batches of 16": lambda: in_batches(base, folder, Path(name) / "out"),
                "batches of 16, expect": lambda: in_batches(
                    base, folder, Path(name) / "expect", stage2="expect"
                ),
            }
            for way, call in ways.items():
                started = time.perf_counter()
                ratings[way] = call()
                found[way].append(count / (time.perf_counter() - started))
                print(f"turn {turn + 1}, {way}: {found[way][-1]:.2f} pictures/s", flush=True)
    reference = statistics.median(found["one by one"])
    one, other = ratings["one by one"], ratings["batches of 16"]
    same = sum(a == b for a, b in zip(one, other, strict=True))
    for way, rates in found.items():
        ratio = statistics.median(rates) / reference
        equal = f"{same} of {len(one)} ratings equal" if way == "batches of 16" else ""
        yield f"| {way} | {statistics.median(rates):.2f} | {ratio:.2f} | {equal} |"


def peak(kind, count):
    """The peak memory in MB of a process that predicts for `count` large pictures, and their MB."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name) / "many"
        total = make_pictures(place, kind, count)
        command = [sys.executable, __file__, "--peak", str(place), "--kind", kind]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return float(done.stdout.split()[-1]), total / 1e6


def make_pictures(place, kind, count):
    """`count` JPEG files of noise (all different), or a dataset version with them; their bytes."""
    random, total, rows = np.random.default_rng(0), 0, []
    noise = random.integers(0, 256, (768, 1024, 3), dtype=np.uint8)
    folder = place / "data" / "chains" if kind == "dataset" else place
    folder.mkdir(parents=True)
    writer = None
    if kind == "dataset":
        writer = pq.ParquetWriter(folder / "test-00000.parquet", chains_schema())
    for number in range(count):
        buffer = io.BytesIO()
        Image.fromarray(np.roll(noise, number, axis=1)).save(buffer, "JPEG", quality=85)
        content = buffer.getvalue()
        total += len(content)
        if writer is None:
            (folder / f"{number:05d}.jpg").write_bytes(content)
            continue
        rows.append(
            {
                "image_id": images.identity(content),
                "name": f"{number:05d}.jpg",
                "split": "test",
                "image": {"bytes": content, "path": None},
            }
        )
        if len(rows) == 100 or number + 1 == count:
            writer.write_table(pa.Table.from_pylist(rows, schema=chains_schema()))
            rows.clear()
    if writer is not None:
        writer.close()
    return total


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--pictures", type=int, default=64)
    arguments.add_argument("--repeat", type=int, default=3)
    arguments.add_argument("--many", type=int, default=800)
    arguments.add_argument("--peak", type=Path)
    arguments.add_argument("--kind", choices=("folder", "dataset"))
    chosen = arguments.parse_args()
    base = ensure_base(cache_folder(), print if chosen.peak is None else lambda _: None)
    if chosen.peak is not None:
        with tempfile.TemporaryDirectory() as out:
            predict(
                *(base, chosen.peak, Path(out)),
                conditions=("image",),
                max_new_tokens=2,
                device="cpu",
            )
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
        return
    lines = [
        "# Prediction\n",
        f"`python benchmarks/predict.py --pictures {chosen.pictures} --repeat {chosen.repeat} "
        f"--many {chosen.many}`, {os.cpu_count()} cores ({platform.machine()}), Python "
        f"{platform.python_version()}, torch {torch.__version__}, the tiny simulated model, "
        f"completions of {TOKENS} tokens. The machine was shared (load {os.getloadavg()[0]:.1f} "
        "at the start): read the ratios. The times of the batches contain loading the model and "
        "decoding every picture twice; those of one by one do not.\n",
        "| way | pictures/s, median | ratio | |",
        "|---|---|---|---|",
        *speed(base, chosen.pictures, chosen.repeat),
        "\n| pictures of 1024 x 768 | together | peak memory |",
        "|---|---|---|",
    ]
    for kind in ("folder", "dataset"):
        for count in (chosen.many // 8, chosen.many):
            memory, size = peak(kind, count)
            lines.append(f"| {count}, {kind} | {size:.0f} MB | {memory:.0f} MB |")
            print(lines[-1], flush=True)
    write_text(RESULT, "\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
