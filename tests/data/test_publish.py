import importlib.util
import io
import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from qreasoning.data.build import build_dataset
from qreasoning.data.publish import push
from qreasoning.errors import DataError, SettingsError
from qreasoning.files import read_manifest, sha256_bytes, write_json, write_manifest

# The tests' folders are no packages.
_spec = importlib.util.spec_from_file_location("hub", Path(__file__).with_name("hub.py"))
stand_in = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(stand_in)

SCRIPT = """
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from qreasoning.data.publish import push
from qreasoning.errors import QReasoningError

try:
    report = push(Path(sys.argv[1]), "lab/small", print)
    print(report.tag, report.new, dict(report.withheld), dict(report.answers_withheld))
except QReasoningError as error:
    print("Error:", error)
"""


@pytest.fixture
def hub():
    with stand_in.Hub() as hub:
        yield hub


@pytest.fixture
def version(workspace, spec, small_study):
    """A built version whose score set's pictures may be published, the project's may not."""
    folder = build_dataset(spec(projects=["konIQ"]), workspace).folder
    terms = {"scores": "ours", "pictures": "CC0-1.0"}
    return with_facts(
        folder,
        licences={
            "list": {**terms, "share_pictures": True},
            "konIQ": {**terms, "share_pictures": False},
        },
    )


def with_facts(folder, **facts):
    manifest = read_manifest(folder)
    del manifest["files"]
    write_manifest(folder, {**manifest, **facts})
    return folder


