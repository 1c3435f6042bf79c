"""Mistakes a user can make, through the command itself: one message naming place and remedy, exit
code 2, and nothing half-written."""

import resource
import signal
import subprocess
import sys

import numpy as np
import pytest
import yaml
from PIL import Image

from qreasoning.files import write_manifest

DIMENSIONS = "annotation/dimensions.yaml"
NOWHERE = {"LABEL_STUDIO_URL": "http://127.0.0.1:9/", "LABEL_STUDIO_API_KEY": "key"}


def snapshot(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def edit(path, change):
    content = yaml.safe_load(path.read_text("utf-8"))
    change(content)
    path.write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")


@pytest.fixture
def refused(qr, study):
    """Run a command in the study; check that it fails as a user error and changes no file."""

    def run(*arguments, **environment):
        before = snapshot(study.root)
        result = qr(*arguments, cwd=study.root, **environment)
        assert result.returncode == 2, result.stderr
        assert "Traceback" not in result.stderr
        message = result.stderr.strip().splitlines()[-1]
        assert message.startswith("Error: ")
        assert message.count(". ") <= 2
        assert snapshot(study.root) == before
        return message

    return run


@pytest.fixture
def pictures(study):
    """Three pictures where konIQ's are expected."""
    folder = study.root / "pictures" / "konIQ"
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for name in ("a.png", "b.png", "c.png"):
        pixels = random.integers(0, 256, (40, 60, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return folder


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("annotate", "--project", "nope", "--once"), "no project 'nope' in"),
        (("annotate",), "Add --project"),
        (("annotate", "pull", "--project", "konIQ"), "qr annotate --project konIQ"),
        (("annotate", "backup", "--project", "konIQ"), "nothing to save yet"),
        (("annotate", "import", "--project", "konIQ", "nope.json"), "database.mmsp-kn.de"),
        (("annotate", "--project", "konIQ", "--once", "--watch"), "Give one of them"),
        (("train", "nope"), "no recipe 'nope' in"),
        (("build-dataset", "--spec", "nope"), "no dataset specification 'nope'"),
        (("build-dataset",), "qr annotate --project konIQ"),
        (("train", "tiny"), "qr build-dataset"),
        (("predict",), "qr build-dataset"),
        (("align-report",), "qr build-dataset"),
    ],
)
def test_command_before_its_input_is_there_names_the_remedy(refused, command, said):
    assert said in refused(*command)


def test_command_outside_a_study_says_how_to_make_one(qr, tmp_path):
    result = qr("build-dataset", cwd=tmp_path)
    assert result.returncode == 2
    assert "qr init" in result.stderr


def test_annotate_of_koniq_without_pictures_says_where_they_are_to_be_had(refused):
    message = refused("annotate", "--project", "konIQ", "--once")
    assert "database.mmsp-kn.de" in message
    assert "images" in message
    assert "konIQ.yaml" in message


def test_annotate_with_a_truncated_picture_names_it(refused, pictures):
    content = (pictures / "b.png").read_bytes()
    (pictures / "b.png").write_bytes(content[: len(content) // 2])
    assert "b.png" in refused("annotate", "--project", "konIQ", "--once")


def test_annotate_with_an_unknown_key_names_file_and_key(refused, study):
    edit(study.root / "annotation/konIQ.yaml", lambda content: content.update(anotators=3))
    message = refused("annotate", "--project", "konIQ", "--once")
    assert "konIQ.yaml" in message
    assert "'anotators'" in message


def test_annotate_with_nine_dimensions_is_refused(refused, study, pictures):
    ninth = {"id": "glare", "label": "Glare", "hint": "h", "hotkey": "g", "low": "l", "high": "h"}
    edit(study.root / DIMENSIONS, lambda content: content["dimensions"].append(ninth))
    assert "there are 9 dimensions" in refused("annotate", "--project", "konIQ", "--once")


def test_annotate_with_a_server_that_is_not_there_names_its_address(refused, pictures):
    message = refused("annotate", "--project", "konIQ", **NOWHERE)
    assert "http://127.0.0.1:9/" in message
    assert "LABEL_STUDIO_URL" in message


def test_annotate_with_half_of_the_server_settings_names_the_other(refused, pictures):
    message = refused("annotate", "--project", "konIQ", LABEL_STUDIO_URL="http://127.0.0.1:9/")
    assert "LABEL_STUDIO_API_KEY" in message


def test_train_with_an_unknown_key_names_file_and_key(refused, study):
    edit(study.root / "training/tiny.yaml", lambda content: content["grpo"].update(betta=0.1))
    message = refused("train", "tiny")
    assert "tiny.yaml" in message
    assert "'grpo.betta'" in message


def test_predict_with_an_unknown_model_says_where_it_was_looked_for(refused, study, pictures):
    message = refused("predict", "--model", "nobody/nothing", "--images", pictures)
    assert "nobody/nothing" in message


def test_predict_for_a_missing_folder_names_it(refused):
    assert "none-here" in refused("predict", "--model", "x/y", "--images", "none-here")


def test_align_report_without_predictions_says_how_to_make_them(refused, study):
    folder = study.datasets / "mine" / "1.0.0"
    folder.mkdir(parents=True)
    write_manifest(folder, {"simulated": True})
    assert "qr predict" in refused("align-report")


def test_build_dataset_on_a_full_disk_says_so_and_leaves_nothing(study, pictures):
    def change(content):
        content["projects"] = []
        content["score_sets"] = [
            {"name": "s", "file": "s.csv", "images": "pictures/konIQ", "range": [1, 5]}
        ]

    edit(study.root / "annotation/dataset.yaml", change)
    (study.root / "s.csv").write_text("image,mos\na.png,3\nb.png,4\nc.png,2\n")
    before = snapshot(study.root)

    def small_files():
        # A write beyond the limit fails as on a full disk instead of ending the process.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    command = [sys.executable, "-B", "-m", "qreasoning", "build-dataset"]
    full = subprocess.run(
        command, cwd=study.root, preexec_fn=small_files, capture_output=True, text=True
    )
    assert full.returncode == 2, full.stderr
    assert "could not be written: the file would be larger than is allowed" in full.stderr
    after = snapshot(study.root)
    after.pop("pseudonym.key", None)
    assert after == before
    assert subprocess.run(command, cwd=study.root).returncode == 0
