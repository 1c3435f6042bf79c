"""This machine and what is installed on it."""

import platform
import shutil
import subprocess
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from qreasoning import __version__
from qreasoning.extras import EXTRAS, lacking
from qreasoning.health import Check
from qreasoning.workspace import cache_folder

PACKAGES = (
    *("numpy", "pandas", "pyarrow", "label-studio-sdk", "torch", "transformers", "trl", "peft"),
    "datasets",
)
"""Those whose versions change results."""

NVIDIA = "nvidia-smi"
FULL, SCARCE = 1e9, 20e9
"""Bytes that are free: below the first nothing can be relied on, below the second a model or a
large campaign may not fit."""


def system(here: Path) -> Iterator[Check]:
    """Python, the package, and the disks of `here` and of the user's cache."""
    yield Check("python", "ok", f"{platform.python_version()} on {platform.platform(terse=True)}")
    yield Check("qreasoning", "ok", f"{__version__} in {Path(__file__).parents[1]}")
    cache = _existing(cache_folder())
    for folder in (here, cache) if here.stat().st_dev != cache.stat().st_dev else (here,):
        free = shutil.disk_usage(folder).free
        found = f"{free / 1e9:.1f} GB free at {folder}"
        if free < FULL:
            yield Check("disk", "problem", found, "Make room before anything else.")
        elif free < SCARCE:
            remedy = "A 7 B model takes 16 GB, and each checkpoint more; make room or move."
            yield Check("disk", "note", found, remedy)
        else:
            yield Check("disk", "ok", found)


def _existing(folder: Path) -> Path:
    return next(each for each in (folder, *folder.parents) if each.is_dir())


def packages() -> Iterator[Check]:
    """The versions that change results, and which extras are complete."""
    for name in PACKAGES:
        try:
            yield Check(name, "ok", version(name))
        except PackageNotFoundError:
            continue  # The extra below says that it is missing.
    for extra in EXTRAS:
        if extra == "gpu" and shutil.which(NVIDIA) is None:
            continue  # It can be used with a GPU only.
        missing = lacking(extra)
        if missing:
            remedy = f"pip install 'qreasoning[{extra}]'"
            yield Check(f"extra {extra}", "note", f"lacks {', '.join(missing)}", remedy)
        else:
            yield Check(f"extra {extra}", "ok", "complete")


def gpu() -> Iterator[Check]:
    """NVIDIA's GPUs, and whether torch can use them; torch is imported only where there is one."""
    program = shutil.which(NVIDIA)
    if program is None:
        remedy = "qr train tiny and qr demo need none; a 7 B model needs one."
        yield Check("GPU", "note", "none of NVIDIA's is found", remedy)
        return
    query = ["--query-gpu=name,memory.total", "--format=csv,noheader"]
    told = subprocess.run([program, *query], capture_output=True, text=True, timeout=20)
    names = ", ".join(line.strip() for line in told.stdout.splitlines())
    if told.returncode != 0 or not names:
        problem = told.stderr.strip() or told.stdout.strip()
        yield Check("GPU", "problem", f"nvidia-smi fails: {problem}", "Mend NVIDIA's driver.")
    elif lacking("train"):
        yield Check("GPU", "note", names, "To use it: pip install 'qreasoning[train]'")
    else:
        yield _used_by_torch(names)


def _used_by_torch(names: str) -> Check:
    import torch

    if torch.cuda.is_available():
        return Check("GPU", "ok", names)
    built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "a build for the CPU"
    remedy = "Install the build of the same version of torch that fits the driver."
    return Check(
        "GPU", "problem", f"torch {torch.__version__}, {built}, cannot use {names}", remedy
    )
