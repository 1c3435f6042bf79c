"""The picture files of a dataset: found, decoded, and known by their bytes."""

from collections.abc import Callable, Mapping
from pathlib import Path

from qreasoning.data.hashes import Hashed, hash_pictures
from qreasoning.errors import DataError
from qreasoning.workspace import Workspace, slug

Say = Callable[[str], None]
UNUSABLE = "picture cannot be used"
"""Why a picture, and the answers to it, are kept aside; the detail says what is wrong with it."""


def picture_files(
    source: str,
    files: Mapping[str, Path],
    workspace: Workspace,
    say: Say,
    unusable: dict[str, str],
) -> dict[str, Hashed]:
    """Id and fingerprint of the pictures of a score set or project, by name.

    What was found is remembered by size and time of change. Pictures that cannot be read go to
    `unusable`, with the reason. Raises DataError naming a file that is missing.
    """
    missing = next((file for file in files.values() if not file.is_file()), None)
    if missing is not None:
        raise DataError(f"The picture {missing} is missing. Put it there, or correct the list.")
    kept = workspace.root / "outputs" / "cache" / "fingerprints" / f"{slug(source)}.parquet"
    return hash_pictures(files, kept, say, unusable)


def refuse_changed(hashed: Mapping[str, Hashed], wanted: Mapping[str, str], folder: Path) -> None:
    """Raise DataError for the first picture that is not the one (by id) that was annotated."""
    for name, image_id in wanted.items():
        if name in hashed and hashed[name].image_id != image_id:
            raise DataError(
                f"{folder / name} is not the picture that was annotated: its bytes have changed. "
                "Put the original back."
            )
