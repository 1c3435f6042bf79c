"""A person at work: a real Chromium on the real form."""

import pytest

pytestmark = [pytest.mark.server, pytest.mark.browser]

TEXTS = {
    "caption": "A <b>\"red\"</b> door & a 'blue' wall,\nseen at noon: 清晰 🌈",
    "reasoning": 'The edges are crisp, <i>but</i> the shadows\n\nare noisy "all over" 噪点 📷.',
    "brightness_note": '5 > 4 & 3 < 4 "so" 亮 ✨',
    "content_note": "<script>alert(1)</script>",
}
BY_KEY = {"b": ("brightness", 4), "c": ("contrast", 2), "f": ("colorfulness", 5)}
BY_MOUSE = {"sharpness": 3, "noise": 1, "artifacts": 5, "composition": 2, "content": 4}
VISIBLE = """names => names.filter(name => {
  const box = document.querySelector(name).getBoundingClientRect();
  const inside = box.width > 0 && box.height > 0 && box.top >= 0 && box.left >= 0
    && box.bottom <= window.innerHeight && box.right <= window.innerWidth;
  const on_top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  return !inside || !document.querySelector(name).contains(on_top);
})"""
SCROLLS = """name => {
  const element = document.querySelector(name);
  return element.scrollHeight > element.clientHeight;
}"""


def log_in(page, running, synced):
    login = synced.logins[0]
    page.goto(f"{running.server.url}projects/{synced.project_id}/data?labeling=1")
    page.fill("input[name=email]", login.email)
    page.fill("input[name=password]", login.password)
    page.click("button[type=submit]")
    page.wait_for_selector(".qr-overall .ant-rate")
    page.wait_for_selector(".lsf-image img", state="attached")


def fill_in(page):
    for key, (_, stars) in BY_KEY.items():
        for _ in range(stars):
            page.keyboard.press(key)
    for dimension, stars in BY_MOUSE.items():
        page.click(f".qr-{dimension} .ant-rate-star:nth-child({stars}) div[role=radio]")
    for name, text in TEXTS.items():
        page.click(f"[name={name}]")
        page.keyboard.type(text) if "\n" not in text else type_lines(page, text)
    page.click(".qr-overall .ant-rate-star:nth-child(4) div[role=radio]")


def type_lines(page, text):
    for number, line in enumerate(text.split("\n")):
        if number:
            page.keyboard.press("Enter")
        page.keyboard.type(line)


def controls(dimension_ids):
    rows = [f".qr-{name} .ant-rate" for name in (*dimension_ids, "overall")]
    fields = [f"input[name={name}_note]" for name in dimension_ids]
    return [
        *rows,
        *fields,
        "textarea[name=caption]",
        "textarea[name=reasoning]",
        'button[aria-label="Submit current annotation"]',
        ".qr-img",
    ]


def submit(page):
    def is_submission(response):
        return response.request.method == "POST" and "/annotations" in response.url

    with page.expect_response(is_submission) as answer:
        page.click('button[aria-label="Submit current annotation"]')
    assert answer.value.status == 201


def test_annotation_typed_in_a_browser_is_pulled_character_by_character(running, chromium):
    errors, outside = [], []
    chromium.on("pageerror", lambda error: errors.append(str(error)))
    chromium.on("console", lambda line: errors.append(line) if line.type == "error" else None)
    chromium.on("request", lambda request: outside.append(request.url))
    project = running.project(count=1, annotators=1)
    synced = running.sync(project)
    log_in(chromium, running, synced)
    fill_in(chromium)

    assert chromium.evaluate(VISIBLE, controls(project.dimensions.ids)) == []
    assert not chromium.evaluate(SCROLLS, ".qr-form")
    assert not chromium.evaluate(SCROLLS, "html")
    assert chromium.evaluate("document.querySelector('.lsf-image img').naturalWidth") == 48
    submit(chromium)

    _, now = running.pull(project, synced)
    (row,) = now.rows
    found = row.annotation
    notes = {each: TEXTS.get(f"{each}_note") for each in project.dimensions.ids}
    assert (found.caption, found.reasoning) == (TEXTS["caption"], TEXTS["reasoning"])
    assert found.notes == notes
    assert found.ratings == {**dict(BY_KEY.values()), **BY_MOUSE}
    assert (found.overall, found.annotator) == (4, synced.logins[0].email)
    assert found.seconds > 0
    assert row.findings == ()
    # Label Studio's log-in page asks for tips that its Community edition does not have.
    ours = [
        each for each in errors if "heidi-tips" not in getattr(each, "location", {}).get("url", "")
    ]
    assert ours == []
    local = (running.server.url, "data:", "blob:")
    assert [url for url in outside if not url.startswith(local)] == []


def test_annotation_with_a_missing_rating_is_not_submitted(running, chromium):
    project = running.project(count=1, annotators=1)
    synced = running.sync(project)
    log_in(chromium, running, synced)
    chromium.keyboard.press("b")
    chromium.fill("textarea[name=caption]", "A wall of noise in all colours.")
    chromium.click('button[aria-label="Submit current annotation"]')
    chromium.wait_for_selector("text=Contrast: give 1 to 5 stars")
    assert running.pull(project, synced)[1].rows == ()
