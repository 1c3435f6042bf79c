"""A filled-in form: Label Studio's `result` list read into an Answer, and an Answer written as one.

The server checks nothing (a rating of 99, unknown names and an empty list are all accepted), so
reading is where an answer is first looked at. Nothing is raised: what cannot be used is listed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TEXT_FIELDS = ("caption", "reasoning")

VERSION_FIELD = "guidelines_version"
"""A hidden field of the form: what the annotator was told."""

FORM_FIELD = "form_version"
"""A hidden field of the form: which form it is. A page that was opened before the form was edited
submits the old one."""

HIDDEN = (VERSION_FIELD, FORM_FIELD)


@dataclass(frozen=True)
class Answer:
    """What one person put into the form. Ratings are 1 to 5, or None where none was given."""

    ratings: Mapping[str, int | None]
    notes: Mapping[str, str | None]
    caption: str
    reasoning: str
    overall: int | None


@dataclass(frozen=True)
class Reading:
    """An answer as it could be read, and what could not be: `unknown …`, `repeated …`, …"""

    answer: Answer
    problems: tuple[str, ...]
    guidelines_version: str | None = None
    """What the form said with the answer; None for answers that were not given in the form."""
    form_version: str | None = None
    """Likewise."""


def read_results(results: Sequence[Any], dimension_ids: Sequence[str]) -> Reading:
    """Read a result list: any order, absent fields are None (texts: empty), the last of a repeated
    field counts. Text is taken over character by character.
    """
    rating_names = (*dimension_ids, "overall")
    text_names = (*(f"{each}_note" for each in dimension_ids), *TEXT_FIELDS)
    values: dict[str, Any] = {}
    problems: list[str] = []
    for item in results:
        name = item.get("from_name") if isinstance(item, dict) else None
        if name not in rating_names and name not in text_names and name not in HIDDEN:
            problems.append(f"unknown field {str(name)[:60]!r}")
            continue
        if name in values:
            problems.append(f"repeated {name}")
        values[name] = item.get("value")
    stars = {each: _rating(each, values[each], problems) for each in rating_names if each in values}
    texts = {each: _text(each, values[each], problems) for each in text_names if each in values}
    answer = Answer(
        ratings={each: stars.get(each) for each in dimension_ids},
        notes={each: texts.get(f"{each}_note") for each in dimension_ids},
        caption=texts.get("caption") or "",
        reasoning=texts.get("reasoning") or "",
        overall=stars.get("overall"),
    )
    said = {each: _text(each, values[each], problems) for each in HIDDEN if each in values}
    return Reading(answer, tuple(problems), said.get(VERSION_FIELD), said.get(FORM_FIELD))


def write_results(answer: Answer) -> list[dict[str, Any]]:
    """The result list of an answer as the form would send it; absent fields are left out."""
    ratings = {**answer.ratings, "overall": answer.overall}
    notes = {f"{each}_note": note for each, note in answer.notes.items()}
    texts = {**notes, "caption": answer.caption or None, "reasoning": answer.reasoning or None}
    return [
        *(_item(name, "rating", stars) for name, stars in ratings.items() if stars is not None),
        *(_item(name, "textarea", [text]) for name, text in texts.items() if text is not None),
    ]


def _item(name: str, kind: str, value: Any) -> dict[str, Any]:
    key = "rating" if kind == "rating" else "text"
    return {
        "id": f"qr_{name}",
        "from_name": name,
        "to_name": "image",
        "type": kind,
        "origin": "manual",
        "value": {key: value},
    }


def _rating(name: str, value: Any, problems: list[str]) -> int | None:
    stars = value.get("rating") if isinstance(value, dict) else None
    if isinstance(stars, int) and not isinstance(stars, bool) and 1 <= stars <= 5:
        return stars
    problems.append(f"{name} is no rating from 1 to 5 ({str(stars)[:20]})")
    return None


def _text(name: str, value: Any, problems: list[str]) -> str | None:
    parts = value.get("text") if isinstance(value, dict) else None
    parts = [parts] if isinstance(parts, str) else parts
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        problems.append(f"{name} is no text")
        return None
    text = "\n".join(parts)
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which no file of text can hold
        problems.append(f"{name} holds characters that are no text")
        return text.encode("utf-8", "replace").decode()
    return text
