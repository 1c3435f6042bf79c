"""The whole report without a neural model: 10 models, 1,500 pictures, 3 people each.

Everything is synthetic: pictures are noise with gradients, people and models are templates over
eight hidden quality levels per picture, with errors of their own. Prints seconds and peak memory.

    python benchmarks/report.py [--pictures 1500] [--keep FOLDER]
"""

import argparse
import io
import os
import platform
import resource
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image
from pyarrow import parquet

from qreasoning.analysis.report import align_report, read_settings
from qreasoning.files import write_manifest
from qreasoning.images import identity
from qreasoning.records import annotations_schema, chains_schema, predictions_schema
from qreasoning.workspace import Workspace, make_study

PEOPLE = 3
GALLERY = 24
NAME = "benchmark-simulated"
Row = dict[str, Any]

WORDS = {
    "brightness": (
        ("far too dark, the shadows hide everything", "underexposed and murky"),
        ("a little dark but readable", "somewhat dim"),
        ("well exposed with pleasant light", "bright and evenly lit"),
    ),
    "contrast": (
        ("flat and washed out", "lacking contrast, with grey blacks"),
        ("of moderate contrast", "slightly flat"),
        ("punchy with deep blacks and clean highlights", "rich in contrast"),
    ),
    "colorfulness": (
        ("dull, the colors are faded and lifeless", "almost without color"),
        ("muted but natural in color", "a bit pale"),
        ("vivid with saturated natural colors", "colorful and lively"),
    ),
    "sharpness": (
        ("very blurry, no edge is defined", "out of focus and soft all over"),
        ("slightly soft around the edges", "a touch unsharp"),
        ("tack sharp with crisp fine detail", "in perfect focus"),
    ),
    "noise": (
        ("full of heavy grain and color noise", "extremely noisy in the dark areas"),
        ("mildly grainy", "with some noise in the sky"),
        ("clean and free of noise", "smooth without any grain"),
    ),
    "artifacts": (
        ("spoilt by strong compression blocks", "full of ugly JPEG artifacts and banding"),
        ("with faint compression traces", "showing slight artifacts"),
        ("free of artifacts", "without any visible compression"),
    ),
    "composition": (
        ("badly framed with a tilted horizon", "cluttered and poorly composed"),
        ("framed in an ordinary way", "plainly composed"),
        ("beautifully composed and balanced", "well framed with a clear subject"),
    ),
    "content": (
        ("of a boring subject", "showing nothing of interest"),
        ("of an ordinary scene", "of an everyday subject"),
        ("of a fascinating subject", "of an engaging, lovely scene"),
    ),
}
NOUNS = ("a dog on a lawn", "a harbour at dusk", "an old bicycle", "two children", "a market stall")
OPENINGS = ("The picture shows {n} and is {a}.", "This is a photo of {n}; it is {a}.")
JOINS = (
    "It is {a}, and also {b}.",
    "Apart from that it looks {a} and {b}.",
    "I find it {a} and {b}.",
)
ENDS = ("All in all the quality is {v}.", "So overall I would call it {v}.")
VERDICTS = ("bad", "poor", "fair", "good", "excellent")

# Noise of the levels, share of pictures whose text is another's, bias, share not readable.
MODELS = {
    "human-like": (0.35, 0.0, 0.0, 0.0),
    "trained-002": (0.5, 0.03, 0.1, 0.004),
    "trained-001": (0.8, 0.08, 0.2, 0.01),
    "large-model": (0.9, 0.1, -0.2, 0.0),
    "base": (1.4, 0.2, 0.4, 0.05),
    "small": (1.8, 0.3, 0.5, 0.02),
    "optimist": (1.0, 0.1, 1.4, 0.0),
    "imitator": (0.6, 0.75, 0.0, 0.0),
    "sightless": (0.5, 1.0, 0.0, 0.0),
    "broken": (1.0, 0.3, 0.0, 0.4),
}


def levels_text(levels: np.ndarray, noun: str, random: Random) -> tuple[str, str]:
    """A caption and a reasoning that say three steps of each level, in an order of their own."""
    said = []
    for dimension, level in zip(WORDS, levels, strict=True):
        grade = 0 if level < 2.3 else 1 if level < 3.6 else 2
        said.append(random.choice(WORDS[dimension][grade]))
    random.shuffle(said)
    said = said[: random.choice((5, 6, 7))]
    caption = random.choice(OPENINGS).format(n=noun, a=said[0])
    middle = [
        random.choice(JOINS).format(a=a, b=b) for a, b in zip(said[1::2], said[2::2], strict=False)
    ]
    verdict = VERDICTS[int(np.clip(round(levels.mean() - 1), 0, 4))]
    return caption, " ".join([*middle, random.choice(ENDS).format(v=verdict)])


