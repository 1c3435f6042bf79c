"""Settings files: YAML read safely into a pydantic model; errors name file, key and remedy."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from qreasoning.errors import SettingsError


class Settings(BaseModel):
    """Base of every settings model: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Model = TypeVar("Model", bound=BaseModel)


DEEPEST = 100
"""Brackets within brackets in a settings file."""


class _Loader(yaml.SafeLoader):
    """Safe loading that refuses a key given twice; plain YAML keeps the last without a word."""

    def fetch_flow_collection_start(self, token: type[yaml.Token]) -> None:
        # The scanner's work grows with the square of the depth.
        if self.flow_level >= DEEPEST:
            problem = f"brackets are nested more than {DEEPEST} deep"
            raise yaml.scanner.ScannerError(None, None, problem, self.get_mark())
        super().fetch_flow_collection_start(token)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                problem = f"the key '{key.value}' is given twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else None)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError, TypeError, OverflowError):
            # What YAML takes for a date or number and Python does not: 2001-13-45, an empty !!int.
            kind = node.tag.rpartition(":")[2]
            problem = f"{str(node.value)[:40]!r} is no {kind}"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from None


def load(path: Path, model: type[Model]) -> Model:
    """Read the YAML file at `path` as `model`. Raises SettingsError naming the file and the key."""
    return validate(read_yaml(path), model, path)


def read_yaml(path: Path) -> Any:
    """The content of a YAML file. Raises SettingsError where it is missing or not YAML."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsError(f"{path} is missing. Create it, or give the path of another.") from None
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{path} is not UTF-8 (byte {error.start}). Save it as UTF-8."
        ) from None
    return parse_yaml(text, path)


def parse_yaml(text: str, path: Path | str) -> Any:
    """What a YAML text says. Raises SettingsError, which calls it `path`, where it is none."""
    try:
        # _Loader is a SafeLoader: it builds plain values only.
        return yaml.load(text, Loader=_Loader)  # noqa: S506
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}, line {mark.line + 1}" if mark else str(path)
        problem = getattr(error, "problem", None) or str(error)
        raise SettingsError(f"{place}: {problem}. Correct the YAML there.") from None
    except (RecursionError, ValueError, TypeError, OverflowError) as error:
        # Nested too deeply, a character that does not exist, a set that is a list.
        raise SettingsError(f"{path} is no plain YAML ({error}). Correct it.") from None


def validate(content: Any, model: type[Model], source: Path | str) -> Model:
    """`content` as `model`; a SettingsError names `source`, the keys and what is wrong."""
    if not isinstance(content, dict):
        raise SettingsError(f"{source} holds no settings. Write 'key: value' lines into it.")
    try:
        return model.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(_problem(each, model) for each in error.errors()[:3])
        more = f" (and {error.error_count() - 3} more)" if error.error_count() > 3 else ""
        raise SettingsError(f"{source}: {problems}{more}.") from None


def _problem(error: Any, model: type[BaseModel]) -> str:
    place = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        known = ", ".join(model.model_fields) if len(error["loc"]) == 1 else "those it documents"
        return f"unknown key '{place}', remove it or correct its name (known: {known})"
    if error["type"] == "missing":
        return f"the key '{place}' is missing, add it"
    message = error["msg"].removeprefix("Value error, ")
    return f"'{place}': {message}" if place else message
