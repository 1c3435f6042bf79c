import importlib.util
import json
import subprocess
from pathlib import Path

import pytest

SPEC = importlib.util.spec_from_file_location("audit", Path(__file__).parents[2] / ".ci/audit.py")
audit = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(audit)

FINE = {"name": "a", "version": "1", "vulns": []}
SKIPPED = {"name": "b", "skip_reason": "not found"}
BAD = {"name": "c", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}


@pytest.mark.parametrize(
    ("dependencies", "code", "said"),
    [
        ([FINE, SKIPPED], 0, "1 pinned packages audited, 0 vulnerable"),
        ([FINE, BAD], 1, "c 2: CVE-1; fixed in 3"),
        ([SKIPPED], 0, "NOT audited"),
        (None, 0, "NOT audited"),
    ],
)
def test_audit_fails_on_a_vulnerable_version_and_says_where_it_could_not_look(
    monkeypatch, capsys, dependencies, code, said
):
    told = "" if dependencies is None else json.dumps({"dependencies": dependencies})
    done = subprocess.CompletedProcess([], 0, stdout=told, stderr="")
    monkeypatch.setattr(audit.subprocess, "run", lambda *_, **__: done)
    assert audit.main() == code
    assert said in capsys.readouterr().out
