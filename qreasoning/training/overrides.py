"""Changes to a settings file from the command line: `--set grpo.steps=5`, in YAML values."""

from collections.abc import Mapping, Sequence
from typing import Any

from qreasoning.errors import SettingsError
from qreasoning.settings import parse_yaml


def overridden(content: Any, assignments: Sequence[str]) -> Any:
    """`content` of a YAML file with each `a.b=value` set, in order; the original is not changed.

    Values are read as YAML, so `null` takes a setting out. A key on the way that is missing or
    null is made. Raises SettingsError for what is no assignment or leads through a plain value;
    whether a key is known is found out where the settings are validated.
    """
    for assignment in assignments:
        keys, value = _read(assignment)
        content = _with(content, keys, value, assignment)
    return content


def _read(assignment: str) -> tuple[list[str], Any]:
    path, equals, text = assignment.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise SettingsError(
            f"--set '{assignment}' is no assignment. Write --set KEY=VALUE, such as grpo.steps=5."
        )
    try:
        return keys, parse_yaml(text, "--set")
    except SettingsError:
        raise SettingsError(
            f"--set '{assignment}': '{text}' is not a YAML value. Quote it, or correct it."
        ) from None


def _with(content: Any, keys: list[str], value: Any, assignment: str) -> dict[str, Any]:
    if content is not None and not isinstance(content, Mapping):
        raise SettingsError(
            f"--set '{assignment}' leads through a plain value ({content!r}). Set a key that "
            "exists; --dry-run shows them all."
        )
    first, *rest = keys
    known = dict(content or {})
    known[first] = _with(known.get(first), rest, value, assignment) if rest else value
    return known
