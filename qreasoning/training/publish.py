"""`--push-to-hub`: a finished run as a model repository on the Hugging Face Hub."""

from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi

from qreasoning.errors import DataError
from qreasoning.files import MANIFEST, read_manifest
from qreasoning.hub import asking, check_name

KEPT_HERE = ("completions/", "tensorboard/", "start.json")
"""What the Hub has no use for, or what says more than a reader needs: texts about each picture."""


def check_repository(repository: str) -> None:
    """Raises SettingsError for a name that is no ORG/NAME, DataError where nobody is logged in or
    the Hub cannot be reached; before a run, since a run takes hours."""
    check_name(repository)
    with asking(repository):
        HfApi(library_name="qreasoning").whoami()


def push(run: Path, repository: str) -> str:
    """Publish a finished run as one commit; returns its address.

    A repository that is not there yet is made private. The completions stay here, and so does a
    merged model. Raises what `check_repository` raises, and DataError for a run that is not
    finished.
    """
    check_name(repository)
    manifest = read_manifest(run)
    if manifest is None:
        raise DataError(f"The run {run} is not finished, so it cannot be published.")
    names = [name for name in manifest["files"] if not name.startswith(KEPT_HERE)]
    operations = [CommitOperationAdd(name, run / name) for name in (*names, MANIFEST)]
    api = HfApi(library_name="qreasoning")
    with asking(repository):
        url = api.create_repo(repository, private=True, exist_ok=True)
        api.create_commit(
            repository, operations, commit_message=f"Run {run.parent.name}/{run.name}"
        )
    return str(url)
