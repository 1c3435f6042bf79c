from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qreasoning.analysis.report import align_report
from qreasoning.workspace import Workspace

SIZES = [(1366, 768), (1600, 900), (390, 844)]


@pytest.mark.browser
def test_report_in_a_browser_without_network_shows_all_pictures_and_no_console_error(
    workspace: Workspace, small_report: Callable[..., Path], chromium: Any
) -> None:
    hostile = "</script><img src=x onerror=alert(1)><a href='//example.org'>"
    dataset = small_report(hostile, simulated=True)
    page_file = align_report(workspace, dataset=dataset, name="demo").folder / "index.html"
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
        assert page.get_by_role("table").count() == 2
        page.close()
    assert said == []
    assert {url.partition(":")[0] for url in requested} <= {"data", "file"}
