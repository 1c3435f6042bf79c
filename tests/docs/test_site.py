"""The built documentation, in a real browser."""

import subprocess
import sys

import pytest

from .blocks import ROOT

WIDTHS = (1366, 390)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        check=True,
    )
    return folder


@pytest.mark.browser
def test_no_page_asks_the_network_for_anything_or_scrolls_sideways(site, chromium):
    asked = []
    chromium.on("request", lambda request: asked.append(request.url))
    pages = sorted(each for each in site.glob("*.html") if each.name != "404.html")
    assert len(pages) == len(list((ROOT / "docs").glob("*.md")))
    for width in WIDTHS:
        chromium.set_viewport_size({"width": width, "height": 844})
        for page in pages:
            chromium.goto(page.as_uri())
            assert chromium.evaluate("document.documentElement.scrollWidth") <= width, page.name
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert any(url.endswith(".css") for url in asked)


@pytest.mark.browser
def test_every_picture_of_a_page_is_there_and_described(site, chromium):
    for name in ("report.html", "start.html"):
        chromium.goto((site / name).as_uri())
        pictures = chromium.locator("article img")
        assert pictures.count() >= 1
        for picture in pictures.all():
            assert picture.get_attribute("alt")
            assert picture.evaluate("each => each.naturalWidth") > 0
