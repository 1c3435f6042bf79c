"""Signs that a run goes wrong: each with its numbers, none too early, none from noise."""

import pytest

from qreasoning.training.signs import WINDOW, signs


def _run(lines=12, **rewards):
    """Metric lines with each reward going evenly from the first value to the last."""
    history = []
    for number in range(lines):
        share = number / (lines - 1)
        line = {
            f"rewards/{name}/mean": None if ends is None else ends[0] + share * (ends[1] - ends[0])
            for name, ends in rewards.items()
        }
        history.append(line)
    return history


def _kinds(history):
    return [sign.kind for sign in signs(history)]


def test_signs_of_a_run_that_goes_well_are_none():
    well = {"format": (0.9, 1.0), "prediction": (0.5, 0.8), "reasoning": (0.3, 0.6)}
    assert signs(_run(**well, self_consistency=(0.3, 0.7))) == []


@pytest.mark.parametrize("name", ["prediction", "threshold", "rank", "margin"])
def test_signs_reasoning_up_while_ratings_get_worse(name):
    (sign,) = signs(_run(reasoning=(0.3, 0.6), **{name: (0.8, 0.6)}))
    assert sign.kind == "pulling apart"
    # Means of the first and the last four of twelve even steps: 1.5 / 11 and 9.5 / 11 of the way.
    assert "rose from 0.34 to 0.56" in sign.text
    assert f"({name} reward 0.77 to 0.63)" in sign.text


@pytest.mark.parametrize(
    ("reasoning", "prediction"),
    [
        ((0.3, 0.6), (0.8, 0.79)),
        ((0.3, 0.31), (0.8, 0.6)),
        ((0.6, 0.3), (0.8, 0.6)),
        (None, (1, 0)),
    ],
)
def test_signs_of_one_of_both_alone_are_none(reasoning, prediction):
    assert signs(_run(reasoning=reasoning, prediction=prediction)) == []


def test_signs_caption_condition_collapses_from_its_best():
    history = _run(self_consistency=(0.3, 0.8)) + _run(self_consistency=(0.8, 0.3))
    assert _kinds(_run(self_consistency=(0.3, 0.8))) == []
    (sign,) = signs(history)
    assert sign.kind == "caption condition"
    # Steps of 0.5 / 11. The last four: 0.3 + 1.5 · 0.5 / 11 = 0.37; the best four are the two last
    # of the rise and the two first of the fall: 0.8 less (0.5 + 0.5) / 44.
    assert "fell from 0.78 to 0.37" in sign.text


def test_signs_caption_condition_that_never_was_does_not_collapse():
    assert signs(_run(self_consistency=(0.08, 0.0))) == []


@pytest.mark.parametrize(("share", "kinds"), [(0.2, []), (0.21, ["format"])])
def test_signs_more_than_a_fifth_unreadable(share, kinds):
    history = _run(format=(1 - share, 1 - share))
    assert _kinds(history) == kinds
    if kinds:
        assert "21% of the completions" in signs(history)[0].text


@pytest.mark.parametrize(("share", "kinds"), [(0.1, []), (0.11, ["cut"])])
def test_signs_more_than_a_tenth_cut(share, kinds):
    history = [{"completions/clipped_ratio": share}] * WINDOW
    assert _kinds(history) == kinds
    if kinds:
        assert "11% of the completions are cut" in signs(history)[0].text


def test_signs_single_bad_lines_and_short_runs_show_nothing():
    bad = {"rewards/format/mean": 0.5, "completions/clipped_ratio": 0.3}
    good = {"rewards/format/mean": 1.0, "completions/clipped_ratio": 0.0}
    assert signs([]) == signs([bad] * (WINDOW - 1)) == []
    assert signs([good] * 8 + [bad]) == []


def test_signs_lines_without_a_value_are_passed_over():
    gaps = [
        line
        for each in _run(format=(0.7, 0.7))
        for line in (each, {"rewards/format/mean": None}, {"rewards/format/mean": float("nan")}, {})
    ]
    assert _kinds(gaps) == ["format"]
