"""The numbers of a simulated campaign, its page and its lists."""

import csv
import json
from dataclasses import replace

import pytest
from pyarrow import parquet

from qreasoning.annotation.collected import Collected
from qreasoning.annotation.items import read_items
from qreasoning.annotation.reporting import report
from qreasoning.errors import SettingsError

PEOPLE = [*(f"honest-{number}" for number in range(1, 5)), "random", "copier", "fast"]
HOSTILE = "</title><script>alert(1)</script> & x"


@pytest.fixture
def campaign(study, paint, write_project, simulate):
    """A blind project of 30 pictures, simulated, with repeats, a pilot and two gold
    ones; `exclude` is decided afterwards."""

    def later(project, names):
        return frozenset(f"{name}@{project.name}.local" for name in names)

    def make(share=1.0, images=30, exclude=(), **settings):
        paint(study.root / "pictures" / "c", images, side=16)
        rows = ["name,field,low,high", "picture 03.png,overall,1,5", "picture 04.png,noise,5,5"]
        (study.root / "gold.csv").write_text("\n".join(rows))
        (study.root / "pilot.txt").write_text("picture 00.png\n")
        project = write_project(
            study,
            "c",
            **{
                "blind": True,
                "annotators": PEOPLE,
                "annotators_per_image": 7,
                "repeats": {"share": 0.2, "distance": 5},
                "gold": "gold.csv",
                "pilot": "pilot.txt",
                "simulated": True,
                **settings,
            },
        )
        folder = study.annotations / "c"
        simulate(project, folder, share=share)
        Collected(replace(project, excluded=later(project, exclude)), folder).rebuild()
        path = study.root / "annotation" / "c.yaml"
        content = json.loads(path.read_text())
        path.write_text(json.dumps({**content, "exclude": exclude}))
        return study

    return make


def test_report_counts_screens_and_measures_agreement(campaign):
    workspace = campaign()
    found = report("c", workspace)
    numbers = found.campaign
    # 27 ordinary pictures and 3 special ones from 7 people, each first shown once.
    assert (numbers.answers, len(numbers.units), numbers.complete) == (210, 27, 27)
    assert numbers.by_answers == {7: 27}
    assert numbers.pace.left == 0
    assert set(numbers.people) == set(PEOPLE)
    assert numbers.people["random"].screened.verdict == "exclude?"
    assert numbers.people["copier"].screened.twin == "honest-1"
    assert "too fast" in " ".join(numbers.people["fast"].screened.reasons)
    assert {numbers.people[f"honest-{each}"].screened.verdict for each in (1, 2, 3)} == {"ok"}
    gold = numbers.people["honest-1"].screened.beside.gold
    assert gold[1] == 2 and gold[0] >= 1  # too few to be held against anybody
    retest = numbers.people["honest-1"].screened.beside.retest
    assert retest.n == 5 and retest.value > 0.5
    assert set(numbers.agreement) >= {"noise", "overall"}
    overall = numbers.agreement["overall"]
    assert overall.ordinal.n == 27
    assert 0.2 < overall.ordinal.low < overall.ordinal.value < overall.ordinal.high < 1
    assert numbers.texts.n == 27


def test_excluded_annotators_are_screened_but_count_for_nothing(campaign):
    workspace = campaign(exclude=["random", "copier", "fast"])
    found = report("c", workspace)
    numbers = found.campaign
    assert (numbers.by_answers, numbers.complete) == ({4: 27}, 27)
    assert numbers.people["random"].excluded
    assert numbers.people["random"].assigned is None
    assert numbers.people["random"].screened.verdict == "exclude?"
    rows = parquet.read_table(workspace.annotations / "c" / "table.parquet").to_pylist()
    excluded = {row["annotator"].partition("@")[0] for row in rows if "excluded" in row["labels"]}
    assert excluded == {"random", "copier", "fast"}
    pilot = [row["labels"] for row in rows if row["name"] == "picture 00.png"]
    assert len(pilot) == 7 and all("pilot" in each for each in pilot)


def test_halfway_the_report_says_what_is_left(campaign):
    found = report("c", campaign(share=0.5))
    items = read_items(found.page.parent)
    left = sum(len(mine) - round(0.5 * len(mine)) for mine in items.values())
    assert found.campaign.pace.left == left > 0
    assert found.campaign.pace.per_day > 0
    assert found.campaign.complete < 27


