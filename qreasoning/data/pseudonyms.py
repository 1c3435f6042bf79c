"""Annotators as pseudonyms: a keyed hash, so that no log-in leaves the annotation stage."""

import hmac
import secrets
from pathlib import Path

from qreasoning.errors import DataError
from qreasoning.files import write_text

KEY = "pseudonym.key"
"""The key's file in the study: of mode 600, ignored by git, handed over with the study."""

_KEY_CHARACTERS = 64


def read_key(root: Path) -> bytes:
    """The study's key; made (mode 600) the first time. Raises DataError for a damaged one."""
    path = root / KEY
    if not path.exists():
        write_text(path, secrets.token_hex(_KEY_CHARACTERS // 2) + "\n", mode=0o600)
    text = path.read_text(encoding="ascii", errors="replace").strip()
    if len(text) < _KEY_CHARACTERS:
        raise DataError(
            f"{path} is no pseudonym key ({len(text)} of {_KEY_CHARACTERS} characters). Put the "
            "study's key back, or delete the file to get new pseudonyms."
        )
    return text.encode()


def pseudonym(login: str, key: bytes) -> str:
    """`a-` and the first ten hexadecimal digits of HMAC-SHA256 of the log-in."""
    return "a-" + hmac.new(key, login.encode(), "sha256").hexdigest()[:10]
