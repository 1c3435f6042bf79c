"""Make docs/images/report-*.png again, from the report of a finished demo:

python docs/screenshots.py outputs/demo/outputs/reports/demo/index.html
"""

import os
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).parent / "images"


def shoot(page: Page, section: str, first: str | None, after: str | None, name: str) -> None:
    """Save a section of the report, or its part from one heading up to the next that is named."""
    box = page.locator(f"section[aria-labelledby={section}]").bounding_box()
    top, bottom = box["y"], box["y"] + box["height"]
    if first:
        top = page.locator(f"section[aria-labelledby={section}] h3", has_text=first).bounding_box()[
            "y"
        ]
    if after:
        bottom = page.locator(
            f"section[aria-labelledby={section}] h3", has_text=after
        ).bounding_box()["y"]
    clip = {"x": box["x"] - 8, "y": top - 8, "width": box["width"] + 16, "height": bottom - top}
    path = IMAGES / f"report-{name}.png"
    page.screenshot(path=path, full_page=True, clip=clip)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(64).save(path, optimize=True)


def main() -> None:
    """Shoot what the page on reading a report shows."""
    with sync_playwright() as playwright:
        path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1180, "height": 900})
        page.goto(Path(sys.argv[1]).resolve().as_uri())
        shoot(page, "summary", None, None, "summary")
        shoot(page, "text", "ROUGE-1 F", "Their parts", "rouge")
        shoot(page, "text", "Contradiction rate", "ROUGE-1 F", "contradictions")
        shoot(page, "signatures", None, "How the completions", "signatures")
        browser.close()


if __name__ == "__main__":
    main()
