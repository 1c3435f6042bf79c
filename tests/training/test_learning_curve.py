"""Learning curves: nested fractions, intervals over pictures and seeds, nothing run twice."""

import csv
import dataclasses

import numpy as np
import pytest

from qreasoning.errors import DataError, SettingsError
from qreasoning.metrics import bootstrap
from qreasoning.studies import RESULTS, gain_sentence, read_curve, write_results
from qreasoning.training import trials as trials_module
from qreasoning.training.examples import read_examples
from qreasoning.training.learning_curve import learning_curve
from qreasoning.training.preflight import keep_chains, usable_examples
from qreasoning.training.recipe import load_recipe


@pytest.fixture
def load(base, study):
    path = study.root / "training" / "small.yaml"
    path.write_text(
        f"extends: tiny\nmodel: {base}\ngrpo: {{steps: 1, images_per_step: 2, num_generations: 2, "
        "warmup_steps: 0, max_completion_length: 40}\n"
    )
    return lambda changes: load_recipe(path, changes)


@pytest.fixture
def data(make_dataset):
    return make_dataset({"train": 8, "validation": 6, "test": 2})


@pytest.fixture
def run(load, data, study):
    def run(name="mine", fractions=(0.5, 1.0), seeds=2):
        return learning_curve(
            load, data, study, name=name, fractions=fractions, seeds=seeds, device="cpu"
        )

    return run


def test_keep_chains_of_a_smaller_share_lies_within_a_larger_one(make_dataset):
    rows = read_examples(make_dataset({"train": 16}), "train").rows
    kept = [
        {row.image_id for row in keep_chains(rows, share) if row.chains}
        for share in (0.1, 0.25, 0.5, 1.0)
    ]
    assert [len(each) for each in kept] == [2, 4, 8, 16]
    assert kept[0] < kept[1] < kept[2] < kept[3]
    # Not by where a picture stands in the split.
    assert {row.image_id for row in keep_chains(rows[::-1], 0.25) if row.chains} == kept[1]
    # The others stay, without their chains.
    assert [dataclasses.replace(row, chains=()) for row in keep_chains(rows, 0.1)] == [
        dataclasses.replace(row, chains=()) for row in rows
    ]


def test_learning_curve_trains_each_fraction_and_seed_once(run, study, load, data):
    result = run()
    assert [(point.fraction, point.chains, point.pictures) for point in result.points] == [
        (0.5, 4, 4),
        (1.0, 8, 8),
    ]
    assert result.runs == ["mine.0.5.0/001", "mine.1.0/001", "mine.0.5.1/001", "mine.1.1/001"]
    recipes = [load_recipe(study.runs / name / "recipe.yaml") for name in result.runs]
    assert [each.data.annotated for each in recipes] == [0.5, 1.0, 0.5, 1.0]
    assert [each.grpo.seed for each in recipes] == [0, 0, 1, 1]
    examples, _ = usable_examples(recipes[0], data)
    # The other pictures still train the ratings.
    assert (len(examples), sum(bool(row.chains) for row in examples)) == (8, 4)
    assert result.compared == (4, 8)
    for point in result.points:
        # The small model gives one rating to all pictures, so there is no order to correlate.
        assert np.isnan(point.values["srcc"].value)
        for metric in ("rouge1", "claim_f1"):
            value = point.values[metric]
            assert value.low <= value.value <= value.high
    for metric in ("rouge1", "claim_f1"):
        one, two = (point.values[metric].value for point in result.points)
        assert result.gains[metric].value == pytest.approx(two - one)
    assert gain_sentence(result).startswith("From 4 to 8 human chains, ROUGE-1 F ")

    folder = study.learning_curves / "mine"
    write_results(study.root / "again", read_curve(folder / RESULTS))
    assert (study.root / "again" / RESULTS).read_bytes() == (folder / RESULTS).read_bytes()
    table = list(csv.DictReader((folder / "curve.csv").open()))
    assert [row["chains"] for row in table] == ["4", "8"]
    assert float(table[1]["rouge1 low"]) == result.points[1].values["rouge1"].low
    assert (folder / "curve.svg").stat().st_size > 1000


class Killed(BaseException):
    pass


def test_learning_curve_interrupted_goes_on_and_ends_the_same(run, study, monkeypatch):
    whole = run("whole")
    train, begun = trials_module.train, []

    def killed(*given, **options):
        begun.append(given[0].name)
        if len(begun) == 3:
            raise Killed
        return train(*given, **options)

    monkeypatch.setattr(trials_module, "train", killed)
    with pytest.raises(Killed):
        run("cut")
    # What there is of the first seed is shown already.
    assert read_curve(study.learning_curves / "cut" / RESULTS).seeds == 1
    result = run("cut")
    assert begun == ["cut.0.5.0", "cut.1.0", "cut.0.5.1", "cut.0.5.1", "cut.1.1"]
    assert repr((result.points, result.gains)) == repr((whole.points, whole.gains))


def test_learning_curve_with_another_recipe_is_refused_before_any_work(run, data, study, load):
    run(fractions=(1.0,), seeds=1)
    with pytest.raises(SettingsError, match=r"another recipe or dataset.*another --name"):
        learning_curve(
            lambda changes: load(["lora.rank=2", *changes]),
            *(data, study),
            name="mine",
            fractions=(0.5, 1.0),
            seeds=1,
            device="cpu",
        )
    assert len(list(study.runs.glob("*/*"))) == 1


@pytest.mark.parametrize(
    ("fractions", "says"),
    [
        ((0.0, 1.0), "above 0 and at most 1"),
        ((0.5, 2.0), "above 0 and at most 1"),
        ((), "above 0 and at most 1"),
        ((0.5, 0.51), "0.5 and 0.51 keep the same 4 pictures"),
    ],
)
def test_learning_curve_of_fractions_that_cannot_be_is_refused(run, study, fractions, says):
    with pytest.raises(SettingsError, match=says):
        run(fractions=fractions)
    assert not study.runs.exists()


def test_learning_curve_without_a_judge_is_refused(load, make_dataset, study):
    data = make_dataset(
        {"train": 4, "validation": 2},
        lambda row: {**row, "mos": None, "chains": []} if row["split"] == "validation" else row,
        name="unjudged",
    )
    with pytest.raises(DataError, match="neither a MOS nor a human chain"):
        learning_curve(load, data, study, name="mine", fractions=[1.0], seeds=1, device="cpu")
    assert not study.runs.exists()


def test_over_seeds_spreads_as_pictures_and_seeds_do():
    random = np.random.default_rng(0)
    # Variances: pictures 1 (of 50), seeds 4 (of 8): the mean's is 1/50 + 4/8.
    table = random.normal(0, 1, (50, 1)) + random.normal(0, 2, (1, 8))
    found = bootstrap.over_seeds(bootstrap.means(table, repetitions=4000))
    assert found.values == pytest.approx([table.mean()])
    own = table.mean(axis=1).var() / 50 + table.mean(axis=0).var() / 8
    assert found.draws[:, 0].var() == pytest.approx(own, rel=0.1)


def test_over_seeds_of_one_seed_is_the_bootstrap_over_pictures():
    values = np.random.default_rng(1).normal(size=30)
    one = bootstrap.means(values, repetitions=200)
    assert np.array_equal(bootstrap.over_seeds(one).draws, one.draws)


def test_over_seeds_an_undefined_seed_is_undefined():
    table = np.array([[1.0, np.nan], [2.0, np.nan], [4.0, np.nan]])
    found = bootstrap.over_seeds(bootstrap.means(table, repetitions=50))
    assert np.isnan(found.values[0])
    assert np.isnan(found.draws).any()
