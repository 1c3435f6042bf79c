"""Two people at work by keyboard alone, in a real Chromium: what they typed is what is pulled."""

import re
from random import Random

import pytest
from pyarrow import parquet

from qreasoning.annotation.client import tasks
from qreasoning.annotation.items import read_items

pytestmark = [pytest.mark.server, pytest.mark.browser]

SUBMIT = 'button[aria-label="Submit current annotation"]'
WORDS = (
    "red wall sharp noisy bright door flat tree clean edge shadow 清晰 größer «quoted» 5>4 & <b>"
)


def log_in(browser, running, synced, login):
    page = browser.new_context(viewport={"width": 1366, "height": 768}).new_page()
    page.goto(f"{running.server.url}projects/{synced.project_id}/data?labeling=1")
    page.fill("input[name=email]", login.email)
    page.fill("input[name=password]", login.password)
    page.click("button[type=submit]")
    return page


def listen(page):
    """A list that every response to the page is added to."""
    heard = []
    page.on("response", lambda response: heard.append(response))
    return heard


def wait_for_another(page, before):
    """Wait for another picture than `before` beside an empty form; the picture's address."""
    fresh = (
        "before => { const image = document.querySelector('.lsf-image img');"
        " const text = document.querySelector('textarea[name=caption]');"
        " return image && image.src && text && !text.value && image.src !== before; }"
    )
    page.wait_for_function(fresh, arg=before)
    page.wait_for_selector(".qr-overall .ant-rate")
    return page.evaluate("document.querySelector('.lsf-image img').src")


def tab_to(page, selector):
    """Press Tab until the focus is there."""
    for _ in range(120):
        if page.evaluate("name => document.activeElement?.matches(name) ?? false", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {selector}")


def answer_by_keyboard(page, dimensions, random, words=WORDS):
    ratings = {each.id: random.randint(1, 5) for each in dimensions.dimensions}
    overall = random.randint(1, 5)
    keys = {each.hotkey: ratings[each.id] for each in dimensions.dimensions}
    for key, stars in {**keys, "o": overall}.items():
        for _ in range(stars):
            page.keyboard.press(key)
    texts = {}
    for field in ("caption", "reasoning"):
        texts[field] = " ".join(random.choices(words.split(), k=12))
        tab_to(page, f"textarea[name={field}]")
        page.keyboard.type(texts[field])
    tab_to(page, SUBMIT)  # Ctrl+Enter does nothing inside a text field

    def is_submission(response):
        return response.request.method == "POST" and re.search(r"/annotations", response.url)

    with page.expect_response(is_submission) as answer:
        page.keyboard.press("Control+Enter")
    assert answer.value.status == 201
    task = int(re.search(r"/tasks/(\d+)/", answer.value.url).group(1))
    return task, (ratings, texts["caption"], texts["reasoning"], overall)


@pytest.mark.parametrize("count", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_two_annotators_by_keyboard_are_pulled_as_they_typed(running, chromium, dimensions, count):
    project = running.project(count=count, annotators=2)
    synced = running.sync(project)
    browser, random = chromium.context.browser, Random(count)
    pages = [log_in(browser, running, synced, login) for login in synced.logins]
    names = {
        each["id"]: each["data"]["name"]
        for each in tasks(running.server, synced.project_id, "id,data")
    }
    before = dict.fromkeys(synced.logins, "")
    typed = {}
    for _ in range(count):
        for login, page in zip(synced.logins, pages, strict=True):
            before[login] = wait_for_another(page, before[login])
            task, answer = answer_by_keyboard(page, dimensions, random)
            typed[names[task], login.email] = answer
    _, now = running.pull(project, synced)
    found = [row.annotation for row in now.rows]
    pulled = {
        (each.name, each.annotator): (each.ratings, each.caption, each.reasoning, each.overall)
        for each in found
    }
    assert pulled == typed
    assert len(found) == 2 * count
    assert all(each.seconds > 0 for each in found)


@pytest.mark.slow
def test_two_blind_annotators_see_nothing_of_each_other_and_are_merged(
    running, chromium, dimensions
):
    rows = ["name,field,low,high", "picture 04.png,overall,1,5"]
    (running.workspace.root / "browser-gold.csv").write_text("\n".join(rows))
    project = running.project(
        count=10,
        annotators=["anna", "ben"],
        blind=True,
        repeats={"share": 0.1, "distance": 3},
        gold="browser-gold.csv",
    )
    synced = running.sync(project)
    items = read_items(running.folder(project))
    browser, random = chromium.context.browser, Random(0)
    typed, pages, heard = {}, {}, {}
    for part in synced.parts:
        (login,) = (each for each in synced.logins if each.email == part.desk.person)
        page = pages[part.desk.label] = log_in(browser, running, part, login)
        heard[part.desk.label] = listen(page)
    item_of = {
        task["id"]: task["data"]["item"]
        for part in synced.parts
        for task in tasks(running.server, part.project_id, "id,data")
    }
    before = dict.fromkeys(pages, "")
    shown = {label: [] for label in pages}
    for _ in range(11):
        for part in synced.parts:
            label, page = part.desk.label, pages[part.desk.label]
            before[label] = wait_for_another(page, before[label])
            words = " ".join(f"{word}{label}" for word in ("red", "wall", "sharp", "noise", "edge"))
            there = page.content()
            other = "ben" if label == "anna" else "anna"
            told = ("browser-gold", "picture 0", f"sharp{other}", f" · {other}")
            assert not [each for each in told if each in there]
            assert not re.search("gold|repeat|sha256", page.inner_text("body"), re.IGNORECASE)
            task, answer = answer_by_keyboard(page, dimensions, random, words)
            typed[item_of[task]] = answer
            shown[label].append(item_of[task])
    for part in synced.parts:
        label = part.desk.label
        assert shown[label] == [item.id for item in items[part.desk.person]]
        other = "ben" if label == "anna" else "anna"
        said = [each.text() for each in heard[label] if "/api/tasks/" in each.url and each.ok]
        assert len(said) >= 11
        assert f"sharp{label}" in "".join(said)
        assert not [each for each in said if f"sharp{other}" in each or f"red{other}" in each]
    _, now = running.pull(project, synced)
    meant = {
        (item.unit.name, person): (typed[item.id], item.repeat)
        for person, mine in items.items()
        for item in sorted(mine, key=lambda each: not each.repeat)
    }
    found = [row.annotation for row in now.rows]
    assert len(found) == 20
    pulled = {
        (each.name, each.annotator): (each.ratings, each.caption, each.reasoning, each.overall)
        for each in found
    }
    assert pulled == {key: answer for key, (answer, repeat) in meant.items() if not repeat}
    assert {each.name for each in found if "gold" in each.labels} == {"picture 04.png"}
    again = parquet.read_table(running.folder(project) / "repeats.parquet").to_pylist()
    second = {
        (item.unit.name, person): typed[item.id][3]
        for person, mine in items.items()
        for item in mine
        if item.repeat
    }
    assert {(each["name"], each["annotator"]): each["overall_second"] for each in again} == second
    assert len(second) == 2