def published(folder, hub, token=stand_in.TOKEN, **environment):
    # In a process of its own: the library reads its address and off-line mode once.
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder)],
        env={
            **kept,
            "HF_ENDPOINT": hub.url,
            "HF_TOKEN": token,
            "HF_HOME": str(folder.parent / "hf"),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert stand_in.TOKEN not in done.stdout + done.stderr
    return done.stdout.strip().splitlines()


def test_push_makes_a_private_repository_one_commit_and_a_tag(version, hub):
    said = published(version, hub)
    assert said[-1] == "1.0.0 True {'konIQ': 1} {}"
    assert hub.created[0]["type"] == "dataset"
    assert hub.created[0]["visibility"] == "private"
    assert hub.messages == ["small 1.0.0"]
    assert hub.tags == {"1.0.0": 1}
    names = {path.relative_to(version).as_posix() for path in version.rglob("*") if path.is_file()}
    assert set(hub.commits[1]) == names


def test_push_keeps_pictures_back_that_no_licence_lets_go(version, hub):
    published(version, hub)
    there = hub.commits[1]
    rows = {
        row["name"]: row
        for name, content in there.items()
        if name.startswith("data/chains")
        for row in parquet.read_table(io.BytesIO(content)).to_pylist()
    }
    assert rows["extra.png"]["image"] is None
    assert rows["p0.png"]["image"]["bytes"].startswith(b"\x89PNG")
    manifest = json.loads(there["manifest.json"])
    assert manifest["pictures_withheld"] == {"konIQ": 1}
    assert "1 pictures of konIQ are not part of what is published" in there["README.md"].decode()
    assert b'"image": {"_type": "Image"}' in next(
        content for name, content in there.items() if name.startswith("data/chains")
    )
    # What was published vouches for itself, and has the content hash of what was built.
    assert {name: sha256_bytes(there[name]) for name in manifest["files"]} == manifest["files"]
    assert manifest["content_sha256"] == read_manifest(version)["content_sha256"]


def test_push_with_no_licence_at_all_publishes_no_picture(version, hub):
    said = published(with_facts(version, licences={}), hub)
    assert said[-1] == "1.0.0 True {'konIQ': 1, 'list': 9} {}"
    whole = b"".join(hub.commits[1].values())
    assert b"\x89PNG" not in whole


def test_push_again_changes_nothing_and_another_content_is_refused(version, hub):
    published(version, hub)
    assert published(version, hub)[-1] == "1.0.0 False {'konIQ': 1} {}"
    assert len(hub.commits) == 2
    other = with_facts(version, content_sha256="other")
    assert "another dataset under the tag 1.0.0" in published(other, hub)[-1]
    assert len(hub.commits) == 2


def test_push_of_the_next_version_removes_files_that_it_does_not_have(version, hub):
    published(version, hub)
    old = hub.commits[1]
    hub.commits[1] = {**old, "data/chains/train-00001-of-00002.parquet": b"", ".gitattributes": b""}
    following = with_facts(version, version="1.1.0")
    assert published(following, hub)[-1].startswith("1.1.0 True")
    assert set(hub.commits[2]) == {*old, ".gitattributes"}
    assert hub.tags == {"1.0.0": 1, "1.1.0": 2}


def test_push_that_broke_before_its_tag_is_finished_by_the_next(version, hub):
    hub.refused_tags = 1
    assert "The Hub refused lab/small" in published(version, hub)[-1]
    assert hub.tags == {}
    assert published(version, hub)[-1].startswith("1.0.0 True")
    assert hub.tags == {"1.0.0": len(hub.commits) - 1}


def test_push_with_a_wrong_token_or_without_network_is_one_sentence(version, hub):
    refused = published(version, hub, token="hf_wrong")
    assert refused[-1].startswith("Error: The Hub refused lab/small:")
    assert "hf auth login" in refused[-1]
    away = published(version, hub, HF_ENDPOINT="http://127.0.0.1:9")
    assert "The Hub at http://127.0.0.1:9 cannot be reached" in away[-1]
    assert hub.commits == [{}]


def test_push_of_a_changed_or_unfinished_version_is_refused(version):
    with pytest.raises(SettingsError, match="'small' is no repository"):
        push(version, "small", print)
    write_json(version / "extra.json", {})
    (version / "README.md").write_text("changed")
    with pytest.raises(DataError, match=r"README\.md is not what the manifest vouches for"):
        push(version, "lab/small", print)
    (version / "manifest.json").unlink()
    with pytest.raises(DataError, match="no complete version"):
        push(version, "lab/small", print)


LEFT = "I came home and thought of Aunt Mathilda"


def _published_rows(hub, commit=-1):
    return [
        row
        for name, content in hub.commits[commit].items()
        if name.endswith(".parquet")
        for row in parquet.read_table(io.BytesIO(content)).to_pylist()
    ]


@pytest.fixture
def left(workspace, spec, small_study, annotate):
    """A version of a study from which Bob took his answers back; Cleo began one and left it."""

    def answer(name, login, **changes):
        return (name, login, 3, {"caption": f"{LEFT} {login[:3]} {name}", **changes})

    own = {"caption": "Coloured dots of all sizes."}
    annotate(
        [
            ("p0.png", "ann@example.org", 2, own),
            ("p1.png", "ann@example.org", 4, {**own, "noise": None}),
            answer("p0.png", "bob@example.org", labels=["excluded"]),
            answer("p1.png", "bob@example.org", labels=["gold", "excluded"], noise=None),
            answer("p2.png", "cleo@example.org"),
            answer("p3.png", "bob@example.org", labels=["excluded"]),
        ]
    )
    folder = workspace.annotations / "konIQ"
    table = parquet.read_table(folder / "table.parquet")
    begun = table.slice(4).append_column("reason", pa.array(["draft", "skipped"]))
    parquet.write_table(table.slice(0, 4), folder / "table.parquet")
    parquet.write_table(begun, folder / "history.parquet")
    return build_dataset(spec(projects=["konIQ"]), workspace).folder


def test_push_keeps_back_answers_that_were_taken_back_or_never_given(left, hub):
    here = parquet.read_table(left / "quarantine.parquet").to_pylist()
    assert sum(LEFT in row["caption"] for row in here) == 4
    said = published(left, hub)
    assert "annotator excluded: 3 answers that were kept aside stay here" in said
    assert "never submitted: 1 answers that were kept aside stay here" in said
    rows = _published_rows(hub)
    assert LEFT not in json.dumps(rows, default=repr)
    assert not {row["annotator"] for row in here if LEFT in row["caption"]} & {
        row.get("annotator") for row in rows
    }
    # What else was kept aside goes along, and the card counts what does not.
    aside = parquet.read_table(io.BytesIO(hub.commits[1]["quarantine.parquet"]))
    assert [row["name"] for row in aside.to_pylist()] == ["p1.png"]
    assert aside.schema == parquet.read_schema(left / "quarantine.parquet")
    card = hub.commits[1]["README.md"].decode()
    assert "all but what is never published, 3 (annotator excluded), 1 (never submitted)" in card
    assert "| annotator excluded | 2 |" in card
    manifest = json.loads(hub.commits[1]["manifest.json"])
    assert manifest["answers_withheld"] == {"annotator excluded": 3, "never submitted": 1}
    there = hub.commits[1]
    assert {name: sha256_bytes(there[name]) for name in manifest["files"]} == manifest["files"]


def test_push_of_a_version_that_lets_excluded_annotators_in_is_refused(workspace, spec, left, hub):
    rules = {"severity": {"excluded": "warn"}, "alike": None}
    folder = build_dataset(spec(projects=["konIQ"], rules=rules), workspace).folder
    said = published(folder, hub)[-1]
    assert "holds 1 answers of annotators whom a project excludes" in said
    assert "severity: {excluded: reject}" in said
    assert hub.commits == [{}]


def test_published_croissant_has_the_day_of_the_push_and_its_own_hashes(version, hub, tmp_path):
    before = datetime.now(UTC).date()
    published(version, hub)
    assert "datePublished" not in json.loads((version / "croissant.json").read_text())
    for name, content in hub.commits[1].items():
        (tmp_path / "got" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "got" / name).write_bytes(content)
    described = json.loads((tmp_path / "got" / "croissant.json").read_text())
    assert before <= date.fromisoformat(described["datePublished"]) <= datetime.now(UTC).date()
    command = [str(Path(sys.executable).parent / "mlcroissant"), "validate", "--jsonld"]
    done = subprocess.run(
        [*command, str(tmp_path / "got" / "croissant.json")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Done" in done.stderr
    assert "datePublished" not in done.stderr
    files = [each for each in described["distribution"] if "sha256" in each]
    assert {each["@id"]: each["sha256"] for each in files} == {
        name: sha256_bytes(content)
        for name, content in hub.commits[1].items()
        if name.startswith("data/")
    }
