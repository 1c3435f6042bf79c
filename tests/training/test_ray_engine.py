"""Ray's workers write what one process writes; nothing is lost when one of them dies."""

import contextlib
import os
import signal
from pathlib import Path

import pytest

from qreasoning.errors import DataError, SettingsError
from qreasoning.simulation.photographs import draw_scenes, picture
from qreasoning.training.predict import predict

pytestmark = pytest.mark.slow

# Three shards of 16 pictures at most.
OPTIONS = {"max_new_tokens": 12, "batch_size": 1, "device": "cpu"}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ray") / "pictures"
    folder.mkdir()
    for number, scene in enumerate(draw_scenes(36, "test", 1)):
        side = (64, 96, 48)[number % 3]
        picture(scene).resize((side, side)).save(folder / f"{number:02d}.png")
    return folder


@pytest.fixture(scope="module")
def whole(base, pictures, tmp_path_factory):
    """The bytes that one process writes."""
    out = tmp_path_factory.mktemp("whole")
    return predict(base, pictures, out, **OPTIONS).path.read_bytes()


@pytest.fixture(scope="module", autouse=True)
def cluster():
    yield
    import ray

    ray.shutdown()


def workers():
    """The process ids of this cluster's workers that hold a model."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.read_bytes().startswith(b"ray::MapWorker"):
                found.append(int(path.parent.name))
    return found


class Stopped(Exception):
    pass


def test_ray_stopped_and_with_a_worker_killed_writes_the_bytes_of_one_process(
    base, pictures, whole, tmp_path
):
    said = []

    def stop(text):
        said.append(text)
        if text.endswith(" pictures"):
            raise Stopped

    with pytest.raises(Stopped):
        predict(base, pictures, tmp_path, engine="ray", workers=2, say=stop, **OPTIONS)
    assert said[0].startswith("Ray: 1 machine") or said == [said[-1]]
    (parts,) = tmp_path.glob("*/.*.parts")
    (finished,) = parts.glob("*.parquet")
    before = finished.stat().st_mtime_ns
    again = []

    def kill(text):
        again.append(text)
        if len(again) == 1:
            assert finished.stat().st_mtime_ns == before
            os.kill(workers()[0], signal.SIGKILL)

    report = predict(base, pictures, tmp_path, engine="ray", workers=1, say=kill, **OPTIONS)
    # What was finished is not answered again.
    left = 36 - int(said[-1].split()[0])
    assert again[-1] == f"{left} of {left} pictures"
    assert len(again) == 2
    assert report.path.read_bytes() == whole
    assert [each.name for each in report.path.parent.iterdir()] == [report.path.name]


def test_ray_error_of_a_worker_is_the_error_of_one_process(base, pictures, tmp_path, monkeypatch):
    from qreasoning.training import ray_engine

    answered = ray_engine.answered
    content = (pictures / "00.png").read_bytes()

    def changed(*given):
        # After they were looked through.
        (pictures / "00.png").write_bytes(content[::-1])
        return answered(*given)

    monkeypatch.setattr(ray_engine, "answered", changed)
    try:
        with pytest.raises(DataError, match=r"changed while they were read, 00\.png"):
            predict(base, pictures, tmp_path, engine="ray", workers=1, **OPTIONS)
    finally:
        (pictures / "00.png").write_bytes(content)


def test_ray_with_more_workers_than_room_is_refused(base, pictures, tmp_path):
    with pytest.raises(SettingsError, match=r"and 1000 workers are asked for"):
        predict(base, pictures, tmp_path, engine="ray", workers=1000, **OPTIONS)
