import pytest
import yaml
from huggingface_hub import DatasetCard

from qreasoning.data import card
from qreasoning.data.build import build_dataset
from qreasoning.data.card_sections import number, table
from qreasoning.data.columns import explain, schemas

EIGHT = (
    "brightness contrast colorfulness sharpness noise artifacts composition content".split()  # noqa: SIM905
)


def facts(**changes):
    """What a manifest says of a small version."""
    splits = {"train": 2, "validation": 0, "test": 1}
    found = {
        "name": "small",
        "version": "1.1.0",
        "simulated": False,
        "dimensions": EIGHT,
        "content_sha256": "c" * 64,
        "made_by": "qreasoning 1",
        "counts": {
            "images": splits,
            "annotations": splits,
            "chains": splits,
            "supervised": 2,
            "chain_only": 1,
            "mos_only": 0,
            "quarantined": 2,
            "reasons": {"caption too short": 2},
            "warnings": {"copied text": 1},
            "image_reasons": {},
            "overlap": {"1": 1, "2": 2},
        },
        "settings": {
            "splits": {"train": 0.7, "validation": 0.1, "test": 0.2, "seed": 0},
            "score_sets": [{"name": "koniq", "file": "koniq.csv"}],
            "projects": ["konIQ"],
            "rules": {"min_caption_words": 3, "script": None, "alike": 0.6, "severity": {}},
        },
        "scores": {"koniq": {"unit": "1 to 5", "worst": 1.09615384615385, "best": 4.31}},
        "human_scores": {"method": "bias_removed", "why": {"noise": "two raters"}},
        "licences": {"koniq": {"scores": "theirs", "pictures": "CC", "share_pictures": False}},
        "collection": {
            "annotators": 3,
            "seconds_median": 41.5,
            "projects": {"konIQ": {"guidelines": ["1", "2"], "forms": []}},
        },
        "agreement": [
            {
                "dimension": "noise",
                "alpha": 0.61234,
                "low": 0.5,
                "high": 0.7,
                "n_units": 2,
                "n_left_out": 1,
            },
            {
                "dimension": "content",
                "alpha": None,
                "low": None,
                "high": None,
                "n_units": 0,
                "n_left_out": 3,
            },
        ],
        "leaks": {
            "checks": {
                "koniq-10k": check(names=True, files=True, pictures=True, pictures_at_hand=2009),
                "spaq": check(test_images=11125),
            },
            "found": {"possibly test": 4},
            "fingerprint": "grey-32",
        },
        "diff": {"previous": "1.0.0", "level": "minor", "why": ["2 images added"]},
    }
    return {**found, **changes}


def check(**changes):
    none = {"names": False, "files": False, "pictures": False, "pictures_at_hand": 0}
    return {**none, "test_images": 2010, **changes}


def test_card_has_front_matter_that_hugging_face_reads():
    data = DatasetCard(card.render(facts())).data.to_dict()
    assert data["pretty_name"] == "small 1.1.0"
    assert (data["license"], data["license_name"]) == ("other", "see-card")
    assert data["size_categories"] == ["n<1K"]
    chains, annotations = data["configs"]
    assert chains["default"] is True
    assert chains["data_files"] == [
        {"split": "train", "path": "data/chains/train-*.parquet"},
        {"split": "test", "path": "data/chains/test-*.parquet"},
    ]
    assert annotations["config_name"] == "annotations"
    assert "annotations_creators" not in data


@pytest.mark.parametrize(
    ("images", "size"), [(999, "n<1K"), (1000, "1K<n<10K"), (10**6, "1M<n<10M")]
)
def test_card_names_the_size(images, size):
    counts = {**facts()["counts"], "images": {"train": images, "validation": 0, "test": 0}}
    text = card.render(facts(counts=counts))
    assert yaml.safe_load(text.split("---")[1])["size_categories"] == [size]


def test_card_says_how_it_was_collected_and_how_far_people_agree():
    text = card.render(facts())
    for line in (
        "- project konIQ: guidelines version 1, version 2, form of no known version",
        "- annotators: 3",
        "- pictures by number of annotators: 1 by 1, 2 by 2",
        "- median time on task: 42 s",
        "- screening: min caption words 3, alike 0.6; what these rules left out is counted below",
        "| noise | 0.612 | 0.500 to 0.700 | 2 | 1 |",
        "| content | undefined | undefined | 0 | 3 |",
    ):
        assert line in text


def test_card_says_what_was_left_out_and_which_checks_ran():
    text = card.render(facts())
    for line in (
        "2 annotations break a rule",
        "| caption too short | 2 |",
        "| copied text | 1 |",
        "| koniq-10k | yes | yes | yes | 2,010 | 2,009 |",
        "| spaq | did not run | did not run | did not run | 11,125 | 0 |",
        "Leaks found: 4 x possibly test.",
        "- Not checked for leaks at all: spaq.",
        "- Without pictures: validation.",
    ):
        assert line in text


def test_card_of_a_version_that_nothing_was_checked_for_says_so():
    nothing = {"checks": {"spaq": check()}, "found": {"copied text": 2}}
    text = card.render(facts(leaks=nothing))
    assert "No check against a benchmark's test list could run" in text
    assert "Leaks found: 2 x copied text." in text
    assert "as far as each check reaches" not in text


def test_card_says_bounds_terms_difference_citation_and_the_command():
    text = card.render(facts())
    for line in (
        "| koniq | 1 to 5 | 1.09615384615385 | 4.31 |",
        "their mean after each person's bias is taken off",
        "- noise: two raters",
        "| koniq | theirs | CC | no |",
        "- a minor change of 1.0.0: 2 images added",
        "Cite the score sets too: koniq.",
        f"Content SHA-256 {'c' * 64}",
        "    qr build-dataset\n",
    ):
        assert line in text


def test_card_without_licences_says_that_nothing_is_known():
    assert "Nothing is known of the terms" in card.render(facts(licences={}))


def test_card_of_simulated_data_says_so_everywhere():
    text = card.render(facts(simulated=True))
    assert "# small 1.1.0 (simulated)" in text
    assert "**SIMULATED.**" in text
    data = yaml.safe_load(text.split("---")[1])
    assert "simulated" in data["tags"]
    assert data["annotations_creators"] == ["machine-generated"]


def test_card_explains_every_column_of_both_configurations():
    text = card.render(facts())
    for config, schema in schemas(EIGHT).items():
        for name in schema.names:
            assert f"| `{name}` |" in text
            assert len(explain(config, name, EIGHT)) > 10


@pytest.mark.usefixtures("small_study")
def test_card_of_a_built_version_has_agreement_of_its_annotations(workspace, spec):
    report = build_dataset(spec(projects=["konIQ"]), workspace)
    text = (report.folder / card.FILE).read_text("utf-8")
    # One picture has two answers; all their ratings but the overall one are alike.
    assert "| sharpness | undefined |" in text
    assert "- annotators: 2" in text
    assert text == (workspace.root / "data_cards" / "small-1.0.0.md").read_text("utf-8")
    assert DatasetCard(text).data.to_dict()["configs"]


def test_table_cells_cannot_break_the_table():
    assert table(("a", "b"), [("x|y\nz", 1234)]).splitlines()[-1] == "| x\\|y z | 1,234 |"


def test_number_says_what_is_undefined():
    assert (number(None), number(float("nan")), number(0.5)) == ("undefined", "undefined", "0.500")