def synthetic_picture(levels: np.ndarray, seed: int) -> bytes:
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:96, 0:128] / 96
    base = np.stack([x, y, (x + y) / 2], axis=-1) * 180 * (levels[0] / 5)
    noise = random.normal(0, 1 + 4 * (5 - levels[4]), base.shape)
    buffer = io.BytesIO()
    Image.fromarray(np.clip(base + noise + 30, 0, 255).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def synthetic_dataset(study: Workspace, pictures: int) -> tuple[Path, list[Row], np.ndarray]:
    """A dataset version with `pictures` test pictures, three people each."""
    numbers = np.random.default_rng(0)
    quality = numbers.uniform(1.2, 4.8, pictures)
    levels = np.clip(quality[:, None] + numbers.normal(0, 0.9, (pictures, 8)), 1, 5)
    rows, answers = [], []
    for number in range(pictures):
        content = synthetic_picture(levels[number], number)
        row: Row = dict.fromkeys(chains_schema().names)
        row |= {"image_id": identity(content), "name": f"{number:05}.png", "split": "test"}
        row |= {"image": {"bytes": content, "path": f"{number:05}.png"}, "mos_set": "synthetic"}
        row |= {"mos": round(float(np.clip(levels[number].mean(), 1, 5)), 2), "chains": []}
        for person in range(PEOPLE):
            seen = np.clip(levels[number] + numbers.normal(0, 0.45, 8), 1, 5)
            random = Random(f"{number} {person}")
            caption, reasoning = levels_text(seen, NOUNS[number % len(NOUNS)], random)
            overall = float(round(seen.mean()))
            who = f"a-{person:010d}"
            row["chains"].append(
                {"annotator": who, "caption": caption, "reasoning": reasoning}
                | {"rating": overall, "prelabelled": False}
            )
            answer: Row = dict.fromkeys(annotations_schema(list(WORDS)).names)
            answer |= {"image_id": row["image_id"], "name": row["name"], "annotator": who}
            answer |= {"prelabelled": False, "overall": int(overall)}
            answer |= {name: round(x) for name, x in zip(WORDS, seen, strict=True)}
            answers.append(answer)
        rows.append(row)
    folder = study.datasets / NAME / "1.0.0"
    for name, table in (
        ("chains", pa.Table.from_pylist(rows, schema=chains_schema())),
        ("annotations", pa.Table.from_pylist(answers, schema=annotations_schema(list(WORDS)))),
    ):
        (folder / "data" / name).mkdir(parents=True)
        parquet.write_table(table, folder / "data" / name / "test-00000-of-00001.parquet")
    write_manifest(folder, {"simulated": True, "content_sha256": "0" * 64})
    return folder, rows, levels


def write_models(study: Workspace, rows: list[Row], levels: np.ndarray) -> None:
    """Predictions of `MODELS`, in both conditions."""
    for seed, (model, (spread, elsewhere, bias, broken)) in enumerate(MODELS.items()):
        numbers, made = np.random.default_rng(1 + seed), []
        for place, row in enumerate(rows):
            random = Random(f"{model} {place}")
            source = random.randrange(len(rows)) if random.random() < elsewhere else place
            seen = np.clip(levels[source] + bias + numbers.normal(0, spread, 8), 1, 5)
            rated = np.clip(levels[place].mean() + bias + numbers.normal(0, spread / 2), 1, 5)
            alone = np.clip(seen.mean() + numbers.normal(0, 0.3), 1, 5)
            caption, reasoning = levels_text(seen, NOUNS[source % len(NOUNS)], random)
            common: Row = dict.fromkeys(predictions_schema().names)
            common |= {"image_id": row["image_id"], "name": row["name"], "model_id": model}
            text = {"caption": caption, "reasoning": reasoning, "raw": f"{caption} {reasoning}"}
            if random.random() < broken:
                kind = random.choice(("missing rating", "text outside", "missing caption"))
                made.append({**common, **text, "condition": "image", "status": kind})
                continue
            made.append(
                {**common, **text, "condition": "image", "status": "ok"}
                | {"rating": round(float(rated), 2)}
            )
            made.append(
                {**common, "raw": "", "condition": "caption", "status": "ok"}
                | {"rating": round(float(alone), 2), "input_caption": caption}
            )
        path = study.predictions / model / f"{NAME}-1.0.0-test.parquet"
        path.parent.mkdir(parents=True)
        parquet.write_table(pa.Table.from_pylist(made, schema=predictions_schema()), path)


WHO = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def cpu_seconds() -> float:
    """Processor time of this process and of those it started."""
    used = [resource.getrusage(who) for who in WHO]
    return sum(each.ru_utime + each.ru_stime for each in used)


class Memory(Thread):
    """Watches the memory of this process and those that it started, shared pages counted once."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0.0
        self.done = Event()

    def run(self) -> None:
        own = Path(f"/proc/{os.getpid()}")
        while not self.done.wait(0.2):
            started = [each.read_text().split() for each in own.glob("task/*/children")]
            found = [own, *(Path("/proc") / each for part in started for each in part)]
            self.peak = max(self.peak, sum(map(proportional, found)))


def proportional(process: Path) -> float:
    """MB of a process by /proc, 0 where it has just ended."""
    with suppress(OSError):
        for line in (process / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=int, default=1_500)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        study = make_study((options.keep or Path(temporary)) / "study")
        dataset, rows, levels = synthetic_dataset(study, options.pictures)
        write_models(study, rows, levels)
        del rows, levels
        memory = Memory()
        memory.start()
        worked, started = cpu_seconds(), time.perf_counter()
        report = align_report(
            study,
            dataset=dataset,
            name="benchmark",
            settings=read_settings(study, "report", gallery=GALLERY),
            say=lambda line: print(
                f"  {time.perf_counter() - started:5.1f} s ({cpu_seconds() - worked:5.1f} s of "
                f"processor time)  {line}",
                flush=True,
            ),
        )
        seconds, cpu = time.perf_counter() - started, cpu_seconds() - worked
        memory.done.set()
        page = (report.folder / "index.html").stat().st_size
        print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
        print(
            f"{len(MODELS)} models, {options.pictures:,} pictures, {PEOPLE} people: "
            f"{seconds:.1f} s ({cpu:.1f} s of processor time), peak {memory.peak:.0f} MB "
            "with its processes, "
            f"page {page / 1e6:.2f} MB with {GALLERY} thumbnails, "
            f"{len(report.records):,} records; load {os.getloadavg()[0]:.1f}"
        )


if __name__ == "__main__":
    main()
