import json
import os
import shutil
from collections import namedtuple

import pytest

from qreasoning.doctor import examine
from qreasoning.doctor.machine import gpu, system

Usage = namedtuple("Usage", "total used free")


def checks_of(study, environ=None):
    found = examine(study.root, environ or {}, start=False, say=print)
    return {check.what: check for check in found}


def states(checks):
    return {check.what: check.state for check in checks.values()}


def test_doctor_of_a_fresh_study_finds_no_problem_and_says_so_in_json(qr, study):
    result = qr("doctor", "--json", cwd=study.root)
    checks = {each["what"]: each for each in json.loads(result.stdout)}
    assert result.returncode == 0
    assert checks["annotation/"]["found"] == "4 YAML files can be used"
    assert checks["training/"]["state"] == "ok"
    assert set(checks["python"]) == {"what", "state", "found", "remedy"}


def test_doctor_with_a_broken_file_ends_1_and_names_file_and_key(qr, study):
    path = study.root / "training" / "mine.yaml"
    path.write_text("extends: h-iqa\nlearning_speed: 3\n", encoding="utf-8")
    result = qr("doctor", "--quick", cwd=study.root)
    line = next(each for each in result.stdout.splitlines() if "training/mine.yaml" in each)
    assert result.returncode == 1
    assert line.startswith("problem  training/mine.yaml: ")
    assert "'learning_speed'" in line
    assert "Traceback" not in result.stderr


def test_doctor_outside_a_study_looks_at_the_machine_alone(qr, tmp_path):
    result = qr("doctor", "--json", cwd=tmp_path)
    checks = {each["what"]: each for each in json.loads(result.stdout)}
    assert result.returncode == 0
    assert checks["study"]["state"] == "note"
    assert "qr init" in checks["study"]["found"]
    assert "annotation/" not in checks


@pytest.mark.parametrize(
    ("folder", "text"),
    [
        ("annotation", "title: No\nimages: pictures\n"),
        ("annotation", "dimensions:\n  - id: A b\n"),
        ("annotation", "name: x\nprojets: []\n"),
        ("annotation", "- a list\n"),
        ("analysis", "colours: many\n"),
        ("data_cards", "unit: MOS\n"),
        ("training", "a: 1\n  b: 2\n"),
        ("training", "\x00"),
    ],
)
def test_each_kind_of_file_that_cannot_be_used_is_a_problem(study, folder, text):
    (study.root / folder / "mine.yaml").write_text(text, encoding="utf-8")
    found = checks_of(study)
    assert found[f"{folder}/mine.yaml"].state == "problem"
    assert folder + "/" not in found


def test_a_secret_that_others_may_read_is_a_problem_with_its_remedy(study):
    for name in ("pseudonym.key", "outputs/annotations/p/logins.csv"):
        path = study.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("secret", encoding="utf-8")
        path.chmod(0o600)
    assert checks_of(study)["secrets"].found == "2 files, for their owner alone"
    path.chmod(0o644)
    for folder in (study.root, *(each for each in path.parents if study.root in each.parents)):
        folder.chmod(0o755)
    found = checks_of(study)[name]
    assert (found.state, found.remedy) == ("problem", f"chmod 600 {name}")
    path.parent.chmod(0o700)
    assert "secrets" in checks_of(study)


def test_a_server_that_is_not_there_is_a_problem_with_its_address(study):
    environ = {"LABEL_STUDIO_URL": "http://127.0.0.1:9", "LABEL_STUDIO_API_KEY": "a" * 40}
    found = checks_of(study, environ)["Label Studio"]
    assert found.state == "problem"
    assert "There is no Label Studio server at http://127.0.0.1:9" in found.found


def test_half_a_server_setting_is_a_problem(study):
    found = checks_of(study, {"LABEL_STUDIO_URL": "http://127.0.0.1:9"})["Label Studio"]
    assert "LABEL_STUDIO_API_KEY is not set" in found.found


@pytest.mark.parametrize(("free", "state"), [(5e8, "problem"), (5e9, "note"), (5e11, "ok")])
def test_disk_is_judged_by_what_is_free(tmp_path, monkeypatch, free, state):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1e12, 1e12 - free, free))
    assert {each.state for each in system(tmp_path) if each.what == "disk"} == {state}


def test_a_part_that_fails_is_a_problem_and_ends_no_other(study, monkeypatch):
    def fails(_):
        raise ValueError("no such disk")

    monkeypatch.setattr(shutil, "disk_usage", fails)
    found = checks_of(study)
    assert found["machine"].state == "problem"
    assert "ValueError: no such disk" in found["machine"].found
    assert found["training/"].state == "ok"


def program(folder, text):
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_gpu_says_why_it_cannot_be_used(tmp_path, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    path = program(tmp_path, "echo 'NVIDIA H100, 81559 MiB'")
    monkeypatch.setattr(shutil, "which", lambda _: path)
    (check,) = gpu()
    assert check.state == "problem"
    assert "NVIDIA H100, 81559 MiB" in check.found
    program(tmp_path, "echo 'driver mismatch' >&2; exit 9")
    (check,) = gpu()
    assert (check.state, check.found) == ("problem", "nvidia-smi fails: driver mismatch")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    (check,) = gpu()
    assert check.state == "note"


def test_missing_extra_is_a_note_with_the_command(study, monkeypatch):
    monkeypatch.setattr(
        "qreasoning.doctor.machine.lacking", lambda extra: ["trl"] if extra == "train" else []
    )
    found = checks_of(study)["extra train"]
    assert (found.state, found.found) == ("note", "lacks trl")
    assert found.remedy == "pip install 'qreasoning[train]'"


def test_a_file_that_may_not_be_read_is_a_problem(study):
    if os.geteuid() == 0:
        path = study.root / "training" / "mine.yaml"
        path.symlink_to(path)  # root may read everything; a link to itself is read by nobody
    else:
        path = study.root / "training" / "mine.yaml"
        path.write_text("a: 1", encoding="utf-8")
        path.chmod(0)
    assert checks_of(study)["training/mine.yaml"].state == "problem"
