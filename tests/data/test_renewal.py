"""A version made from what is remembered of the one before is what a whole build makes."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qreasoning.data import partition, taking
from qreasoning.data.build import build_dataset
from qreasoning.data.renewal import Renewal
from qreasoning.data.spec import BuildSpec
from qreasoning.files import read_manifest
from qreasoning.workspace import Workspace

NAMES = [f"p{number}.png" for number in range(40)]
PEOPLE = ["ann@example.org", "bob@example.org", "cy@example.org"]
WORDS = "quiet amber river stone lantern meadow copper violin harbour maple".split()  # noqa: SIM905
SPEC = BuildSpec.model_validate(
    {
        "name": "small",
        "projects": ["konIQ"],
        "pictures": "none",
        "rules": {"alike": 0.5},
        "score_sets": [{"name": "list", "file": "scores.csv", "range": [0, 100]}],
    }
)

Key = tuple[str, str]
Answers = dict[Key, dict[str, Any]]


def _answer(draw: random.Random, moment: int) -> dict[str, Any]:
    # A few words and a few sentences: near copies are frequent, and sources come and go.
    sentence = draw.sample(WORDS, 8)
    number = draw.randrange(30)
    return {
        "overall": draw.choice([1, 2, 3, 4, 5, None]),
        "sharpness": draw.choice([4, 4, 4, 9]),
        "caption": f"seen {number} {' '.join(sentence[:2])}",
        "reasoning": " ".join(f"{word}{number}" for word in sentence),
        "created": f"2026-01-01T00:{moment:04}",
        "updated": f"2026-01-01T00:{moment:04}",
        "noise_note": draw.choice([None, "ask me@example.com"]),
        "labels": draw.choice([[], [], ["excluded"]]),
    }


def _edited(draw: random.Random, answers: Answers, moment: int) -> Answers:
    changed = dict(answers)
    for key in draw.sample(sorted(answers), 3):
        draw.choice([changed.pop, lambda key: changed.update({key: _answer(draw, moment)})])(key)
    # Some come late with an early time, as after a pull from another server.
    for key in [(draw.choice(NAMES), draw.choice(PEOPLE)) for _ in range(5)]:
        changed.setdefault(key, _answer(draw, draw.choice([0, moment])))
    return changed


@pytest.mark.parametrize("seed", [0, 1])
def test_renewed_version_has_the_bytes_of_one_that_is_built_as_a_whole(
    seed: int,
    workspace: Workspace,
    list_scores: Callable[..., Path],
    annotate: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(partition, "ROWS", 16)  # several shards
    renewed = []
    shard = Renewal.shard
    monkeypatch.setattr(Renewal, "shard", lambda *args: renewed.append(1) or shard(*args))
    draw = random.Random(seed)
    answers: Answers = {
        (name, who): _answer(draw, place)
        for place, (name, who) in enumerate((name, who) for name in NAMES[:30] for who in PEOPLE)
    }
    scores = {name: draw.randrange(100) for name in NAMES[:35]}
    for moment in range(100, 103):
        list_scores([(name, mos, "", "") for name, mos in scores.items()])
        annotate(
            [
                (name, who, 3, {**changes, "image_id": f"name:list/{name}"})
                for (name, who), changes in answers.items()
            ]
        )
        made = build_dataset(SPEC, workspace)
        whole = _built_as_a_whole(workspace, monkeypatch)
        assert _content(made.folder) == whole
        assert len(renewed) >= (moment - 100) * 2
        answers = _edited(draw, answers, moment)
        if moment == 101:  # the list is the same once, and is other once
            scores |= {draw.choice(NAMES): draw.randrange(100) for _ in range(2)}
    assert made.version.startswith("1.") and read_manifest(made.folder)["shards"] >= 4  # type: ignore[index]


def _built_as_a_whole(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What a build from nothing holds: its splits are those of a hash, so they are the same."""
    elsewhere = workspace.root / "elsewhere"
    shutil.copytree(
        workspace.root, elsewhere, ignore=shutil.ignore_patterns("elsewhere", "datasets")
    )
    with monkeypatch.context() as patch:
        patch.setattr(taking, "recall", lambda *_: None)
        content = _content(build_dataset(SPEC, Workspace(elsewhere)).folder)
    shutil.rmtree(elsewhere)
    return content


def _content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.parquet")
    } | {"content": read_manifest(folder)["content_sha256"].encode()}  # type: ignore[index]
