import stat

from pyarrow import parquet

from qreasoning.annotation.findings import FINDINGS, write_findings
from qreasoning.checks.findings import Finding


def test_write_findings_is_private_and_writes_only_changes(tmp_path):
    found = (Finding("1.png", "sha256:1", "a@x", "missing noise", "", "reject"),)
    assert write_findings(found, tmp_path) is True
    assert write_findings(found, tmp_path) is False
    path = tmp_path / FINDINGS
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (line,) = parquet.read_table(path).to_pylist()
    assert (line["annotator"], line["finding"], line["source_name"]) == (
        *("a@x", "missing noise"),
        None,
    )
    assert write_findings((), tmp_path) is True
    assert parquet.read_table(path).num_rows == 0
