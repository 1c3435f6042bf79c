"""Lists of pictures by name."""

import csv
from pathlib import Path

from qreasoning.errors import SettingsError


def read_names(manifest: Path) -> list[str]:
    """The names in a list: one per line, or the column `name` of a .csv. Raises SettingsError."""
    try:
        text = manifest.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SettingsError(f"The list of pictures {manifest} is missing. Create it.") from None
    if manifest.suffix.lower() != ".csv":
        return [line.strip() for line in text.splitlines() if line.strip()]
    rows = csv.DictReader(text.splitlines())
    if "name" not in (rows.fieldnames or ()):
        found = ", ".join(rows.fieldnames or ()) or "none"
        raise SettingsError(
            f"{manifest} has no column 'name' (it has: {found}). Rename the column."
        )
    return [row["name"] for row in rows if row["name"]]
