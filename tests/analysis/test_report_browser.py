import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from axe_playwright_python.sync_playwright import Axe
from pyarrow import parquet

from qreasoning.analysis.report import align_report
from qreasoning.workspace import Workspace

SIZES = [(1366, 768), (1600, 900), (390, 844)]
HOSTILE = "It is sharp. </script><img src=x onerror=alert(1)><a href='//example.org'>"


def _judge(workspace: Workspace, dataset: Path) -> None:
    path = next((dataset / "data" / "chains").glob("*.parquet"))
    rows = [
        {"image_id": row["image_id"], "judge": f"{judge}@x.org", "question": "rate"}
        | {"author": author, "caption": HOSTILE, "reasoning": author, "opponent": None}
        | {"won": None, "labels": [], "correctness": 2 + place, "completeness": 3, "likeness": 4}
        for row in parquet.read_table(path, columns=["image_id"]).to_pylist()
        for judge in ("ann", "bob")
        for place, author in enumerate(("model:after/x", "model:before/x", "human:carl@x.org"))
    ]
    folder = workspace.annotations / "judging"
    folder.mkdir(parents=True)
    parquet.write_table(pa.Table.from_pylist(rows), folder / "judgements.parquet")


@pytest.mark.browser
def test_report_in_a_browser_without_network_shows_all_pictures_and_no_console_error(
    workspace: Workspace, small_report: Callable[..., Path], chromium: Any
) -> None:
    dataset = small_report(HOSTILE, simulated=True)
    _judge(workspace, dataset)
    page_file = align_report(workspace, dataset=dataset, name="demo").folder / "index.html"
    assert "x.org" not in page_file.read_text()
    context = chromium.context.browser.new_context(offline=True)
    said: list[str] = []
    requested: list[str] = []
    context.on("console", lambda message: said.append(message.text))
    context.on("weberror", lambda error: said.append(str(error.error)))
    context.on("request", lambda asked: requested.append(asked.url))
    for width, height in SIZES:
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": height})
        page.goto(page_file.as_uri())
        drawn = page.evaluate("[...document.images].map(each => each.naturalWidth)")
        # Two plots per model and a gallery of twelve.
        assert len(drawn) == 4 + 12 and min(drawn) > 0
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.get_by_role("note").first.inner_text().startswith("SIMULATED.")
        assert page.get_by_role("heading", level=2).count() == 8
        assert page.get_by_role("table", name="Claim F1 per model").count() == 1
        page.close()
    assert said == []
    assert {url.partition(":")[0] for url in requested} <= {"data", "file"}


@pytest.mark.browser
@pytest.mark.parametrize("width", [1366, 390])
def test_report_has_no_accessibility_violation(
    workspace: Workspace, small_report: Callable[..., Path], chromium: Any, width: int
) -> None:
    dataset = small_report("It is very sharp, but the colours are dull.")
    _judge(workspace, dataset)
    page_file = align_report(workspace, dataset=dataset, name="demo").folder / "index.html"
    page = chromium.context.browser.new_page(
        viewport={"width": width, "height": 900}, bypass_csp=True
    )
    page.goto(page_file.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    found = Axe().run(page).response
    assert len(found["violations"]) == 0, json.dumps(found["violations"], indent=1)[:4000]
    page.close()
