"""`--push-to-hub`: a version on the Hugging Face Hub, with a tag of its number.

The Hub keeps no version of a data set by itself, so each push is one commit with one tag, and a
tag that exists is never moved. What may not be published stays here: `publishable`.
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qreasoning.data.publishable import Publishable, publishable
from qreasoning.errors import DataError
from qreasoning.files import MANIFEST, read_manifest, sha256_file
from qreasoning.hub import asking, check_name

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_DATASET = "dataset"
_KEPT_BY_HUB = ".gitattributes"


@dataclass(frozen=True)
class PublishReport:
    """What was published. `new` is False where the tag was there with the same content.

    `withheld` counts the pictures, by source, that stayed here because no licence lets them go;
    `answers_withheld` the answers kept aside that stayed here, by reason.
    """

    address: str
    tag: str
    new: bool
    withheld: Mapping[str, int]
    answers_withheld: Mapping[str, int]


def push(folder: Path, repository: str, say: Callable[[str], None]) -> PublishReport:
    """Publish a complete version as one commit of a data set repository, and tag it.

    A repository that is not there yet is made private. Raises SettingsError for a name that is no
    ORG/NAME, DataError for a version that is incomplete or changed or holds answers of excluded
    annotators, a tag that holds other content, and a Hub that cannot be reached or refuses.
    """
    check_name(repository)
    manifest = _whole(folder)
    with tempfile.TemporaryDirectory(prefix="qreasoning-publish-") as name:
        staged = publishable(folder, manifest, Path(name), datetime.now(UTC).date())
        for source, count in staged.pictures_withheld.items():
            say(f"{source}: {count:,} pictures stay here, no licence lets them be published")
        for reason, count in staged.answers_withheld.items():
            say(f"{reason}: {count:,} answers that were kept aside stay here")
        return _publish(staged, repository, manifest, say)


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


def _publish(
    staged: Publishable,
    repository: str,
    manifest: Mapping[str, Any],
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
            commit = _commit(api, staged.folder, repository, f"{manifest['name']} {tag}")
            api.create_tag(repository, tag=tag, revision=commit, repo_type=_DATASET)
    return PublishReport(str(url), tag, new, staged.pictures_withheld, staged.answers_withheld)


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
