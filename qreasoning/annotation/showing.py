"""What a task on the server shows: a picture to everybody, or an item to one annotator alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import quote

from qreasoning.annotation.answers import Answer, write_results
from qreasoning.annotation.items import Item
from qreasoning.annotation.pictures import Picture, Pictures
from qreasoning.annotation.project import Project
from qreasoning.files import sha256_bytes


@dataclass(frozen=True)
class Showing:
    """A picture as one task shows it."""

    picture: Picture
    item: Item | None = None
    """In a blind project: what the task's opaque id means."""
    suggestion: Answer | None = None
    """What the form is filled in with beforehand."""

    @property
    def key(self) -> str:
        """What tells the task on the server: the picture's identity, or the opaque id."""
        return self.picture.image_id if self.item is None else self.item.id


def showings(
    project: Project, pictures: Pictures, suggestions: Mapping[str, Answer]
) -> list[Showing]:
    """What the project, or the desk of one of its annotators, shows, in order. `suggestions` are by
    image id."""
    if project.desk is None:
        return [Showing(each, None, suggestions.get(each.image_id)) for each in pictures.pictures]
    by_id = {each.image_id: each for each in pictures.pictures}
    return [
        Showing(by_id[image_id], item, suggestions.get(image_id))
        for item in project.desk.items
        if (image_id := item.unit.image_id) in by_id
    ]


def task(showing: Showing, address: str, model: str | None) -> dict[str, Any]:
    """The task to be imported; `model` is the name of the suggestions' author."""
    whole: dict[str, Any] = {"data": task_data(showing, address, showing.suggestion is not None)}
    if showing.suggestion is not None:
        result = write_results(showing.suggestion)
        whole["predictions"] = [{"model_version": model, "result": result}]
    return whole


def task_data(showing: Showing, address: str, prelabelled: bool) -> dict[str, Any]:
    """What the server, and with it every annotator, can read of the task. `prelabelled`, once true,
    has to stay so.

    Of an item that is the picture and an opaque id: neither its name, nor whether it is gold or
    repeated, nor who wrote what is judged.
    """
    data: dict[str, Any] = {"image": address}
    if showing.item is None:
        data |= {"image_id": showing.picture.image_id, "name": showing.picture.name}
    else:
        data["item"] = showing.item.id
        texts = [each.text for each in showing.item.unit.shown]
        names = ("text",) if len(texts) == 1 else ("text_a", "text_b")
        data |= dict(zip(names, texts, strict=False))
    if prelabelled:
        data["prelabelled"] = True
    return data


def served(project: Project, showing: Showing) -> str:
    """Where the embedded server shows the picture."""
    path = _original(showing.picture) if showing.item is None else f"items/{_file_name(showing)}"
    return f"/data/local-files/?d={quote(f'{project.slug}/{path}')}"


def upload_key(showing: Showing) -> str:
    """What an uploaded picture is called: the same for the same content, letters and digits."""
    shown = showing.key
    if showing.picture.prepared:
        shown = f"{shown}:{showing.picture.prepared}"
    return f"qr{sha256_bytes(shown.encode())[:24]}"


def link_items(project: Project, shown: Sequence[Showing]) -> None:
    """Put a link to each item's picture, under its opaque id, where the embedded server may reach
    it: the picture's own name would tell a repeat, and often its quality."""
    folder = project.served / "items"
    for each in shown:
        if each.item is not None:
            folder.mkdir(parents=True, exist_ok=True)
            link_to(folder / _file_name(each), project.served / _original(each.picture))


def link_to(link: Path, target: Path) -> None:
    """Make `link` point to `target`, whatever it was before; others may do so at the same time."""
    if link.is_symlink() and link.readlink() == target:
        return
    beside = link.with_name(f".{link.name}-{token_hex(8)}")
    beside.symlink_to(target)
    beside.replace(link)


def _original(picture: Picture) -> str:
    prepared = picture.prepared
    return f"originals/{picture.name}" if prepared is None else f"prepared/{prepared}"


def _file_name(showing: Showing) -> str:
    suffix = Path(showing.picture.prepared or showing.picture.name).suffix.lower()
    return f"{showing.key}{suffix}"
