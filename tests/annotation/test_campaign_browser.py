"""Answers that a model began, and judges at work: a real Chromium on the real forms."""

import pyarrow as pa
import pytest
from pyarrow import parquet

from qreasoning.annotation.client import tasks
from qreasoning.annotation.collected import Collected
from qreasoning.annotation.items import read_items
from qreasoning.records import predictions_schema

pytestmark = [pytest.mark.server, pytest.mark.browser]

SUBMIT = 'button[aria-label="Submit current annotation"]'
HOSTILE = 'A <b>"red"</b> wall & $image, says {}. <script>alert(1)</script>'


def write_predictions(running, name, pictures, caption):
    rows = [
        {
            "image_id": each.image_id,
            "name": each.name,
            "condition": "image",
            "caption": caption,
            "reasoning": "Strong noise hides the texture, so it is poor.",
            "rating": 2.4,
        }
        for each in pictures.pictures
    ]
    path = running.workspace.predictions / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.Table.from_pylist(rows, schema=predictions_schema()), path)


def open_form(page, running, part, login, ready):
    page.goto(f"{running.server.url}projects/{part.project_id}/data?labeling=1")
    page.fill("input[name=email]", login.email)
    page.fill("input[name=password]", login.password)
    page.click("button[type=submit]")
    page.wait_for_selector(ready)
    page.wait_for_selector(".lsf-image img", state="attached")


def submit(page):
    def is_submission(response):
        return response.request.method == "POST" and "/annotations" in response.url

    with page.expect_response(is_submission) as answer:
        page.click(SUBMIT)
    assert answer.value.status == 201


def stars(page, name, count):
    page.click(f".qr-{name} .ant-rate-star:nth-child({count}) div[role=radio]")


def test_prelabelled_form_is_filled_in_and_the_answer_is_marked_for_ever(running, chromium):
    project = running.project(count=1, annotators=1, prelabel="m/p-test")
    caption = HOSTILE.format("m")
    write_predictions(running, "m/p-test", running.pictures(project), caption)
    synced = running.sync(project)
    open_form(chromium, running, synced, synced.logins[0], ".qr-overall .ant-rate")
    filled = "[...document.querySelectorAll('textarea')].map(each => each.value).join().includes"
    chromium.wait_for_function(filled + "('Strong noise hides')")
    for dimension in project.dimensions.ids:
        stars(chromium, dimension, 4)
    submit(chromium)
    (row,) = running.pull(project, synced)[1].rows
    found = row.annotation
    assert (found.caption, found.overall, found.prelabelled) == (caption, 2, True)
    assert set(found.ratings.values()) == {4}
    assert row.findings == ()

    # Also where the prediction, the setting and the tie to it are gone.
    (task,) = tasks(running.server, synced.project_id, "id,data,annotations,result")
    answer = task["annotations"][0]
    running.server.send("DELETE", f"api/annotations/{answer['id']}/")
    body = {"result": answer["result"], "lead_time": 9.0}
    running.server.send("POST", f"api/tasks/{task['id']}/annotations/", body)
    (row,) = running.pull(project, synced)[1].rows
    assert row.annotation.prelabelled is True


@pytest.mark.parametrize("question", ["rate", "choose"])
def test_judge_sees_texts_without_authors_and_is_pulled_as_clicked(running, chromium, question):
    models = ["alphamodel/j-test", "betamodel/j-test"]
    project = running.project(
        count=2,
        kind="judge",
        annotators=["jo"],
        annotators_per_image=1,
        judge={"question": question, "predictions": models},
    )
    pictures = running.pictures(project)
    for name in models:
        write_predictions(running, name, pictures, HOSTILE.format("somebody"))
    synced = running.sync(project)
    (part,) = synced.parts
    ready = ".qr-likeness .ant-rate" if question == "rate" else ".qr-preferred input"
    open_form(chromium, running, part, synced.logins[0], ready)
    text = chromium.inner_text(".qr-form")
    assert HOSTILE.format("somebody") in text
    assert text.count("Strong noise hides the texture") == (1 if question == "rate" else 2)
    assert not [
        name for name in ("alphamodel", "betamodel", "model:") if name in chromium.content()
    ]
    assert chromium.evaluate("document.querySelectorAll('.qr-form script').length") == 0
    for task in tasks(running.server, part.project_id, "id,data"):
        assert not [
            name for name in ("alphamodel", "betamodel", "sha256", "picture 0") if name in str(task)
        ]
    items = read_items(running.folder(project))[part.desk.person]
    if question == "rate":
        for count, name in enumerate(("correctness", "completeness", "likeness"), start=2):
            stars(chromium, name, count)
    else:
        chromium.keyboard.press("2")
    submit(chromium)
    Collected(project, running.folder(project)).pull(running.server, synced)
    rows = parquet.read_table(running.folder(project) / "judgements.parquet").to_pylist()
    first = items[0].unit
    assert {row["image_id"] for row in rows} == {first.image_id}
    assert [row["findings"] for row in rows] == [[]] * len(rows)
    if question == "rate":
        (row,) = rows
        assert row["author"] == first.shown[0].author
        assert (row["correctness"], row["completeness"], row["likeness"]) == (2, 3, 4)
        assert row["reasoning"] == "Strong noise hides the texture, so it is poor."
    else:
        won = {row["author"]: row["won"] for row in rows}
        assert won == {first.shown[0].author: 0.0, first.shown[1].author: 1.0}
    assert rows[0]["seconds"] > 0
