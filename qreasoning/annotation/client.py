"""Talking to a Label Studio server: one door for all requests, with errors that say what to do.

The SDK's transport does the authentication (legacy and personal access tokens, refreshed) and
repeats reads. Requests are written out as paths: the SDK's typed methods repeat a POST, which makes
tasks twice, and its pager takes an error on a later page for the end of the list.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from qreasoning.errors import ServerError

PAGE = 1000
"""Tasks per page: one page of 1,000 takes about two seconds."""

TIMEOUT = 120.0
"""Seconds that one answer may take (an import of 1,000 tasks takes under one)."""


class Server:
    """A Label Studio server and the key of one account on it. Safe to share between threads."""

    def __init__(self, url: str, api_key: str, *, loopback: bool = False) -> None:
        """`url` with any path prefix; `loopback` ignores the proxies of the environment.

        Raises ServerError for a key that has expired.
        """
        import httpx
        from label_studio_sdk import LabelStudio
        from label_studio_sdk.core.api_error import ApiError

        self.url = url.rstrip("/") + "/"
        self.loopback = loopback
        plain = httpx.Client(timeout=TIMEOUT, trust_env=not loopback)
        try:
            sdk = LabelStudio(base_url=self.url, api_key=api_key, httpx_client=plain)
        except ApiError as error:
            raise self._refused(error.status_code, str(error.body)) from None
        self._transport = sdk._client_wrapper.httpx_client

    def healthy(self) -> bool:
        """Whether a server answers /health here; False also where nothing listens yet."""
        import httpx

        try:
            return bool(self._transport.httpx_client.get(self.url + "health").status_code == 200)
        except httpx.TransportError:
            return False

    def whoami(self) -> dict[str, Any]:
        """The account that the key belongs to (`id`, `email`, …)."""
        account: dict[str, Any] = self.get("api/current-user/whoami")
        if not isinstance(account, dict) or "email" not in account:
            raise ServerError(f"{self.url} does not answer like Label Studio. Check the address.")
        return account

    def get(self, path: str, **params: Any) -> Any:
        """The JSON at `path`; tried three times where the server is busy."""
        return self._request("GET", path, 2, params=params)

    def send(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        """Send `body` as JSON, once: a repeated request would double what it makes."""
        return self._request(method, path, 0, json=body, params=params)

    def upload(self, path: str, files: Mapping[str, tuple[str, bytes]], **params: Any) -> Any:
        """Send files (field name to file name and content), once."""
        return self._request("POST", path, 0, files=dict(files), params=params)

    def _request(self, method: str, path: str, retries: int, **content: Any) -> Any:
        import httpx
        from label_studio_sdk.core.api_error import ApiError

        try:
            response = self._transport.request(
                path, method=method, request_options={"max_retries": retries}, **content
            )
        except ApiError as error:  # a personal access token that could not be refreshed
            raise self._refused(error.status_code, str(error.body)) from None
        except httpx.TimeoutException:
            raise ServerError(
                f"{self.url} did not answer {method} {path} within {TIMEOUT:.0f} s. Try again."
            ) from None
        except (httpx.TransportError, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise ServerError(
                f"There is no Label Studio server at {self.url} ({error}). "
                "Start it, or correct LABEL_STUDIO_URL."
            ) from None
        if response.status_code >= 300:
            raise self._refused(response.status_code, f"{method} {path}: {response.text[:300]}")
        return self._json(response.content, path)

    def _json(self, content: bytes, path: str) -> Any:
        if not content:
            return None
        try:
            return json.loads(content)
        except ValueError:
            raise ServerError(
                f"{self.url}{path} answered with a page instead of data. "
                "Check that LABEL_STUDIO_URL is the address of Label Studio itself."
            ) from None

    def _refused(self, status: int | None, detail: str) -> ServerError:
        if status in (401, 403):
            return ServerError(
                f"{self.url} does not accept the API key ({status}). Copy the key from Account & "
                "Settings there into LABEL_STUDIO_API_KEY."
            )
        if status == 404:
            return ServerError(
                f"{self.url} does not know what was asked for (404, {detail[:120]}). "
                "Check LABEL_STUDIO_URL, and that the project was not deleted."
            )
        return ServerError(f"{self.url} refused a request ({status}, {detail}).")


def remote(environ: Mapping[str, str]) -> Server | None:
    """The server that LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY name, or None where neither is set.

    Raises ServerError where only one is set, or the server is not there or refuses the key.
    """
    names = ("LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY")
    url, key = (environ.get(name, "").strip() for name in names)
    if not url and not key:
        return None
    if not url or not key:
        missing = names[1] if url else names[0]
        raise ServerError(f"{missing} is not set. Set both it and the other, or neither.")
    server = Server(url, key)
    server.whoami()
    return server


def tasks(server: Server, project: int, include: str) -> Iterator[dict[str, Any]]:
    """All tasks of a project by rising id, with the fields named in `include` (comma-separated).

    Pages by id and never by page number, which skips and repeats tasks while people work.
    """
    last = 0
    while True:
        after = {"filter": "filter:tasks:id", "operator": "greater", "type": "Number"}
        query = {
            "filters": {"conjunction": "and", "items": [{**after, "value": last}]},
            "ordering": ["tasks:id"],
        }
        answer = server.get(
            "api/tasks/",
            project=project,
            page=1,
            page_size=PAGE,
            fields="all",
            include=include,
            query=json.dumps(query),
        )
        page = answer["tasks"]
        yield from page
        if len(page) < PAGE:
            return
        last = page[-1]["id"]
