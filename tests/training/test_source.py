"""Pictures from a folder, a list, a dataset version and tar files, any part of them at a time."""

import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qreasoning.errors import DataError
from qreasoning.images import identity
from qreasoning.records import chains_schema
from qreasoning.simulation.photographs import draw_scenes, picture
from qreasoning.training.source import Source, look_through, windows


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, scene in enumerate(draw_scenes(11, "test", 1)):
        picture(scene).save(folder / f"{number:02d}.png")
    return folder


def as_list(folder):
    path = folder.parent / "chosen.txt"
    names = sorted(each.name for each in folder.iterdir())
    path.write_text("".join(f"pictures/{name}\n" for name in names) + "\n")
    return path


def as_tars(folder):
    tars = folder.parent / "tars"
    tars.mkdir()
    paths = sorted(folder.iterdir())
    for number, some in enumerate((paths[:4], paths[4:])):
        with tarfile.open(tars / f"{number}.tar", "w") as tar:
            for path in some:
                tar.add(path, arcname=path.name)
                # As in tar shards of web data sets: what belongs to a picture lies beside it.
                text = folder.parent / f"{path.stem}.json"
                text.write_text("{}")
                tar.add(text, arcname=text.name)
    return tars


def as_dataset(folder):
    data = folder.parent / "sets" / "1.0.0"
    (data / "data" / "chains").mkdir(parents=True)
    rows = [
        {
            **dict.fromkeys(chains_schema().names),
            "image_id": identity(path.read_bytes()),
            "name": path.name,
            "image": {"bytes": path.read_bytes(), "path": path.name},
        }
        for path in sorted(folder.iterdir())
    ]
    for number, some in enumerate((rows[:7], rows[7:])):
        table = pa.Table.from_pylist(some, schema=chains_schema())
        path = data / "data" / "chains" / f"test-{number:05d}.parquet"
        pq.write_table(table, path, row_group_size=3)
    return data


@pytest.mark.parametrize("make", [lambda folder: folder, as_list, as_tars, as_dataset])
@pytest.mark.parametrize("span", [(0, 11), (0, 4), (3, 8), (6, 7), (7, 11), (10, 11)])
def test_source_rows_are_any_part_of_the_pictures(folder, make, span):
    contents = [path.read_bytes() for path in sorted(folder.iterdir())]
    source = Source(make(folder), "test")
    assert source.count == 11
    rows = list(source.rows(*span))
    assert [row.content for row in rows] == contents[slice(*span)]
    assert [row.image_id for row in rows] == [identity(each) for each in contents[slice(*span)]]


def test_source_names_of_pictures_in_tars_name_the_tar(folder):
    rows = list(Source(as_tars(folder), "test").rows(3, 5))
    assert [row.name for row in rows] == ["0.tar/03.png", "1.tar/04.png"]
    one = Source(folder.parent / "tars" / "1.tar", "test")
    assert (one.name, one.count) == ("1.tar", 7)


def test_look_through_makes_shards_of_four_windows_of_four_batches(folder):
    source = Source(folder, "test")
    shards = look_through(source, 1)
    assert [(each.start, each.stop, len(each.windows)) for each in shards] == [(0, 11, 3)]
    (shard,) = shards
    assert [len(window) for window in windows(source, shard, 1)] == [4, 4, 3]


def test_windows_of_pictures_that_changed_are_an_error(folder):
    shards = look_through(Source(folder, "test"), 1)
    (folder / "05.png").write_bytes((folder / "04.png").read_bytes())
    read = windows(Source(folder, "test"), shards[0], 1)
    assert len(next(read)) == 4
    with pytest.raises(DataError, match=r"changed while they were read, 04\.png"):
        next(read)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("list.txt", b"missing.png\n", "missing.png is not there"),
        ("list.txt", b"\xff\xfe", "is no list of pictures"),
        ("list.txt", b"\n", "holds no pictures"),
        ("broken.tar", b"x" * 2000, "cannot be read as a tar file"),
        ("empty.tar", b"\0" * 10240, "holds no pictures"),
    ],
)
def test_source_that_cannot_be_read_is_an_error(tmp_path, name, content, says):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=says):
        look_through(Source(path, "test"), 4)
