"""The import rules themselves are checked by `make check`; here, that they name every module."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
RULES = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ABOVE, STAGES, _ = RULES["tool"]["importlinter"]["contracts"]
MAY_IMPORT_ALL = {"cli", "commands", "demo", "doctor", "__main__", "__init__"}


def test_every_module_is_named_by_a_rule_or_may_import_all():
    package = ROOT / "qreasoning"
    found = {
        path.stem
        for path in package.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    named = {name.partition(".")[2] for name in (*ABOVE["source_modules"], *STAGES["modules"])}
    assert named == found - MAY_IMPORT_ALL
