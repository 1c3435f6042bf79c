"""`--push-to-hub`: a version on the Hugging Face Hub, with a tag of its number.

The Hub keeps no version of a data set by itself, so each push is one commit with one tag, and a
tag that exists is never moved. Pictures go along only where the manifest says that their licence
allows it.
"""

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import parquet

from qreasoning.data import card, croissant
from qreasoning.errors import DataError
from qreasoning.files import (
    MANIFEST,
    read_manifest,
    sha256_file,
    write_json,
    write_manifest,
    write_text,
)
from qreasoning.hub import asking, check_name

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_DATASET = "dataset"
_KEPT_BY_HUB = ".gitattributes"


@dataclass(frozen=True)
class PublishReport:
    """What was published. `new` is False where the tag was there with the same content.

    `withheld` counts the pictures, by source, that stayed here because no licence lets them go.
    """

    address: str
    tag: str
    new: bool
    withheld: Mapping[str, int]


def push(folder: Path, repository: str, say: Callable[[str], None]) -> PublishReport:
    """Publish a complete version as one commit of a data set repository, and tag it.

    A repository that is not there yet is made private. Raises SettingsError for a name that is no
    ORG/NAME, DataError for a version that is incomplete or changed, a tag that holds other content,
    and a Hub that cannot be reached or refuses.
    """
    check_name(repository)
    manifest = _whole(folder)
    with tempfile.TemporaryDirectory(prefix="qreasoning-publish-") as name:
        staged, withheld = _allowed(folder, manifest, Path(name))
        for source, count in withheld.items():
            say(f"{source}: {count:,} pictures stay here, no licence lets them be published")
        return _publish(staged, repository, manifest, withheld, say)


def _whole(folder: Path) -> dict[str, Any]:
    manifest = read_manifest(folder)
    if manifest is None:
        raise DataError(f"{folder} is no complete version. Build one with: qr build-dataset")
    for name, digest in manifest["files"].items():
        if not (folder / name).is_file() or sha256_file(folder / name) != digest:
            raise DataError(
                f"{folder / name} is not what the manifest vouches for. Build the dataset again."
            )
    return manifest


def _allowed(
    folder: Path, manifest: Mapping[str, Any], place: Path
) -> tuple[Path, Mapping[str, int]]:
    """The version as it may be published: itself, or a copy in `place` without some pictures."""
    licences = manifest.get("licences") or {}
    free = {source for source, terms in licences.items() if terms["share_pictures"]}
    files = sorted((folder / "data" / "chains").glob("*.parquet"))
    if not any(_held_back(file, free) for file in files):
        return folder, {}
    staged = place / folder.name
    chains = {file.relative_to(folder) for file in files}
    for each in sorted(folder.rglob("*")):
        if each.is_file() and each.relative_to(folder) not in chains:
            (staged / each.relative_to(folder)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(each, staged / each.relative_to(folder))
    withheld: Counter[str] = Counter()
    for file in files:
        withheld += _without_pictures(file, staged / file.relative_to(folder), free)
    facts = {key: value for key, value in manifest.items() if key != "files"}
    facts["pictures_withheld"] = dict(sorted(withheld.items()))
    write_text(staged / card.FILE, card.render(facts))
    if (staged / croissant.FILE).exists():
        write_json(staged / croissant.FILE, croissant.croissant(facts, staged))
    write_manifest(staged, facts)
    return staged, facts["pictures_withheld"]


def _held_back(file: Path, free: set[str]) -> bool:
    """Whether a file has a picture of a source whose pictures are not free."""
    with parquet.ParquetFile(file) as source:
        for batch in source.iter_batches(columns=["source", "image.path"]):
            for name, image in zip(*map(pa.Array.to_pylist, batch.columns), strict=True):
                if name not in free and image is not None:
                    return True
    return False


def _without_pictures(file: Path, into: Path, free: set[str]) -> Counter[str]:
    """Copy a file with null for each picture that is not free; how many, by source."""
    into.parent.mkdir(parents=True, exist_ok=True)
    withheld: Counter[str] = Counter()
    with parquet.ParquetFile(file) as source:
        schema = source.schema_arrow
        place = schema.get_field_index("image")
        with parquet.ParquetWriter(into, schema, use_dictionary=False) as writer:
            for number in range(source.num_row_groups):
                table = source.read_row_group(number)
                sources = table.column("source").to_pylist()
                images = table.column("image").to_pylist()
                kept = [
                    image if name in free else None
                    for name, image in zip(sources, images, strict=True)
                ]
                withheld.update(
                    name
                    for name, image in zip(sources, images, strict=True)
                    if name not in free and image is not None
                )
                column = pa.array(kept, schema.field("image").type)
                writer.write_table(table.set_column(place, schema.field("image"), column))
    return withheld


def _publish(
    folder: Path,
    repository: str,
    manifest: Mapping[str, Any],
    withheld: Mapping[str, int],
    say: Callable[[str], None],
) -> PublishReport:
    from huggingface_hub import HfApi

    tag = manifest["version"]
    api = HfApi(library_name="qreasoning")
    with asking(repository):
        url = api.create_repo(repository, repo_type=_DATASET, private=True, exist_ok=True)
        new = not _published(api, repository, tag, manifest["content_sha256"])
        if new:
            say(f"publishing {manifest['name']} {tag} to {url}")
            commit = _commit(api, folder, repository, f"{manifest['name']} {tag}")
            api.create_tag(repository, tag=tag, revision=commit, repo_type=_DATASET)
    return PublishReport(str(url), tag, new, withheld)


def _published(api: "HfApi", repository: str, tag: str, content: str) -> bool:
    """Whether the tag is there with this content. Raises DataError if it holds another."""
    if tag not in {each.name for each in api.list_repo_refs(repository, repo_type=_DATASET).tags}:
        return False
    with tempfile.TemporaryDirectory() as name:
        api.hf_hub_download(repository, MANIFEST, repo_type=_DATASET, revision=tag, local_dir=name)
        there = read_manifest(Path(name)) or {}
    if there.get("content_sha256") != content:
        raise DataError(
            f"{repository} has another dataset under the tag {tag}. Publish to another repository; "
            "a tag is never moved."
        )
    return True


def _commit(api: "HfApi", folder: Path, repository: str, message: str) -> str:
    """One commit after which the repository holds the version's files and no others; its id."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete
    from huggingface_hub._commit_api import CommitOperation

    files = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    there = api.list_repo_files(repository, repo_type=_DATASET)
    operations: list[CommitOperation] = [
        CommitOperationAdd(name, path) for name, path in files.items()
    ]
    gone = set(there) - {*files, _KEPT_BY_HUB}
    operations += [CommitOperationDelete(name) for name in sorted(gone)]
    return api.create_commit(repository, operations, commit_message=message, repo_type=_DATASET).oid
