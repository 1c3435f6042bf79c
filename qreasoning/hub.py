"""The Hugging Face Hub, as far as more than one stage publishes there."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from qreasoning.errors import DataError, SettingsError

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def check_name(repository: str) -> None:
    """Raises SettingsError for a name that is no ORG/NAME."""
    if not _REPOSITORY.fullmatch(repository):
        raise SettingsError(f"'{repository}' is no repository. Give it as ORG/NAME.")


@contextmanager
def asking(repository: str) -> Iterator[None]:
    """What the Hub answers inside the block to requests about `repository`, as a DataError: that
    it is switched off, cannot be reached, knows no log-in or refuses."""
    import httpx2
    from huggingface_hub import constants
    from huggingface_hub.errors import (
        HfHubHTTPError,
        LocalTokenNotFoundError,
        OfflineModeIsEnabled,
    )

    try:
        yield
    except OfflineModeIsEnabled:
        raise DataError("HF_HUB_OFFLINE is set. Unset it to publish.") from None
    except LocalTokenNotFoundError:
        raise DataError(
            "Nobody is logged in to the Hub. Log in with: hf auth login, or set HF_TOKEN."
        ) from None
    except HfHubHTTPError as error:
        raise DataError(
            f"The Hub refused {repository}: {_first_line(error)}. Check the name, and the token "
            "with: hf auth login"
        ) from None
    except httpx2.HTTPError as error:
        raise DataError(
            f"The Hub at {constants.ENDPOINT} cannot be reached ({_first_line(error)}). Check the "
            "network or HF_ENDPOINT, then publish again; what is there is used again."
        ) from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
