"""How the lexicon reads the texts it was developed with: floors under which it may not fall."""

import json
from pathlib import Path

from qreasoning.metrics.claims import compare, stances
from qreasoning.simulation.annotators import answer
from qreasoning.simulation.photographs import draw_scenes
from qreasoning.simulation.words import DIMENSION_OF

DATA = Path(__file__).parents[3] / "benchmarks" / "claims"


def _rows(pattern: str) -> list[dict]:
    paths = sorted(DATA.glob(pattern))
    assert paths
    return [json.loads(line) for path in paths for line in path.read_text("utf-8").splitlines()]


def test_triples_are_mostly_decided_and_decided_rightly() -> None:
    right = wrong = 0
    rows = _rows("triples_part*.jsonl")
    for row in rows:
        good = compare(row["paraphrase"], row["reference"]).score
        bad = compare(row["contradiction"], row["reference"]).score
        right += good > bad
        wrong += good < bad
    assert right + wrong >= 0.8 * len(rows)
    assert right >= 0.88 * (right + wrong)


def test_labels_of_free_texts_are_read_with_polarity() -> None:
    hits = found = labelled = 0
    for row in _rows("texts_part*.jsonl"):
        said = {key: each.polarity for key, each in stances(row["text"]).items()}
        said.pop("overall", None)
        hits += sum(row["labels"].get(key) == value for key, value in said.items())
        found += len(said)
        labelled += len(row["labels"])
    assert 2 * hits / (found + labelled) >= 0.78


def test_simulated_answers_name_the_dimension_that_is_spoiled() -> None:
    spoiled = [scene for scene in draw_scenes(60, "train", seed=0) if scene.distortion != "clean"]
    for scene in spoiled:
        written = answer(scene, 1, seed=0)
        said = stances(f"{written.caption} {written.reasoning}")
        assert said[DIMENSION_OF[scene.distortion]].polarity == -1
