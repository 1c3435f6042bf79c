"""What can go wrong between us and a server: a sentence for each fault, and whether it may pass."""

from typing import TYPE_CHECKING, Any

from qreasoning.errors import ServerError

if TYPE_CHECKING:
    import httpx

TESTED = ("1.23.2",)
"""Versions of Label Studio that the tests ran against."""

REPEATABLE = frozenset({"GET", "PATCH", "PUT", "DELETE"})
"""Methods that do no harm when they are carried out twice."""

PASSING = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses that may be over at the next attempt."""


class PassingError(Exception):
    """A fault that may be over at the next attempt."""

    def __init__(self, error: ServerError, repeatable: bool, wait: float | None = None) -> None:
        super().__init__(error)
        self.error = error
        """What the user is told where it stays."""
        self.repeatable = repeatable
        """Whether sending the request again can do no harm."""
        self.wait = wait
        """Seconds that the server asks for, where it does."""


def fault(url: str, response: "httpx.Response", method: str, path: str) -> Exception:
    """The error of a response whose status is no success."""
    status = response.status_code
    html = "html" in response.headers.get("Content-Type", "")
    text = response.reason_phrase if html else response.text.strip()[:300]
    if response.has_redirect_location:
        text = f"it sends on to {response.headers['Location'][:200]}"
    error = refused(url, status, f"{method} {path}: {text}")
    if status not in PASSING:
        return error
    # Whoever is turned away for coming too often was not served.
    return PassingError(error, status == 429 or method in REPEATABLE, _wait(response))


def _wait(response: "httpx.Response") -> float | None:
    asked = response.headers.get("Retry-After", "")
    return float(asked) if asked.isascii() and asked.isdigit() else None


def refused(url: str, status: int | None, detail: str) -> ServerError:
    """The sentence for a status that is no success."""
    short = detail[:160]
    if status == 401:
        return ServerError(
            f"{url} does not accept the API key (401). Copy the key from Account & "
            "Settings there into LABEL_STUDIO_API_KEY."
        )
    if status == 403:
        return ServerError(
            f"{url} does not allow the account of this API key to do that (403, {short}). "
            "Ask its administrator, or use another LABEL_STUDIO_API_KEY."
        )
    if status == 404:
        return ServerError(
            f"{url} does not know what was asked for (404, {short}). "
            "Check LABEL_STUDIO_URL, and that the project was not deleted."
        )
    if status == 429:
        return ServerError(
            f"{url} is asked too often (429, {short}). "
            "Wait a minute, and run the same command again."
        )
    if status is not None and 300 <= status < 400:
        return ServerError(
            f"{url} is not the server's own address ({status}, {detail}). Correct LABEL_STUDIO_URL."
        )
    if status is not None and status >= 500:
        return ServerError(
            f"{url} has a fault of its own ({status}, {short}). "
            "Run the same command again; if it stays so, see the server's log."
        )
    return ServerError(f"{url} refused a request ({status}, {detail}).")


def nobody(url: str, error: Exception) -> ServerError:
    """The sentence where nothing listens, the address is none, or its certificate is not known."""
    if "CERTIFICATE" in str(error):
        return ServerError(
            f"The certificate of {url} is not trusted on this machine ({error}). "
            "Name the file of its authority in SSL_CERT_FILE."
        )
    return ServerError(
        f"There is no Label Studio server at {url} ({error}). "
        "Start it, or correct LABEL_STUDIO_URL."
    )


def slow(url: str, method: str, path: str, seconds: float) -> ServerError:
    """The sentence for no answer in time."""
    return ServerError(
        f"{url} did not answer {method} {path} within {seconds:.4g} s. "
        "Run the same command again, with a larger LABEL_STUDIO_TIMEOUT if it stays so."
    )


def broke_off(url: str, method: str, path: str, error: object) -> ServerError:
    """The sentence for a connection that ended, or half an answer."""
    return ServerError(
        f"{url} broke off while answering {method} {path} ({error}). "
        "Run the same command again; it looks first what is done already."
    )


def page(url: str, path: str) -> ServerError:
    """The sentence for a web page where data was expected."""
    return ServerError(
        f"{url}{path} answered with a page instead of data. "
        "Check that LABEL_STUDIO_URL is the address of Label Studio itself."
    )


def unexpected(url: str, path: str, wanted: str) -> ServerError:
    """The sentence for data of another kind than `wanted`."""
    return ServerError(
        f"{url}{path} answered something else than {wanted}. Check that LABEL_STUDIO_URL "
        f"is a Label Studio of a tested version ({', '.join(TESTED)})."
    )


def objects(url: str, path: str, answer: Any, *keys: str) -> list[dict[str, Any]]:
    """`answer`, which came from `path`, checked to be a list of objects that have `keys`."""
    if not isinstance(answer, list) or not all(
        isinstance(each, dict) and each.keys() >= set(keys) for each in answer
    ):
        what = ", ".join(keys) or "content"
        raise unexpected(url, path, f"a list of objects with {what}")
    return answer
