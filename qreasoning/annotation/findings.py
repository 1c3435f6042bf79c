"""The file of a project's findings."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from qreasoning.checks.findings import Finding
from qreasoning.files import replacing, sha256_bytes, sha256_file

FINDINGS = "findings.parquet"


def write_findings(found: Sequence[Finding], folder: Path) -> bool:
    """Write `findings.parquet` (mode 600: it names people). Returns whether anything changed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.string()) for name in Finding.__dataclass_fields__])
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist([asdict(each) for each in found], schema=schema), buffer)
    content = buffer.getvalue().to_pybytes()
    path = folder / FINDINGS
    if path.is_file() and sha256_file(path) == sha256_bytes(content):
        return False
    with replacing(path, mode=0o600) as temporary:
        temporary.write_bytes(content)
    return True
