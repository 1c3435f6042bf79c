"""The fenced blocks of README and docs, and the `qr` commands in them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

_NOT_RUN = re.compile(r"<!-- not run: (.+) -->")


@dataclass(frozen=True)
class Block:
    """One fenced block; `reason` says why it is not run, where a comment above it does."""

    page: Path
    line: int
    language: str
    text: str
    reason: str | None

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    """The blocks of a page, in order; the comment that excuses one stands on the line above."""
    lines = page.read_text(encoding="utf-8").splitlines()
    start, indent = None, 0
    for number, line in enumerate(lines):
        bare = line.lstrip()
        if not bare.startswith("```"):
            continue
        if start is None:
            start, indent = number, len(line) - len(bare)
            continue
        above = _NOT_RUN.search(lines[start - 1]) if start else None
        text = "\n".join(each[indent:] for each in lines[start + 1 : number])
        language = lines[start].strip().removeprefix("```")
        yield Block(page, start + 1, language, text + "\n", above[1] if above else None)
        start = None
    assert start is None, f"{page}: the block of line {start} has no end"


def commands_of(block: Block) -> Iterator[list[str]]:
    """The arguments of every `qr` in a block of shell commands, also behind `&&` and torchrun."""
    text = block.text.replace("\\\n", " ")
    for line in text.splitlines():
        for part in shlex.join(shlex.split(line, comments=True)).split("'&&'"):
            words = shlex.split(part)
            if words[:1] == ["qr"]:
                yield words[1:]
            elif "-m" in words and words[words.index("-m") + 1 :][:1] == ["qreasoning"]:
                yield words[words.index("-m") + 2 :]
