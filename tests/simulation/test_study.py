"""The files of a simulated study."""

from pathlib import Path

from qreasoning.score_tables import read_scores
from qreasoning.scores import ScoreColumns, ScoreSet
from qreasoning.simulation.photographs import picture
from qreasoning.simulation.study import SCORES, write_pictures

COUNTS = {"train": 5, "validation": 2, "test": 3}


def test_write_pictures_writes_the_scenes_and_their_scores(tmp_path):
    from PIL import Image

    scenes = write_pictures(tmp_path, COUNTS, seed=4)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([SCORES, *(s.name for s in scenes)])
    for scene in scenes:
        with Image.open(tmp_path / scene.name) as image:
            assert image.tobytes() == picture(scene).tobytes()
    columns = ScoreColumns(mos_std="mos_std", split="split", reference="reference")
    listed = ScoreSet(name="s", file=Path(SCORES), columns=columns, range=(1, 5))
    assert [(s.name, s.mos, s.split, s.reference) for s in read_scores(listed, tmp_path)] == [
        (s.name, s.mos, s.split, s.region) for s in scenes
    ]


def test_write_pictures_everything_says_simulated(tmp_path):
    write_pictures(tmp_path, COUNTS, seed=4)
    assert all("simulated" in path.name for path in tmp_path.iterdir())


def test_write_pictures_same_seed_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_pictures(tmp_path / name, COUNTS, seed=1)
    contents = [
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in "ab"
    ]
    assert contents[0] == contents[1]
