"""Texts, names and files of others: nothing in them is run, and nothing in them breaks a file."""

import ast
import csv
import importlib.util
import io
import os
import pickle
import re
import stat
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import qreasoning
from qreasoning import images
from qreasoning.annotation.client import Server
from qreasoning.annotation.timing import Times, write_times
from qreasoning.console import printable, show_table
from qreasoning.data.build import build_dataset
from qreasoning.data.export import export
from qreasoning.errors import DataError, SettingsError
from qreasoning.files import write_text
from qreasoning.html import render_page
from qreasoning.spreadsheets import literal
from qreasoning.workspace import slug

# The tests' folders are no packages.
_spec = importlib.util.spec_from_file_location(
    "data_fixtures", Path(__file__).parents[1] / "data" / "conftest.py"
)
_there = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_there)
workspace, draw, list_scores, annotate, small_study, spec = (
    *(_there.workspace, _there.draw, _there.list_scores),
    *(_there.annotate, _there.small_study, _there.spec),
)

HOSTILE = [
    "</td></table><script>alert(1)</script>",
    "<img src=x onerror=alert(1)> and more of it",
    "{{ 7 * 7 }} {% raw %} ${7*7} #{7}",
    '=HYPERLINK("https://example.org";"click")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1:A9)",
    "\t=1+1",
    "\r=1+1",
    "a|b\n---\n# heading `code` [link](javascript:alert(1))",
    "\x1b[2J\x1b]0;title\x07 \x9b31m bell\x07",
    "\u202eright to left\u202c \u2066 zero\u200b width",
    "nul \x00 inside",
    "half \ud800 of a pair",
    "---\nname: other\n---",
    "x" * 100_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:16]))
def test_terminal_gets_no_control_characters(text, capfd):
    shown = printable(text)
    assert all(each.isprintable() or each == "\n" for each in shown)
    show_table(text[:200], ["a"], [[text[:200]]])
    out = capfd.readouterr().out
    assert not set(out) & set("\x1b\x07\x00\x9b\u202e\r\t")


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:16]))
def test_page_shows_any_text_and_makes_no_element_of_it(text, tmp_path):
    template = tmp_path / "t.html.j2"
    template.write_text(
        '{% extends "page.html.j2" %}{% block body %}<p title="{{ text }}">{{ text }}</p>'
        "{% endblock %}"
    )
    page = render_page(template, title=text, subtitle=text, banner=text, text=text)
    page.encode()
    body = page.partition("<body")[2]
    assert not re.search(r"<(script|img)|onerror=alert[^&]*>.*<p", body)
    assert "49" not in body


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:16]))
def test_cell_is_text_to_a_spreadsheet(text):
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerow([literal(text), "next"])
    (row,) = csv.reader(io.StringIO(buffer.getvalue(), newline=""))
    assert row == [literal(text), "next"]
    assert row[0].removeprefix("'") == text
    assert row[0][:1] not in ("=", "+", "-", "@", "\t", "\r")


def test_times_of_a_hostile_name_are_text_in_a_private_file(tmp_path):
    times = Times("\t=1+1", 1, 0, 0, 0, 0.1, 0.1, 1.0, 0, "", "")
    path = write_times([times], tmp_path)
    assert list(csv.reader(path.open(newline="")))[1][0] == "'\t=1+1"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "name",
    [
        "../../x",
        "/etc/passwd",
        "con",
        "..",
        ".",
        "",
        "a/b\\c",
        "x" * 300,
        "nul\x00",
        "\x1b[2J",
        "ü/ß",
    ],
)
def test_slug_of_any_name_is_one_plain_part_of_a_path(name):
    found = slug(name)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", found)
    assert len(found) <= 120


