import os

import pytest

from qreasoning.annotation.listing import chosen
from qreasoning.errors import DataError

SCORES = {"name": "s", "file": "scores.csv", "images": "pictures/p", "range": [0, 100]}


@pytest.fixture
def scored(study, write_project, paint):
    """A project of 20 pictures with a list of scores from 0 to 57."""
    paint(study.root / "pictures" / "p", 20)
    rows = [f"picture {number:02}.png,{3 * number}" for number in range(20)]
    (study.root / "scores.csv").write_text("\n".join(["image,mos", *rows]))

    def make(**settings):
        return write_project(study, "p", images=None, scores=SCORES, **settings)

    return make


def test_chosen_of_a_score_list_are_those_it_names(scored):
    project = scored()
    (project.pictures / "unlisted.png").write_bytes(b"")
    assert chosen(project, print) == [f"picture {number:02}.png" for number in range(20)]


def test_chosen_stratified_covers_the_tenths_and_names_the_empty_ones(scored):
    said = []
    taken = chosen(scored(sampling={"take": "stratified", "n": 6}), said.append)
    # 0 to 57 of 100 are 1 to 3.28: six tenths of the scale, one picture of each.
    assert sorted(3 * int(name[8:10]) // 10 for name in taken) == [0, 1, 2, 3, 4, 5]
    assert said == [
        "The sampling plan takes 6 of 20 pictures",
        "No picture has a MOS (on 1 to 5) from 3.4 to 3.8, 3.8 to 4.2, 4.2 to 4.6, 4.6 to 5.0",
    ]


def test_chosen_checks_only_what_the_sampling_plan_takes(scored):
    project = scored(sampling={"take": "random", "n": 5})
    taken = chosen(project, print)
    for path in project.pictures.iterdir():
        if path.name not in taken:
            path.unlink()
    assert chosen(project, print) == taken
    (project.pictures / taken[2]).unlink()
    with pytest.raises(DataError, match=rf"1 of the 5 pictures in .*scores\.csv .*{taken[2]}"):
        chosen(project, print)


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "sub/../../x.png"])
def test_chosen_of_a_name_outside_the_folder_is_refused(study, write_project, paint, name):
    paint(study.root / "pictures" / "p", 1)
    (study.root / "list.txt").write_text(f"{name}\n")
    with pytest.raises(DataError, match=r"which is outside .*Correct the list"):
        chosen(write_project(study, "p", manifest="list.txt"), print)


@pytest.mark.parametrize("name", [b"bad-\xff.png", b"two\nlines.png"])
def test_chosen_of_a_name_that_is_no_text_asks_to_rename_it(study, write_project, paint, name):
    folder = study.root / "pictures" / "p"
    path = paint(folder, 1)[0]
    path.rename(os.fsdecode(os.fsencode(folder) + b"/" + name))
    with pytest.raises(DataError, match=r"has a picture with the name '.*Rename it"):
        chosen(write_project(study, "p"), print)
