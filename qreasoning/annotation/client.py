"""Talking to a Label Studio server: one door for all requests, with errors that say what to do.

The SDK's transport does the authentication (legacy and personal access tokens, refreshed). Requests
are written out as paths and repeated here: the SDK repeats a POST, which makes tasks twice, gives
up on a reset connection, and its pager takes an error on a later page for the end of the list.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from qreasoning.annotation import faults
from qreasoning.annotation.faults import REPEATABLE, PassingError, objects, unexpected
from qreasoning.errors import ServerError

if TYPE_CHECKING:
    import httpx

PAGE = 250
"""Tasks per page: half a second's work for the server, and a few megabytes here."""

ALWAYS = ("data", "updated_at", "total_annotations", "cancelled_annotations")
"""What every task has, where it is asked for."""

TIMEOUT = 120.0
"""Seconds that one answer may take (an import of 1,000 tasks takes under one)."""

PAUSES = (1.0, 2.0)
"""Seconds before the second and the third attempt, where the server names none."""

LONGEST_PAUSE = 60.0
"""Seconds that a server's Retry-After is followed at most."""


class Server:
    """A Label Studio server and the key of one account on it. Safe to share between threads."""

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        loopback: bool = False,
        timeout: float = TIMEOUT,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        """`url` with any path prefix; `loopback` ignores the proxies of the environment; `timeout`
        in seconds; one attempt more than there are `pauses`.

        Raises ServerError for a key that has expired.
        """
        import httpx

        # Not the package's own LabelStudio: its conveniences need pandas, which takes a second and
        # as much memory as 20,000 answers.
        from label_studio_sdk.base_client import LabelStudioBase
        from label_studio_sdk.core.api_error import ApiError

        from qreasoning.annotation.deadline import within

        self.url = url.rstrip("/") + "/"
        self.loopback = loopback
        self.timeout = timeout
        self.pauses = tuple(pauses)
        plain = httpx.Client(timeout=timeout, trust_env=not loopback, event_hooks=within(timeout))
        try:
            sdk = LabelStudioBase(base_url=self.url, api_key=api_key, httpx_client=plain)
        except ApiError as error:
            raise faults.refused(self.url, error.status_code, str(error.body)) from None
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
        """The JSON at `path`. Repeated where the server is busy, slow, or broke off."""
        return self._request("GET", path, params=params)

    def get_object(self, path: str, *keys: str, **params: Any) -> dict[str, Any]:
        """The JSON object at `path`. Raises ServerError where it is none or lacks one of `keys`."""
        return self.checked(path, self.get(path, **params), *keys)

    def get_list(self, path: str, *keys: str, **params: Any) -> list[dict[str, Any]]:
        """The JSON list at `path`, of objects that have `keys`. Raises ServerError otherwise."""
        return faults.objects(self.url, path, self.get(path, **params), *keys)

    def checked(self, path: str, answer: Any, *keys: str) -> dict[str, Any]:
        """`answer`, which came from `path`, checked to be an object that has `keys`."""
        if not isinstance(answer, dict) or not answer.keys() >= set(keys):
            raise faults.unexpected(
                self.url, path, f"an object with {', '.join(keys) or 'content'}"
            )
        return answer

    def send(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        """Send `body` as JSON. A POST is repeated only where it certainly was not carried out:
        doing it twice would double what it makes.
        """
        return self._request(method, path, json=body, params=params)

    def upload(self, path: str, files: Mapping[str, tuple[str, bytes]], **params: Any) -> Any:
        """Send files (field name to file name and content) by POST, under the rule of `send`."""
        return self._request("POST", path, files=dict(files), params=params)

    def fetch(self, path: str) -> tuple[int, bytes]:
        """The status and the content that the server gives for `path`, whatever they are: a
        picture, or a refusal. One attempt."""
        try:
            response = self._response("GET", path)
        except PassingError as passing:
            raise passing.error from None
        return response.status_code, response.content

    def _request(self, method: str, path: str, **content: Any) -> Any:
        for pause in self.pauses:
            try:
                return self._attempt(method, path, **content)
            except PassingError as passing:
                if not passing.repeatable:
                    raise passing.error from None
                time.sleep(pause if passing.wait is None else min(passing.wait, LONGEST_PAUSE))
        try:
            return self._attempt(method, path, **content)
        except PassingError as passing:
            raise passing.error from None

    def _attempt(self, method: str, path: str, **content: Any) -> Any:
        response = self._response(method, path, **content)
        if response.status_code >= 300:
            raise faults.fault(self.url, response, method, path)
        return self._json(response, method, path)

    def _response(self, method: str, path: str, **content: Any) -> "httpx.Response":
        import httpx
        from label_studio_sdk.core.api_error import ApiError

        again = method in REPEATABLE
        try:
            response: httpx.Response = self._transport.request(
                path, method=method, request_options={"max_retries": 0}, **content
            )
        except ApiError as error:  # a personal access token that could not be refreshed
            refused = faults.refused(self.url, error.status_code, str(error.body)[:200])
            raise PassingError(refused, error.status_code in faults.PASSING) from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.ConnectError) as error:
            there = isinstance(error, httpx.ConnectError)
            raise PassingError(faults.nobody(self.url, error), there) from None
        except httpx.TimeoutException:
            raise PassingError(faults.slow(self.url, method, path, self.timeout), again) from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise PassingError(faults.broke_off(self.url, method, path, error), again) from None
        except ValueError:  # a page instead of a refreshed token
            raise faults.page(self.url, path) from None
        return response

    def _json(self, response: "httpx.Response", method: str, path: str) -> Any:
        if not response.content:
            return None
        try:
            return json.loads(response.content)
        except ValueError:
            if "json" not in response.headers.get("Content-Type", ""):
                raise faults.page(self.url, path) from None
            error = faults.broke_off(self.url, method, path, "half an answer")
            raise PassingError(error, method in REPEATABLE) from None