def test_answers_that_a_model_began_progress_but_do_not_agree(campaign, study):
    workspace = campaign()
    folder = workspace.annotations / "c"
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    text = "".join(json.dumps({**line, "prelabelled": True}) + "\n" for line in lines)
    (folder / "log.jsonl").write_text(text)
    found = report("c", workspace)
    assert found.campaign.complete == 27
    assert found.campaign.agreement["overall"].ordinal.n == 0
    assert found.campaign.texts.n == 0


def test_needs_are_listed_and_asked_for_in_blind_projects(campaign):
    workspace = campaign(annotators_per_image=4)
    folder = workspace.annotations / "c"
    before = read_items(folder)
    found = report("c", workspace, needs=3, ask=True)
    assert found.asked == 3
    names = [found.names[each.unit] for each in found.needed]
    assert (folder / "needs.txt").read_text().splitlines() == names
    after = read_items(folder)
    added = [
        item.unit.name for person, mine in after.items() for item in mine[len(before[person]) :]
    ]
    assert sorted(added) == sorted(names)
    again = report("c", workspace, needs=3)
    assert not {each.unit for each in again.needed} & {each.unit for each in found.needed}


def test_asking_in_a_shared_project_is_refused(campaign, study, write_project):
    campaign()
    content = {"blind": False, "repeats": None, "gold": None, "pilot": None}
    write_project(study, "shared", images="pictures/c", **content)
    with pytest.raises(SettingsError, match="one list of pictures is shared by all annotators"):
        report("shared", study, needs=3, ask=True)


def test_page_and_times_are_private_escaped_and_the_same_again(campaign, study):
    workspace = campaign(title=HOSTILE)
    found = report("c", workspace)
    text = found.page.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "default-src 'none'" in text
    assert "SIMULATED." in text
    assert "random@c.local" in text
    assert found.page.stat().st_mode & 0o777 == found.times.stat().st_mode & 0o777 == 0o600
    rows = list(csv.DictReader(found.times.read_text().splitlines()))
    assert [row["annotator"] for row in rows] == sorted(f"{each}@c.local" for each in PEOPLE)
    assert {(row["answers"], row["repeats"]) for row in rows} == {("30", "5")}
    assert report("c", workspace).page.read_text(encoding="utf-8") == text


def test_status_command_prints_json_without_log_ins(campaign, qr):
    workspace = campaign()
    done = qr("annotate", "status", "--project", "c", "--json", "--needs", 2, cwd=workspace.root)
    assert done.returncode in (0, 1), done.stderr
    found = json.loads(done.stdout)
    assert (found["project"], found["simulated"], found["answers"]) == ("c", True, 210)
    assert found["people"]["random"]["screened"]["verdict"] == "exclude?"
    assert len(found["needs"]) == 2
    assert "@" not in done.stdout
    plain = qr("annotate", "status", "--project", "c", cwd=workspace.root)
    assert "exclude?" in plain.stdout and "@" not in plain.stdout.replace(str(workspace.root), "")


def test_report_without_any_answer_is_made(study, paint, write_project):
    paint(study.root / "pictures" / "empty", 3)
    write_project(study, "empty")
    found = report("empty", study)
    assert "There are no answers yet." in found.page.read_text(encoding="utf-8")
    assert found.campaign.people == {}


@pytest.mark.browser
def test_page_in_a_browser_fits_desktop_and_phone_and_asks_for_nothing(campaign, chromium):
    page_file = report("c", campaign(exclude=["random"])).page
    context = chromium.context.browser.new_context(offline=True)
    said, requested = [], []
    context.on("console", lambda message: said.append(message.text))
    context.on("weberror", lambda error: said.append(str(error.error)))
    context.on("request", lambda asked: requested.append(asked.url))
    for width, height in ((1366, 768), (390, 844)):
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": height})
        page.goto(page_file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.get_by_role("note").first.inner_text().startswith("SIMULATED.")
        assert page.get_by_role("table").count() >= 4
        page.close()
    assert said == []
    assert {url.partition(":")[0] for url in requested} <= {"data", "file"}
