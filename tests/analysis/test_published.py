from pathlib import Path

import pytest

from qreasoning.analysis.published import read_published
from qreasoning.errors import SettingsError
from qreasoning.workspace import shipped

SHIPPED = shipped() / "analysis" / "published.yaml"


def test_published_numbers_are_there_with_source_protocol_and_decoding() -> None:
    found = read_published(SHIPPED)
    by = {(each.system, each.condition): each.values for each in found.entries}
    # Li et al. 2025.
    assert by["H-IQA", "image"]["mean of seven sets"] == {"plcc": 0.836, "srcc": 0.832}
    assert by["H-IQA", "caption"]["koniq"] == {"plcc": 0.871, "srcc": 0.855}
    assert by["H-IQA's baseline (Q-Insight-Score)", "image"]["q-reasoning"] == {"rouge1": 0.443}
    # Wu et al. 2025: nine sets.
    assert len(by["VisualQuality-R1", "image"]) == 9
    assert by["VisualQuality-R1", "image"]["flive"] == {"srcc": 0.471}
    # As tabulated by MR-IQA-2: seven systems on six sets, both numbers each.
    table = [each for each in found.entries if each.source == "MR-IQA-2"]
    assert len(table) == 7 and {len(each.values) for each in table} == {6}
    assert all(set(v) == {"plcc", "srcc"} for each in table for v in each.values.values())
    assert by["MR-IQA-2", "image"]["csiq"] == {"plcc": 0.824, "srcc": 0.785}
    assert all(each.citation and each.protocol and each.decoding for each in found.sources.values())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "sources: {}\nentries: [{system: A, source: B, values: {koniq: {srcc: 0.5}}}]",
            "'B' is not",
        ),
        (
            "sources: {B: {citation: c, protocol: p, decoding: d}}\n"
            "entries: [{system: A, source: B, values: {koniq: {srcc: 92}}}]",
            "between -1 and 1",
        ),
    ],
)
def test_published_refuses_what_cannot_be_right(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "published.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=problem):
        read_published(path)
