"""What annotators are told, and the form on a phone: a real Chromium of 390 x 844."""

from dataclasses import replace

import pytest

from qreasoning.annotation.client import tasks
from qreasoning.annotation.interface import form_version
from qreasoning.dimensions import Dimensions

pytestmark = [pytest.mark.server, pytest.mark.browser]

OUTSIDE = """names => names.filter(name => {
  const element = document.querySelector(name);
  element.scrollIntoView({block: "center"});
  const box = element.getBoundingClientRect();
  return !(box.width > 0 && box.left >= 0 && box.right <= window.innerWidth);
})"""


def test_consent_is_shown_first_and_an_answer_by_phone_carries_the_versions(
    running, chromium, write_project
):
    project = running.project(count=1, annotators=1)
    told = {"version": "7b", "consent": "consent.md"}
    project = write_project(running.workspace, project.name, annotators=1, guidelines=told)
    synced = running.sync(project)
    chromium.set_viewport_size({"width": 390, "height": 844})
    chromium.goto(f"{running.server.url}projects/{synced.project_id}/data?labeling=1")
    chromium.fill("input[name=email]", synced.logins[0].email)
    chromium.fill("input[name=password]", synced.logins[0].password)
    chromium.click("button[type=submit]")
    chromium.wait_for_selector("text=By submitting your first answer you agree to this.")
    chromium.wait_for_selector("text=Version 7b of these guidelines.", state="attached")
    chromium.wait_for_selector(".qr-overall .ant-rate", state="attached")
    assert chromium.evaluate("document.querySelector('.lsf-modal-ls__content').offsetWidth") <= 390
    chromium.keyboard.press("Escape")
    chromium.wait_for_selector(".lsf-modal-ls__content", state="detached")

    names = project.dimensions.ids
    controls = [f".qr-{name} .ant-rate-star:last-child" for name in (*names, "overall")]
    controls += [f"input[name={name}_note]" for name in names]
    controls += ["[name=caption]", "[name=reasoning]"]
    controls += [".qr-img", 'button[aria-label="Submit current annotation"]']
    assert chromium.evaluate(OUTSIDE, controls) == []
    for name in (*names, "overall"):
        chromium.click(f".qr-{name} .ant-rate-star:nth-child(4) div[role=radio]")
    edited = replace(project, dimensions=relabelled(project.dimensions))
    running.sync(edited)  # while the page is open
    chromium.fill("textarea[name=caption]", "A wall of noise in all colours.")
    chromium.fill("textarea[name=reasoning]", "It is nothing but noise, and yet it is crisp.")
    with chromium.expect_response(lambda each: each.request.method == "POST" and (
        "/annotations" in each.url
    )) as answer:  # fmt: skip
        chromium.click('button[aria-label="Submit current annotation"]')
    assert answer.value.status == 201

    (task,) = tasks(running.server, synced.project_id, "id,annotations,result")
    values = {each["from_name"]: each["value"] for each in task["annotations"][0]["result"]}
    assert values["guidelines_version"] == {"text": ["7b"]}
    assert values["overall"] == {"rating": 4}
    before, after = form_version(project.dimensions), form_version(edited.dimensions)
    assert values["form_version"] == {"text": [before]} != {"text": [after]}
    _, now = running.pull(edited, synced)
    found = now.rows[0].annotation
    assert (found.guidelines_version, found.form_version) == ("7b", before)
    assert found.labels == ("older form",)
    assert now.rows[0].findings == ()


def relabelled(dimensions):
    first, *rest = (each.model_dump() for each in dimensions.dimensions)
    changed = {**first, "label": "Another label"}
    return Dimensions.model_validate({"version": 2, "dimensions": [changed, *rest]})