def remote(environ: Mapping[str, str]) -> Server | None:
    """The server that LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY name, or None where neither is set.

    LABEL_STUDIO_TIMEOUT sets the seconds that one answer may take. Raises ServerError where only
    one of the two is set, or the server is not there or refuses the key.
    """
    names = ("LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY")
    url, key = (environ.get(name, "").strip() for name in names)
    if not url and not key:
        return None
    if not url or not key:
        missing = names[1] if url else names[0]
        raise ServerError(f"{missing} is not set. Set both it and the other, or neither.")
    server = Server(url, key, timeout=_timeout(environ.get("LABEL_STUDIO_TIMEOUT", "").strip()))
    server.whoami()
    return server


def _timeout(text: str) -> float:
    try:
        seconds = float(text or TIMEOUT)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86400:
        raise ServerError(f"LABEL_STUDIO_TIMEOUT is {text!r}. Set it to a number of seconds.")
    return seconds


def other_version(server: Server) -> str | None:
    """The server's version where it is none of the tested ones, else None."""
    answer = server.get_object("api/version/")
    package = answer.get("label-studio-os-package")
    found = package.get("version") if isinstance(package, dict) else answer.get("release")
    return None if found in faults.TESTED else str(found)


def tasks(
    server: Server,
    project: int,
    include: str,
    *,
    after: int = 0,
    until: int | None = None,
    changed_since: str | None = None,
    changed_until: str | None = None,
    with_drafts: bool = False,
) -> Iterator[dict[str, Any]]:
    """The tasks of a project by rising id, with the fields named in `include` (comma-separated).

    Only ids above `after` and up to `until`, only those changed later than `changed_since` and not
    after `changed_until` (times of the server's, as `2026-11-21T00:44:58.000000Z`), only those
    somebody has a draft to. Pages by id and never by page number, which skips and repeats tasks
    while people work.
    """
    limits = []
    if until is not None:
        limits.append(_only("id", "less_or_equal", "Number", until))
    if changed_since is not None:
        limits.append(_only("updated_at", "greater", "Datetime", changed_since))
    if changed_until is not None:
        limits.append(_only("updated_at", "less_or_equal", "Datetime", changed_until))
    if with_drafts:
        limits.append(_only("draft_exists", "equal", "Boolean", "true"))

    def ask(last: int) -> tuple[int, list[dict[str, Any]]]:
        limit = [_only("id", "greater", "Number", last), *limits]
        return task_page(server, project, include, limit, "tasks:id", PAGE)

    # The server works on the next page while this one is looked at.
    with ThreadPoolExecutor(1) as ahead:
        next_page = ahead.submit(ask, after)
        while True:
            total, page = next_page.result()
            # A server may give smaller pages than were asked for, so only the count says the end.
            more = bool(page) and total > len(page)
            if more:
                next_page = ahead.submit(ask, page[-1]["id"])
            yield from page
            if not more:
                return


def tasks_with_ids(
    server: Server, project: int, include: str, ids: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """Those of the tasks with these ids that are there, as `tasks` gives them."""
    for start in range(0, len(ids), PAGE):
        chosen = ids[start : start + PAGE]
        yield from task_page(server, project, include, [], "tasks:id", PAGE, chosen)[1]


def task_page(
    server: Server,
    project: int,
    include: str,
    limits: Sequence[Mapping[str, Any]],
    order: str,
    size: int,
    ids: Sequence[int] | None = None,
) -> tuple[int, list[dict[str, Any]]]:
    """How many tasks (of those with `ids`) keep the `limits`, and the first `size` in `order`.

    Raises ServerError for an answer that is no page of tasks.
    """
    query: dict[str, Any] = {"ordering": [order]}
    if limits:
        query["filters"] = {"conjunction": "and", "items": list(limits)}
    if ids is not None:
        query["selectedItems"] = {"all": False, "included": list(ids)}
    answer = server.get_object(
        "api/tasks/",
        *("tasks", "total"),
        project=project,
        page=1,
        page_size=size,
        fields="all",
        include=include,
        query=json.dumps(query),
    )
    needed = ("id", *(each for each in ALWAYS if each in include.split(",")))
    found = objects(server.url, "api/tasks/", answer["tasks"], *needed)
    total = answer["total"]
    if not isinstance(total, int) or not all(map(_is_task, found)):
        raise unexpected(server.url, "api/tasks/", "tasks with their answers")
    return total, found


def _is_task(found: Mapping[str, Any]) -> bool:
    answers = found.get("annotations") or []
    return (
        isinstance(found["id"], int)
        and isinstance(found.get("data", {}), dict)
        and isinstance(answers, list)
        and all(isinstance(each, dict) and "id" in each for each in answers)
    )


def _only(field: str, operator: str, kind: str, value: Any) -> dict[str, Any]:
    return {"filter": f"filter:tasks:{field}", "operator": operator, "type": kind, "value": value}
