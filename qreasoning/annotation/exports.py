"""Answers from an existing Label Studio export (JSON, any version since 1.0), as lines of our log.

Old versions say `completions` for annotations and give times as seconds; names differ with every
form. The project file's `importing` maps names; what it does not map is kept and shows as unknown.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from qreasoning.annotation.accounts import addresses
from qreasoning.annotation.answers import TEXT_FIELDS
from qreasoning.annotation.matching import Matcher
from qreasoning.annotation.pictures import Pictures
from qreasoning.annotation.project import Project
from qreasoning.errors import DataError, SettingsError
from qreasoning.files import sha256_bytes

PLACE = "import"
"""What stands in the log instead of a server."""


def read_export(path: Path, project: Project, pictures: Pictures) -> list[dict[str, Any]]:
    """Every answer of an export as a line of the log (see `log`), with `origin: import`.

    An answer to a picture that the project does not have is kept without an `image_id`. Raises
    DataError where the file is no such export, or none of its pictures or none of its fields is
    one of the project's, and SettingsError for a mapping of a field that the form does not have.
    """
    names = _names(project)
    matcher = Matcher(pictures)
    states, fields = [], set()
    for task, answers in _tasks(path):
        address = _address(task, project.file.importing.image)
        picture = matcher.find(task["data"], address)
        for answer in answers:
            fields |= {str(each.get("from_name")) for each in answer["result"]}
            states.append(
                {
                    "place": PLACE,
                    "id": _id(answer, address),
                    "task_id": task["id"] if isinstance(task.get("id"), int) else None,
                    "image_id": None if picture is None else picture.image_id,
                    "name": address if picture is None else picture.name,
                    "annotator": _annotator(answer.get("completed_by"), project),
                    "annotation": _annotation(answer, names),
                    "seen": datetime.now(UTC).isoformat(timespec="seconds"),
                    "form_version": "imported",
                    "guidelines_version": None,
                    "origin": "import",
                }
            )
    _refuse_strangers(path, project, states, fields, names)
    return states


def _names(project: Project) -> dict[str, str]:
    """Our field names by those of the export."""
    ids = project.dimensions.ids
    ours = [*ids, "overall", *(f"{each}_note" for each in ids), *TEXT_FIELDS]
    mapped = project.file.importing.fields
    unknown = next((name for name in mapped if name not in ours), None)
    if unknown is not None:
        raise SettingsError(
            f"{project.path}: importing.fields maps '{unknown}', which the form does not have. "
            f"It has {', '.join(ours)}."
        )
    return {mapped.get(name, name): name for name in ours}


def _tasks(path: Path) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """The tasks of the file, each with its answers."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise DataError(f"The export {path} is missing. Correct its path.") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON ({error}). Export again, as JSON.") from None
    for number, task in enumerate(content if isinstance(content, list) else [content], start=1):
        answers = None
        if isinstance(task, dict) and isinstance(task.get("data"), dict):
            answers = task.get("annotations", task.get("completions"))
        if not isinstance(answers, list) or not all(map(_is_answer, answers)):
            raise DataError(
                f"{path}: entry {number} is no task with annotations. "
                "Export from Label Studio as JSON (not JSON-MIN)."
            )
        yield task, answers


def _is_answer(each: Any) -> bool:
    results = each.get("result") if isinstance(each, dict) else None
    return isinstance(results, list) and all(isinstance(item, dict) for item in results)


def _address(task: Mapping[str, Any], key: str) -> str:
    # Half of a surrogate pair, which JSON can name and no file of text can hold, becomes "?".
    return str(task["data"].get(key, "")).encode("utf-8", "replace").decode()


def _id(answer: Mapping[str, Any], address: str) -> str:
    # Numbers begin at 1 on every server, so they count only together with the picture.
    unique = answer.get("unique_id")
    return str(unique) if unique else f"{answer.get('id')}@{sha256_bytes(address.encode())[:12]}"


def _annotator(by: Any, project: Project) -> str:
    account = by if isinstance(by, dict) else {"id": by} if isinstance(by, int) else {"email": by}
    number, email = str(account.get("id", "")), str(account.get("email") or "").lower()
    known = project.file.importing.annotators
    mapped = known.get(number) or known.get(email)
    if mapped is not None:
        return addresses(project.name, [mapped.lower()])[0]
    return email or (f"export-user-{number}" if number else "nobody")


def _annotation(answer: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    created = _time(answer.get("created_at"))
    return {
        **answer,
        "result": [_renamed(each, names) for each in answer["result"]],
        "was_cancelled": bool(answer.get("was_cancelled") or answer.get("skipped")),
        "ground_truth": bool(answer.get("ground_truth")),
        "lead_time": answer.get("lead_time"),
        "created_at": created,
        "updated_at": _time(answer.get("updated_at")) or created,
    }


def _time(value: Any) -> str | None:
    """A time as servers of today write it; old ones gave seconds since 1970. None for no time."""
    try:
        if isinstance(value, (int, float)):
            moment = datetime.fromtimestamp(value, UTC)
        else:
            moment = datetime.fromisoformat(str(value))
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        text = moment.astimezone(UTC).isoformat(timespec="microseconds")
    except (ValueError, OverflowError, OSError):
        return None
    return text.replace("+00:00", "Z")


def _renamed(item: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    ours = names.get(str(item.get("from_name")))
    if ours is None:
        return dict(item)
    value = item.get("value")
    is_text = ours in TEXT_FIELDS or ours.endswith("_note")
    return {**item, "from_name": ours, "value": value if is_text else _stars(value)}


def _stars(value: Any) -> Any:
    """A rating given as a number, a choice or a text, as stars; anything else as it is."""
    if not isinstance(value, dict) or "rating" in value:
        return value
    given = next((value[key] for key in ("number", "choices", "text") if key in value), None)
    given = given[0] if isinstance(given, list) and len(given) == 1 else given
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    text = str(given).strip()
    return {"rating": int(text)} if text.isdecimal() and len(text) < 4 else value


def _refuse_strangers(
    path: Path,
    project: Project,
    states: Sequence[Mapping[str, Any]],
    fields: set[str],
    names: Mapping[str, str],
) -> None:
    if not states:
        raise DataError(f"{path} holds no annotations. Export a project that has some.")
    if all(state["image_id"] is None for state in states):
        raise DataError(
            f"{path}: none of its pictures is one of the project's; the first is "
            f"'{states[0]['name']}'. Name the key of a task's data that holds the picture under "
            f"importing.image in {project.path}, or correct 'images'."
        )
    if not fields & names.keys():
        raise DataError(
            f"{path}: none of its fields ({', '.join(sorted(fields)[:8])}) is one of the form's. "
            f"Map them under importing.fields in {project.path}."
        )
