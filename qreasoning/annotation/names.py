"""Lists of pictures by name, and other small tables that people write by hand."""

import csv
from collections.abc import Iterator
from pathlib import Path

from qreasoning.errors import SettingsError


def read_names(manifest: Path) -> list[str]:
    """The names in a list: one per line, or the column `name` of a .csv. Raises SettingsError."""
    if manifest.suffix.lower() != ".csv":
        lines = text_of(manifest, "list of pictures").splitlines()
        return [line.strip() for line in lines if line.strip()]
    return [
        row["name"] for _, row in csv_rows(manifest, "list of pictures", ("name",)) if row["name"]
    ]


def text_of(path: Path, what: str) -> str:
    """The text of a file; `what` it is stands in the SettingsError where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SettingsError(f"The {what} {path} is missing. Create it.") from None
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"The {what} {path} is not UTF-8 (byte {error.start}). Save it as UTF-8."
        ) from None


def csv_rows(
    path: Path, what: str, columns: tuple[str, ...]
) -> Iterator[tuple[int, dict[str, str | None]]]:
    """The rows of a CSV file that has `columns`, each with the number of its line.

    Raises SettingsError where it cannot be read or has others.
    """
    rows = csv.DictReader(text_of(path, what).splitlines())
    try:
        found = rows.fieldnames or ()
        missing = next((each for each in columns if each not in found), None)
        if missing is not None:
            raise SettingsError(
                f"{path} has no column '{missing}' (it has: {', '.join(found) or 'none'}). "
                f"It needs: {', '.join(columns)}."
            )
        for row in rows:
            yield rows.line_num, row
    except csv.Error as error:
        raise SettingsError(f"{path}, line {rows.line_num}: {error}. Correct it.") from None
