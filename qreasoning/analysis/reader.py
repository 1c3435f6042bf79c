"""How claims are read in a report: the shipped words, a study's own, and the second tier."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qreasoning.metrics import claims


@dataclass(frozen=True)
class ClaimReader:
    """Compares and extracts claims; small enough to be handed to another process.

    `lexicons` are a study's own files, which come before the shipped one; `second_tier` asks the
    learned tier about dimensions on which the words are silent.
    """

    lexicons: tuple[Path, ...] = ()
    second_tier: bool = False

    def compare(self, said: str, humans: Sequence[str]) -> claims.Comparison:
        """The claims of a text against those of one person or several."""
        return claims.compare(said, humans, self._lexicon(), second=self._second())

    def extract(self, text: str) -> tuple[claims.Claim, ...]:
        """The claims of a text."""
        return claims.extract(text, self._lexicon(), second=self._second())

    @property
    def identity(self) -> dict[str, Any]:
        """Version and hash of the words, and the hash of the second tier's weights or None."""
        words, second = self._lexicon(), self._second()
        tier = None if second is None else second.sha256
        return {"version": words.version, "sha256": words.sha256, "second_tier": tier}

    # Both are kept by their loaders.
    def _lexicon(self) -> claims.Lexicon:
        return claims.load_lexicon(*self.lexicons)

    def _second(self) -> claims.SecondTier | None:
        return claims.load_second_tier() if self.second_tier else None
