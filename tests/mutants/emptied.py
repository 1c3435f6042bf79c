"""Whether any test passes without its subject: each public function of the small pure modules loses
its body in turn (it returns None), and at least one of the module's own tests must fail.

    python tests/mutants/emptied.py

Prints the functions that nothing notices; ends with 1 where there is one.
"""

import ast
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from run import CONFTEST, MODULES, ROOT

MORE = {
    **{
        f"{name}.py": [f"tests/test_{name}.py"]
        for name in (
            *("dimensions", "files", "fingerprints", "html", "images", "records", "score_tables"),
            *("scores", "scripts", "settings", "workspace"),
        )
    },
    **{
        f"metrics/{name}.py": [f"tests/metrics/test_{name}.py"]
        for name in ("bootstrap", "ceiling", "icc", "observers", "ranking")
    },
    **{
        f"data/{name}.py": [f"tests/data/test_{name}.py"]
        for name in ("hashes", "hashing", "known", "splits", "version")
    },
    **{
        f"checks/{name}.py": [f"tests/checks/test_{name}.py"]
        for name in ("copies", "near_copies", "wordpairs")
    },
    "metrics/bags.py": ["tests/metrics/test_rouge.py"],
    "metrics/claims/compare.py": ["tests/metrics/claims/test_compare.py"],
    "spreadsheets.py": ["tests/faults/test_hostile_text.py"],
    "analysis/formats.py": ["tests/analysis/test_drawing.py"],
    "training/signs.py": ["tests/training/test_signs.py"],
}


def public_functions(source: str) -> list[ast.FunctionDef]:
    """Functions and methods without an underscore, properties included."""
    tree = ast.parse(source)
    places = [tree, *(each for each in tree.body if isinstance(each, ast.ClassDef))]
    return [
        each
        for place in places
        for each in place.body
        if isinstance(each, ast.FunctionDef) and not each.name.startswith("_")
    ]


def emptied(source: str, function: ast.FunctionDef) -> str:
    """The module with a function that does nothing."""
    lines = source.splitlines(keepends=True)
    first = function.body[0]
    indent = " " * first.col_offset
    return "".join(
        [*lines[: first.lineno - 1], f"{indent}return None\n", *lines[function.end_lineno :]]
    )


def passes(folder: Path, tests: list[str]) -> bool:
    environ = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(
        [*command, "-k", "not semantic"], cwd=folder, env=environ, capture_output=True
    )
    return done.returncode == 0


def main() -> int:
    unnoticed, count = [], 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for each in ("annotation", "training", "analysis", "data_cards", "tests", "qreasoning"):
            shutil.copytree(ROOT / each, folder / each)
        shutil.copy(ROOT / "pyproject.toml", folder)
        (folder / "conftest.py").write_text(CONFTEST)
        for module, tests in {**MODULES, **MORE}.items():
            path = folder / "qreasoning" / module
            source = path.read_text(encoding="utf-8")
            assert passes(folder, tests), f"the tests of {module} do not pass as they are"
            for function in public_functions(source):
                path.write_text(emptied(source, function), encoding="utf-8")
                count += 1
                if passes(folder, tests):
                    unnoticed.append(f"{module}: {function.name}")
            path.write_text(source, encoding="utf-8")
    print(f"{count - len(unnoticed)} of {count} functions are missed by a test when they are empty")
    print(*unnoticed, sep="\n")
    return int(bool(unnoticed))


if __name__ == "__main__":
    sys.exit(main())
