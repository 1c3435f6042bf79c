"""Every command and snippet of README and docs: run where it can be, else checked to exist."""

import json
import re
import subprocess
import sys

import pytest
import yaml
from typer.main import get_command

from qreasoning.annotation.project_file import ProjectFile
from qreasoning.cli import app
from qreasoning.data.spec import BuildSpec
from qreasoning.dimensions import Dimensions

from .blocks import PAGES, ROOT, blocks_of, commands_of
from .conftest import shell

BLOCKS = [block for page in PAGES for block in blocks_of(page)]
SHELL = [block for block in BLOCKS if block.language == "bash"]
RUN = [block for block in SHELL if block.reason is None]
LANGUAGES = {"bash", "python", "yaml", "json", "text", "nginx"}
EAGER = {"--help", "--version", "--install-completion", "--show-completion"}


def named(blocks):
    return pytest.mark.parametrize("block", blocks, ids=str)


def check_exists(words):
    """Let the command line parse `words` without carrying them out; raises for what it lacks."""
    command, name, context = get_command(app), "qr", None
    while True:
        known = {option for each in command.params for option in each.opts} | {"--help"}
        if set(words) & EAGER:
            assert set(words) & EAGER <= known
            return
        context = command.make_context(name, list(words), parent=context)
        below = [*getattr(context, "_protected_args", ()), *context.args]
        if not hasattr(command, "commands") or not below:
            return
        name, command, words = command.resolve_command(context, below)


def test_every_block_says_its_language():
    assert {block.language for block in BLOCKS} <= LANGUAGES


@named(SHELL)
def test_every_qr_command_and_option_exists(block):
    for words in commands_of(block):
        check_exists(words)


@pytest.mark.parametrize("words", [["trian"], ["train", "--speed", "3"], ["annotate", "stat"]])
def test_what_does_not_exist_is_found(words):
    with pytest.raises(Exception, match=r"(?i)no such"):
        check_exists(words)


@named([block for block in SHELL if "make " in block.text])
def test_every_make_target_exists(block):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", block.text, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted({block.page for block in RUN}), ids=lambda page: page.name)
def test_commands_of_a_page_run_one_after_the_other(page, scratch, base):
    for block in (each for each in RUN if each.page == page):
        result = shell(block.text, scratch, base)
        said = f"{block}\n{result.stdout}\n{result.stderr}"
        assert result.returncode == 0, said
        assert "Traceback" not in result.stderr, said


@named([block for block in BLOCKS if block.language == "python"])
def test_python_snippets_run(block, tmp_path):
    compile(block.text, str(block), "exec")
    if block.reason is None:
        subprocess.run([sys.executable, "-c", block.text], cwd=tmp_path, check=True)


@named([block for block in BLOCKS if block.language == "yaml"])
def test_yaml_snippets_have_keys_that_exist(block):
    keys = set(yaml.safe_load(block.text))
    models = (ProjectFile, BuildSpec, Dimensions)
    assert any(keys <= set(model.model_fields) for model in models), keys


@named([block for block in BLOCKS if block.language == "json"])
def test_json_snippets_are_json(block):
    for line in block.text.splitlines():
        json.loads(line)


def test_readme_names_files_that_exist():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
