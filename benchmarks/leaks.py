"""The leak check by fingerprint: 10,100 pictures against 35,900, with 100 planted copies.

    python benchmarks/leaks.py [--ours 10000] [--theirs 35900]

No benchmark's pictures are needed. The pictures are tiles of the photographs that come with
scikit-image (each cut once, so no two share a pixel) and, for the rest, drawn ones: discs of all
sizes over each other with 1/f texture and a gradient, which have the spectra and edges of
photographs. "Different" means just that: other tiles and other drawings. Copies are planted of
pictures that have structure; how many have none is in the table. Prints it and writes it beside
itself.
"""

import argparse
import io
import os
import time
from functools import partial
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from qreasoning.files import write_text
from qreasoning.fingerprints import fingerprint, is_flat, near_copies

PHOTOGRAPHS = [
    "astronaut.png",
    "brick.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "ihc.png",
    "motorcycle_left.png",
    "rocket.jpg",
    "hubble_deep_field.jpg",
    "moon.png",
]
TILE = 80
SIDE = 128
KINDS = ("resize", "JPEG 50", "mirror", "5 % crop")
FURTHER = (
    "all four at once",
    "10 % off, 5 % on each side",
    "10 % off one corner",
    "10 % off, divided by chance between the sides",
)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ours", type=int, default=10_000)
    parser.add_argument("--theirs", type=int, default=35_900)
    asked = parser.parse_args()
    tiles = list(cut())
    half = len(tiles) // 2
    start = time.perf_counter()
    with Pool() as pool:
        ours = drawn(pool, tiles[:half], range(asked.ours - half))
        theirs = drawn(pool, tiles[half:], range(asked.ours, asked.ours + asked.theirs - half))
    drawing = time.perf_counter() - start
    rng = np.random.default_rng(0)
    structured = np.flatnonzero(~is_flat(theirs))
    planted = {kind: rng.choice(structured, 25, replace=False) for kind in KINDS}
    copies = {kind: copied(kind, rows, tiles[half:], asked) for kind, rows in planted.items()}
    everything = np.concatenate([ours, *copies.values()])
    start, used = time.perf_counter(), time.process_time()
    found = near_copies(everything, theirs)
    seconds, used = time.perf_counter() - start, time.process_time() - used
    right = {
        (len(ours) + number, row) for number, row in enumerate(np.concatenate([*planted.values()]))
    }
    pairs = {(pair.one, pair.other) for pair in found}
    further = {kind: rng.choice(structured, 200, replace=False) for kind in FURTHER}
    recall = {
        kind: sum(
            (pair.one, pair.other) in set(enumerate(rows))
            for pair in near_copies(copied(kind, rows, tiles[half:], asked), theirs)
        )
        for kind, rows in further.items()
    }
    lines = [
        "# Leak check by fingerprint",
        "",
        f"`python benchmarks/leaks.py --ours {asked.ours} --theirs {asked.theirs}`, "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, shared machine",
        "",
        "| | |",
        "|---|---|",
        f"| pictures | {len(everything):,} against {len(theirs):,}, {len(tiles)} of them tiles of "
        f"{len(PHOTOGRAPHS)} photographs, the others drawn |",
        f"| check, from fingerprints to pairs | {seconds:.1f} s, {used:.1f} s of CPU |",
        f"| planted copies found | {len(right & pairs)} of {len(right)} ({', '.join(KINDS)}) |",
        f"| false alarms among {len(ours):,} different ones | {len(pairs - right)} |",
        f"| lowest similarity of a planted copy | "
        f"{min(pair.similarity for pair in found if (pair.one, pair.other) in right):.3f} |",
        f"| without structure, never copies of each other | {int(is_flat(theirs).sum())} of "
        f"{len(theirs):,} |",
        *(f"| found, {kind} | {count} of 200 |" for kind, count in recall.items()),
        f"| drawing and fingerprints, not part of the check | {drawing:.0f} s |",
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    write_text(Path(__file__).with_suffix(".md"), text)


def cut():
    """Tiles of the photographs, none of which share a pixel."""
    folder = Path(skimage.data.__file__).parent
    for name in PHOTOGRAPHS:
        photograph = Image.open(folder / name).convert("RGB")
        for y in range(0, photograph.height - TILE + 1, TILE):
            for x in range(0, photograph.width - TILE + 1, TILE):
                yield photograph.crop((x, y, x + TILE, y + TILE))


def drawn(pool, tiles, seeds):
    prints = [fingerprint(tile) for tile in tiles]
    return np.stack([*prints, *pool.imap(drawn_fingerprint, seeds, chunksize=100)])


def drawn_fingerprint(seed):
    return fingerprint(draw(seed))


def draw(seed):
    rng = np.random.default_rng(seed)
    half = (SIDE, SIDE // 2 + 1)
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None])
    frequency[0, 0] = 1
    phases = rng.normal(size=half) + 1j * rng.normal(size=half)
    texture = np.fft.irfft2(phases / frequency ** rng.uniform(0.8, 1.6))
    canvas = Image.new("RGB", (SIDE, SIDE), tuple(rng.integers(0, 256, 3)))
    pen = ImageDraw.Draw(canvas)
    for _ in range(int(rng.integers(3, 80))):
        radius = min(SIDE * 0.7, 4 / (rng.random() + 1e-3) ** 0.7)
        x, y = rng.uniform(0, SIDE, 2)
        width = radius * rng.uniform(0.4, 1.6)
        colour = tuple(int(value) for value in rng.integers(0, 256, 3))
        pen.ellipse((x - width, y - radius, x + width, y + radius), fill=colour)
    canvas = canvas.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 2)))
    gradient = np.linspace(-1, 1, SIDE)[:, None, None] * rng.uniform(-60, 60)
    noise = (texture / texture.std())[..., None] * rng.uniform(4, 30)
    return Image.fromarray((np.asarray(canvas) + noise + gradient).clip(0, 255).astype(np.uint8))


def copied(kind, rows, tiles, asked):
    """Fingerprints of copies of the pictures in these rows of `theirs`."""
    copies = []
    for row in rows:
        drawn_at = asked.ours + int(row) - len(tiles)
        picture = tiles[row] if row < len(tiles) else draw(drawn_at)
        copies.append(fingerprint(copy(picture, kind, np.random.default_rng(int(row)))))
    return np.stack(copies)


def copy(picture, kind, rng):
    corner = rng.uniform(0, 0.05, 2)
    steps = {
        "resize": [resized],
        "JPEG 50": [compressed],
        "mirror": [ImageOps.mirror],
        "5 % crop": [partial(cropped, left=corner[0], top=corner[1], keep=0.95)],
        FURTHER[1]: [partial(cropped, left=0.05, top=0.05, keep=0.9)],
        FURTHER[2]: [partial(cropped, left=0.1, top=0.1, keep=0.9)],
        FURTHER[3]: [partial(cropped, left=2 * corner[0], top=2 * corner[1], keep=0.9)],
    }
    for step in (
        [each for kind in KINDS for each in steps[kind]] if kind == FURTHER[0] else steps[kind]
    ):
        picture = step(picture)
    return picture


def resized(picture):
    return picture.resize(
        (picture.width * 3 // 5, picture.height * 3 // 5), Image.Resampling.BICUBIC
    )


def compressed(picture):
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=50)
    return Image.open(file).convert("RGB")


def cropped(picture, left, top, keep):
    width, height = picture.size
    box = (left * width, top * height, (left + keep) * width, (top + keep) * height)
    return picture.crop(tuple(round(edge) for edge in box))


if __name__ == "__main__":
    main()
