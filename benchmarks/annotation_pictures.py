"""Pictures per second of preparing a project's pictures, beside Pillow alone on as many processes.

    python benchmarks/annotation_pictures.py [--small 10000] [--large 300] [--folder DIR]

Two sets are made in a temporary folder from the photographs that come with scikit-image: `small`
(1024 x 768, shown as they are: hashed and decoded) and `large` (4000 x 3000, half of them rotated
by EXIF: hashed, decoded, turned, scaled to 1024 pixels and written as PNG). A set has 200 different
pictures; each file is made one of its own by a few bytes at its end. Pillow alone does the same
work per picture in a plain process pool, without checking, remembering or flushing to the disk.
"""

import argparse
import hashlib
import io
import multiprocessing
import os
import platform
import shutil
import tempfile
import time
from functools import partial
from pathlib import Path

import PIL
from PIL import Image, ImageOps

from qreasoning.annotation.pictures import collect
from qreasoning.annotation.project import load_project
from qreasoning.workspace import make_study

DIFFERENT = 200
LONG_SIDE = 1024
RESULT = Path(__file__).with_suffix(".md")


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--small", type=int, default=10_000)
    options.add_argument("--large", type=int, default=300)
    options.add_argument("--folder", type=Path)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        study = make_study(Path(name) / "study")
        rows = [
            *measured(study, "small", chosen.small, (1024, 768), None),
            *measured(study, "large", chosen.large, (4000, 3000), LONG_SIDE),
        ]
    table = "\n".join(
        [
            "| pictures | ours, per s | Pillow alone, per s | ours / Pillow | processor time "
            "of ours and Pillow, ms a picture | again, nothing new |",
            "|---|---|---|---|---|---|",
            *rows,
        ]
    )
    print(table)
    RESULT.write_text(
        f"# Preparing pictures\n\n`{command(chosen)}`, "
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores "
        f"({platform.machine()}), Python {platform.python_version()}, Pillow {PIL.__version__}. "
        f"Load of the machine at the end: {os.getloadavg()[0]:.1f}. "
        "Two rounds each, the better one; what the sets are and what Pillow alone does is said at "
        f"the top of the script.\n\n{table}\n",
        encoding="utf-8",
    )


def command(chosen: argparse.Namespace) -> str:
    script = "python benchmarks/annotation_pictures.py"
    return f"{script} --small {chosen.small} --large {chosen.large}"


def measured(study, name, count, size, long_side) -> list[str]:
    settings = f"title: {name}\nimages: pictures/{name}\n"
    settings += f"long_side: {long_side}\n" if long_side else ""
    (study.root / "annotation" / f"{name}.yaml").write_text(settings)
    project = load_project(name, study)
    make_pictures(project.pictures, count, size)
    paths = sorted(project.pictures.iterdir())
    known = study.annotations / name / "pictures.json"
    ours, theirs = [], []
    for _ in range(2):
        shutil.rmtree(project.served, ignore_errors=True)
        known.unlink(missing_ok=True)
        ours.append(timed(lambda: collect(project, known, lambda text: None)))
        theirs.append(timed(lambda: pillow_alone(paths, study.root / "alone", long_side)))
    again, _ = timed(lambda: collect(project, known, lambda text: None))
    best, other = count / min(ours)[0], count / min(theirs)[0]
    spent = [1000 * min(cpu for _, cpu in each) / count for each in (ours, theirs)]
    what = "as they are" if long_side is None else f"scaled to {long_side}"
    return [
        f"| {count:,} of {size[0]} x {size[1]}, {what} | {best:.1f} | {other:.1f} "
        f"| {best / other:.2f} | {spent[0]:.1f}, {spent[1]:.1f} | {again:.2f} s |"
    ]


def make_pictures(folder: Path, count: int, size: tuple[int, int]) -> None:
    from skimage import data

    photographs = [data.astronaut(), data.coffee(), data.chelsea(), data.rocket()]
    folder.mkdir(parents=True)
    contents = []
    for number in range(DIFFERENT):
        photograph = Image.fromarray(photographs[number % 4]).rotate(number / 4, expand=False)
        exif = Image.Exif()
        exif[0x0112] = 6 if size[0] > LONG_SIDE and number % 2 else 1
        buffer = io.BytesIO()
        photograph.resize(size, Image.Resampling.BICUBIC).save(
            buffer, "JPEG", quality=92, exif=exif
        )
        contents.append(buffer.getvalue())
    for number in range(count):
        content = contents[number % DIFFERENT] + number.to_bytes(4, "big")
        (folder / f"{number:05}.jpg").write_bytes(content)


def pillow_alone(paths: list[Path], folder: Path, long_side: int | None) -> None:
    folder.mkdir(exist_ok=True)
    with multiprocessing.Pool(os.cpu_count()) as pool:
        work = partial(one_alone, folder=folder, long_side=long_side)
        for _ in pool.imap(work, paths, chunksize=16):
            pass
    shutil.rmtree(folder)


def one_alone(path: Path, folder: Path, long_side: int | None) -> None:
    content = path.read_bytes()
    name = hashlib.sha256(content).hexdigest()
    with Image.open(io.BytesIO(content)) as picture:
        if long_side is None:
            picture.load()
            return
        shown = ImageOps.exif_transpose(picture)
    factor = long_side / max(shown.size)
    size = (round(shown.width * factor), round(shown.height * factor))
    shown.resize(size, Image.Resampling.LANCZOS).save(folder / f"{name}.png", compress_level=1)


def timed(work) -> tuple[float, float]:
    """Seconds that passed, and seconds of processor time of this process and those it ended."""
    start, before = time.perf_counter(), sum(os.times()[:4])
    work()
    return time.perf_counter() - start, sum(os.times()[:4]) - before


if __name__ == "__main__":
    main()
