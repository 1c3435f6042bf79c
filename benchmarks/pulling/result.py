"""The table of a benchmark, beside its script: a line for each work that was measured."""

import os
import platform
import time
from pathlib import Path

from qreasoning.annotation.environment import version
from qreasoning.files import write_text


class Result:
    """Lines are printed and written as they come; those of a work that did not run stay."""

    def __init__(self, script: str, title: str) -> None:
        self.path = Path(script).with_suffix(".md")
        self.title, self.command = title, f"python benchmarks/{Path(script).name}"
        self.lines = _lines(self.path)

    def say(self, work: str, measured: str) -> None:
        self.lines[work] = f"{measured} | {os.getloadavg()[0]:.1f}"
        print(f"| {work} | {self.lines[work]} |", flush=True)
        rows = "\n".join(f"| {work} | {rest} |" for work, rest in self.lines.items())
        write_text(
            self.path,
            f"# {self.title}\n\n`{self.command}`, {time.strftime('%Y-%m-%d')}, {os.cpu_count()} "
            f"cores ({platform.machine()}), Python {platform.python_version()}, Label Studio "
            f"{version()} on SQLite; load is what else the machine did (1 is one busy process, "
            "ours and the server's included).\n\n"
            f"| work | measured | load |\n|---|---|---|\n{rows}\n",
        )


def _lines(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    rows = [line.strip("| ") for line in path.read_text().splitlines() if line.startswith("| ")]
    return dict(row.split(" | ", 1) for row in rows[1:])


def seconds(times: list[float]) -> str:
    return ", ".join(f"{each:.2f}" for each in times) + " s"
