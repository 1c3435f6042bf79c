"""The file of a project's findings."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from qreasoning.annotation.derived import TABLE
from qreasoning.checks.contradictions import text_rule
from qreasoning.checks.findings import Finding
from qreasoning.files import read_manifest, replacing, sha256_bytes, sha256_file

FINDINGS = "findings.parquet"


def write_findings(found: Sequence[Finding], folder: Path) -> bool:
    """Write all findings (mode 600); returns whether anything changed.

    The file says which table and which version of the text rule it is about, so that a dataset
    knows whether it can take them over.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from qreasoning.arrow import table

    about = {"table": ((read_manifest(folder) or {}).get("files") or {}).get(TABLE, "")}
    about["text_rule"] = text_rule()
    schema = pa.schema([(name, pa.string()) for name in Finding.__dataclass_fields__], about)
    buffer = pa.BufferOutputStream()
    pq.write_table(table([asdict(each) for each in found], schema), buffer)
    content = buffer.getvalue().to_pybytes()
    path = folder / FINDINGS
    if path.is_file() and sha256_file(path) == sha256_bytes(content):
        return False
    with replacing(path, mode=0o600) as temporary:
        temporary.write_bytes(content)
    return True
