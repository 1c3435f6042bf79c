"""What is looked at before a run: pictures that cannot be read are listed, never replaced."""

import pytest

from qreasoning.errors import DataError
from qreasoning.training.examples import read_examples
from qreasoning.training.preflight import check_pictures
from qreasoning.training.recipe import load_recipe
from qreasoning.training.run import train
from qreasoning.workspace import shipped


def test_train_lists_unreadable_pictures_before_anything_is_made(base, make_dataset, tmp_path):
    seen = iter(range(9))

    def cut(row):
        number = next(seen)
        content = row["image"]["bytes"]
        return {**row, "image": {"bytes": content[:200], "path": ""}} if number in (1, 3) else row

    dataset = make_dataset({"train": 9}, cut)
    recipe = load_recipe(shipped() / "training" / "tiny.yaml", [f"model={base}"])
    with pytest.raises(DataError) as error:
        train(recipe, dataset, tmp_path / "runs", device="cpu")
    first, *listed = str(error.value).splitlines()
    assert first == "2 pictures cannot be read, so nothing was begun:"
    names = [row.name for row in read_examples(dataset, "train").rows]
    assert [line.split()[0] for line in listed] == [names[1], names[3]]
    assert not (tmp_path / "runs").exists()


def test_check_pictures_that_can_be_read_says_nothing(make_dataset):
    check_pictures(read_examples(make_dataset({"train": 3}), "train").rows)
