"""Mutation testing of the small modules that everything is measured with: `make mutants`.

Each module is changed in one place at a time in a scratch copy, and its own tests must notice. Ends
with 1 where fewer than `WANTED` of a module's mutants are killed. Survivors that are known, with
the reason why each is no fault, are in survivors.md.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WANTED = 0.85

MODULES = {
    "chain.py": ["tests/test_chain.py"],
    "metrics/rouge.py": ["tests/metrics/test_rouge.py", "tests/metrics/test_golden.py"],
    "metrics/correlation.py": ["tests/metrics/test_correlation.py", "tests/metrics/test_golden.py"],
    "metrics/agreement.py": ["tests/metrics/test_agreement.py", "tests/metrics/test_golden.py"],
    "training/rewards.py": ["tests/training/test_rewards.py"],
    "training/credit.py": ["tests/training/test_credit.py"],
}
"""Each module with the tests that are its own."""

# Few examples of each law: a mutant that only the hundredth example meets counts as survived.
CONFTEST = """\
from hypothesis import HealthCheck, settings

settings.register_profile(
    "mutants", max_examples=25, derandomize=True, database=None, deadline=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("mutants")
"""


def prepare(module: str, scratch: Path) -> None:
    """A copy of the project in which only `module` is going to be mutated."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    for folder in ("annotation", "training", "analysis", "data_cards", "tests", "qreasoning"):
        left_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, scratch / folder, ignore=left_out)
    (scratch / "conftest.py").write_text(CONFTEST)
    settings = {
        "source_paths": ["qreasoning"],
        "only_mutate": [f"qreasoning/{module}"],
        "also_copy": ["conftest.py", "annotation", "training", "analysis", "data_cards"],
        "pytest_add_cli_args_test_selection": MODULES[module],
        "pytest_add_cli_args": ["-k", "not semantic", "-p", "no:cacheprovider"],
        "use_git_change_detection": False,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    project = (ROOT / "pyproject.toml").read_text()
    (scratch / "pyproject.toml").write_text(project + "\n[tool.mutmut]\n" + "\n".join(lines) + "\n")


def mutmut(scratch: Path, *arguments: str) -> str:
    environ = {**os.environ, "PYTHONPATH": "", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "mutmut", *arguments]
    done = subprocess.run(command, cwd=scratch, env=environ, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"mutmut {' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def run(module: str, scratch: Path, children: int) -> tuple[int, dict[str, str]]:
    """How many mutants there were, and the difference of each that no test noticed."""
    prepare(module, scratch)
    mutmut(scratch, "run", "--max-children", str(children))
    ends = dict(re.findall(r"^\s*(\S+): (.+)$", mutmut(scratch, "results", "--all", "true"), re.M))
    alive = [name for name, end in ends.items() if end not in ("killed", "timeout", "segfault")]
    return len(ends), {name: f"{ends[name]}\n{mutmut(scratch, 'show', name)}" for name in alive}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", default=list(MODULES), help=", ".join(MODULES))
    parser.add_argument("--scratch", type=Path, default=Path("/tmp/qreasoning-mutants"))
    parser.add_argument("--children", type=int, default=2, help="processes at once")
    parser.add_argument("--show", action="store_true", help="print each survivor's difference")
    options = parser.parse_args()
    poor = False
    for module in options.modules:
        count, alive = run(module, options.scratch / module.replace("/", "-"), options.children)
        if options.show:
            print(*alive.values(), sep="\n")
        share = 1 - len(alive) / count
        poor |= share < WANTED
        print(f"{module}: {count - len(alive)} of {count} killed ({share:.1%})", flush=True)
    return int(poor)


if __name__ == "__main__":
    sys.exit(main())
