import re
from pathlib import Path

import pandas as pd
import pytest

from qreasoning.benchmark_sets import (
    BENCHMARKS,
    describe,
    name_key,
    read_names,
    resolve,
)
from qreasoning.errors import DataError, SettingsError
from qreasoning.score_tables import read_scores
from qreasoning.scores import ScoreSet
from qreasoning.workspace import Workspace, make_study, shipped

SHIPPED = Workspace(shipped())
FOLDER = shipped() / "data_cards" / "benchmarks"


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_shipped_set_has_a_description_a_card_and_a_test_list(name):
    description = describe(SHIPPED, name)
    card = (FOLDER / description.card).read_text("utf-8")
    assert card.startswith(f"# {description.title}")
    for part in ("Mapping to [1, 5]", "Split", "Traps", "licence of the pictures", "where to get"):
        assert part in card
    assert set(description.layouts) == {"published", "manifest"}
    assert all(each.better and each.unit for each in description.layouts.values())
    assert not description.licence.share_pictures
    names = read_names(SHIPPED, description)
    if names.listed is not None:
        expected = {"koniq-10k": (2010, 1063), "pipal": (4640, 0)}[name]
        assert (len(names.listed), len(names.unlisted)) == expected


def test_every_shipped_file_belongs_to_a_set():
    assert {path.stem for path in FOLDER.iterdir()} == set(BENCHMARKS)


def test_names_of_koniq_tell_test_train_and_possibly_test():
    names = read_names(SHIPPED, describe(SHIPPED, "koniq-10k"))
    # Rows of the published lists: test, train, in neither.
    assert names.tests("10007357496.jpg")
    assert names.tests("512x384/10007357496.PNG")
    assert not names.tests("10004473376.jpg")
    assert not names.possibly("10004473376.jpg")
    assert names.possibly("10043785683.jpg")
    assert not names.tests("10043785683.jpg")


def test_names_of_a_set_that_is_all_test_are_all_test():
    assert read_names(SHIPPED, describe(SHIPPED, "spaq")).tests("anything.jpg")


def test_name_key_ignores_folder_suffix_and_case():
    assert name_key("dst_imgs/awgn/1600.AWGN.1.png") == name_key("1600.awgn.1.bmp")
    assert name_key("Images\\A.JPG") == "a"


LINES = {
    "koniq-10k": ("image_name,MOS,SD,MOS_zscore\n1.jpg,4.31,0.5,99\n", 5.0, None),
    "spaq": ("Image name,MOS,Brightness\n00001.jpg,49,1\n", 3.0, None),
    # (2 - 1) / (4.93 - 1) of the way from 1 to 5; the variance 0.25 is a deviation of 0.5
    "kadid-10k": (
        "dist_img,ref_img,dmos,var\nI01_01_01.png,I01.png,2,0.25\n",
        1 + 4 / 3.93,
        "I01.png",
    ),
    "pipal": ("A0006_00_00.bmp,1376.3496\n", 3.0, "A0006"),
    "live-w": ("image,mos,mos_std\nt.bmp,3.42,1\n", 1.0, None),
    "agiqa-3k": (
        'name,prompt,mos_quality,std_quality,mos_align\na.jpg,"a, b",0,0.1,4\n',
        1.0,
        None,
    ),
    # A DMOS of 0 is the best.
    "csiq": ("image,dmos\nawgn/1600.AWGN.1.png,0.25\n", 4.0, "1600"),
}


@pytest.mark.parametrize("name", BENCHMARKS)
def test_resolve_reads_the_authors_layout_of_every_set(name, tmp_path):
    text, mos, reference = LINES[name]
    (tmp_path / "list.csv").write_text(text)
    score_set = resolve(ScoreSet(name="s", set=name, file=Path("list.csv")), Workspace(tmp_path))
    [score] = read_scores(score_set, tmp_path)
    assert score.mos == pytest.approx(mos)
    assert score.reference == reference
    assert score_set.licence is not None
    if name == "kadid-10k":
        assert score.mos_raw_std == 0.5
        assert score.mos_std == pytest.approx(0.5 * 4 / 3.93)


def test_resolve_reads_the_manifest_layout(tmp_path):
    row = {"image": "I81_25_05.png", "mos": 4.93, "mos_std": 0.5, "split": "test"}
    pd.DataFrame([row]).to_parquet(tmp_path / "kadid.parquet")
    listed = ScoreSet(name="s", set="kadid-10k", layout="manifest", file=Path("kadid.parquet"))
    [score] = read_scores(resolve(listed, Workspace(tmp_path)), tmp_path)
    assert (score.mos, score.split, score.reference) == (5.0, "test", "I81")


def test_resolve_puts_what_the_study_says_first(tmp_path):
    own = ScoreSet.model_validate(
        {
            "name": "s",
            "set": "kadid-10k",
            "file": "x.csv",
            "columns": {"image": "picture", "mos": "q"},
            "range": [0, 10],
        }
    )
    found = resolve(own, Workspace(tmp_path))
    assert found.columns.image == "picture"
    assert found.bounds == (0, 10)
    # Of a file laid out in its own way, names still tell the reference where the set's names do.
    assert found.columns.mos_var is None


def test_resolve_of_an_unknown_set_or_layout_lists_those_there_are(tmp_path):
    unknown = ScoreSet(name="s", set="flive", file=Path("x.csv"))
    with pytest.raises(SettingsError, match=r"no public score set 'benchmarks/flive'.*koniq-10k"):
        resolve(unknown, SHIPPED)
    wrong = ScoreSet(name="s", set="csiq", layout="mine", file=Path("x.csv"))
    with pytest.raises(SettingsError, match=r"no layout 'mine'\. It has: published, manifest"):
        resolve(wrong, SHIPPED)


def test_a_study_carries_the_descriptions_and_may_correct_them(tmp_path):
    study = make_study(tmp_path / "study")
    path = study.root / "data_cards" / "benchmarks" / "csiq.yaml"
    path.write_text(re.sub("images: 866", "images: 865", path.read_text("utf-8")))
    assert describe(study, "csiq").images == 865
    path.write_text(path.read_text("utf-8").replace("name: csiq", "name: other"))
    with pytest.raises(SettingsError, match="names itself 'other'"):
        describe(study, "csiq")


def test_read_names_of_a_missing_or_other_list_says_which_file(tmp_path):
    study = make_study(tmp_path / "study")
    path = study.root / "data_cards" / "benchmarks" / "pipal.csv"
    path.write_text("name,part\n")
    with pytest.raises(DataError, match=r"pipal\.csv needs the columns image and split"):
        read_names(study, describe(study, "pipal"))
    path.unlink()
    with pytest.raises(DataError, match=r"pipal\.csv is missing"):
        read_names(study, describe(study, "pipal"))
