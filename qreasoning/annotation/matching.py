"""Which of our pictures an address in somebody else's export means."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from qreasoning.annotation.pictures import Picture, Pictures

_UPLOADED = re.compile(r"^[0-9a-f]{8}-")
"""What Label Studio puts before the name of an uploaded file."""


class Matcher:
    """Finds pictures by identity, or by as much of the path as both sides give."""

    def __init__(self, pictures: Pictures) -> None:
        self._by_id = {each.image_id: each for each in pictures.pictures}
        by_name = {each.name: each for each in pictures.pictures}
        for name, earlier in pictures.repeated:
            by_name[name] = by_name[earlier]
        self._by_file: dict[str, list[tuple[list[str], Picture]]] = {}
        for name, picture in by_name.items():
            parts = name.split("/")
            self._by_file.setdefault(parts[-1], []).append((parts, picture))

    def find(self, data: Mapping[str, Any], address: str) -> Picture | None:
        """The picture of a task; None where there is none, or where several could be meant."""
        known = self._by_id.get(str(data.get("image_id")))
        if known is not None:
            return known
        for path in _paths(address):
            found = self._named(path)
            if found is not None:
                return found
        return None

    def _named(self, path: str) -> Picture | None:
        parts = [part for part in path.split("/") if part not in ("", ".")]
        candidates = self._by_file.get(parts[-1], []) if parts else []
        agreeing = []
        for ours, picture in candidates:
            common = min(len(ours), len(parts))
            if ours[-common:] == parts[-common:]:
                agreeing.append((common, picture))
        most = max((common for common, _ in agreeing), default=0)
        best = {picture.image_id: picture for common, picture in agreeing if common == most}
        return best.popitem()[1] if len(best) == 1 else None


def _paths(address: str) -> list[str]:
    """What the address may mean: the path itself, that of a URL, a served file, an upload."""
    paths = [address]
    try:
        url = urlsplit(address)
    except ValueError:  # such as a bracket where a host should be
        return paths
    served = parse_qs(url.query).get("d")
    paths.append(served[0] if served else unquote(url.path))
    folder, _, file = paths[-1].rpartition("/")
    if "/data/upload/" in f"{folder}/":
        paths = [_UPLOADED.sub("", file), file]
    return paths