def test_dataset_of_hostile_texts_is_built_and_exported_as_they_are(
    workspace, spec, small_study, annotate
):
    texts = [text for text in HOSTILE if "\ud800" not in text]
    answers = [
        ("p4.png", f"ann{place}@example.org", 3, {"caption": f"{text} a b c"})
        for place, text in enumerate(texts)
    ]
    annotate(answers)
    folder = build_dataset(spec(projects=["konIQ"]), workspace).folder
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\n") and card.count("\n---\n") == 1
    assert "<script" not in card and "\x1b" not in card
    export(folder, "csv", workspace.exports)
    found = set()
    for path in workspace.exports.rglob("annotations-*.csv"):
        csv.field_size_limit(10**7)
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert all(None not in row.values() and None not in row for row in rows)
        cells = [each for row in rows for each in row.values()]
        assert not [each for each in cells if each.startswith(("=", "+", "-", "@", "\t", "\r"))]
        found |= {row["caption"].removeprefix("'") for row in rows}
    assert found >= {f"{text} a b c" for text in texts}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../../secret.png", "outside"),
        ("/etc/passwd", "outside"),
        ("x" * 256 + ".png", "no file can be called"),
        ("a\0b.png", "no file can be called"),
        ("con", "is missing"),
    ],
)
def test_score_list_with_a_hostile_name_reads_nothing_elsewhere(
    workspace, spec, draw, list_scores, name, said
):
    draw("p0.png", 0)
    draw("secret.png", 1, folder=".")
    list_scores([("p0.png", 1, "train", ""), (name, 2, "train", "")])
    with pytest.raises(DataError, match=said):
        build_dataset(spec(), workspace)


def test_picture_over_the_limit_is_refused_before_it_is_decoded(monkeypatch):
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((40, 60), np.uint8)).save(buffer, "PNG")
    monkeypatch.setattr(images, "MAX_PIXELS", 2399)
    decoded = []
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: decoded.append(self))
    with warnings.catch_warnings(), pytest.raises(DataError, match="over the limit of 2,399"):
        warnings.simplefilter("error")
        images.decode(buffer.getvalue(), "big.png")
    assert decoded == []


SOURCES = sorted(Path(qreasoning.__file__).parent.rglob("*.py"))


def calls():
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield path, ast.unparse(node.func), node


def test_package_runs_no_code_of_others():
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"^\s*(import|from) (pickle|dill|joblib|marshal|shelve)\b", text, re.M)
    for path, name, node in calls():
        place = f"{path.name}, line {node.lineno}"
        given = {each.arg: ast.unparse(each.value) for each in node.keywords}
        assert name not in ("eval", "exec", "os.system", "torch.load", "compile"), place
        assert given.get("shell", "False") == "False", place
        assert given.get("trust_remote_code", "False") == "False", place
        assert given.get("allow_pickle", "False") == "False", place
        if name.startswith("yaml."):
            assert name in ("yaml.safe_dump", "yaml.load") or "Error" in name, place
        if name == "yaml.load":
            assert given["Loader"] in ("_Loader", "_QuickSafeLoader"), place


class Runs:
    """What runs a command when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_model_whose_weights_are_a_pickle_is_refused_and_not_run(tmp_path):
    from transformers import Qwen3VLConfig

    from qreasoning.training.model import load_model

    model = tmp_path / "model"
    Qwen3VLConfig().save_pretrained(model)
    (model / "pytorch_model.bin").write_bytes(pickle.dumps(Runs(tmp_path / "ran")))
    with pytest.raises(SettingsError, match="cannot be loaded"):
        load_model(str(model), "cpu")
    assert not (tmp_path / "ran").exists()


TOKEN = "sk-very-secret-0123456789"


@pytest.mark.parametrize("status", [200, 401, 500])
def test_token_is_in_no_error_and_on_no_command_line(qr, study, status):
    import http.server
    import threading

    seen = []

    class Echo(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.headers.get("Authorization"))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"<html>nothing here</html>")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        done = qr(
            *("annotate", "--project", "konIQ"),
            cwd=study.root,
            module=True,
            LABEL_STUDIO_URL=f"http://127.0.0.1:{server.server_port}/",
            LABEL_STUDIO_API_KEY=TOKEN,
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert done.returncode == 2
    assert TOKEN not in done.stdout + done.stderr
    assert not [
        path
        for path in study.root.rglob("*")
        if path.is_file() and TOKEN.encode() in path.read_bytes()
    ]


def test_key_is_in_no_representation():
    server = Server("http://127.0.0.1:9/", TOKEN, loopback=True)
    assert TOKEN not in repr(server) + str(server)


def test_secret_is_private_from_its_first_byte(tmp_path):
    script = """
import os, sys
from pathlib import Path
from qreasoning import files
os.umask(0)
with files.replacing(Path(sys.argv[1]), 0o600) as temporary:
    print(oct(temporary.stat().st_mode & 0o777))
"""
    command = [sys.executable, "-c", script, str(tmp_path / "secret")]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ}, check=True)
    assert done.stdout == "0o600\n"
    write_text(tmp_path / "secret", "x", mode=0o600)
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
