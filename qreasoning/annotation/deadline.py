"""A limit on how long a whole answer may take: httpx limits only the pauses within one."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

_BEGUN = "qreasoning_begun"


def within(seconds: float) -> dict[str, list[Callable[..., Any]]]:
    """Event hooks for a client whose answers end in `httpx.ReadTimeout` after so many seconds,
    also where a byte comes now and then."""

    def began(request: httpx.Request) -> None:
        request.extensions[_BEGUN] = time.monotonic()

    def answers(response: httpx.Response) -> None:
        end = response.request.extensions[_BEGUN] + seconds
        if isinstance(response.stream, httpx.SyncByteStream):
            response.stream = _Limited(response.stream, end)

    return {"request": [began], "response": [answers]}


class _Limited(httpx.SyncByteStream):
    """A stream that may be read up to the monotonic time `end`."""

    def __init__(self, stream: httpx.SyncByteStream, end: float) -> None:
        self.stream = stream
        self.end = end

    def __iter__(self) -> Iterator[bytes]:
        for part in self.stream:
            if time.monotonic() > self.end:
                raise httpx.ReadTimeout("the answer takes too long")
            yield part

    def close(self) -> None:
        self.stream.close()
