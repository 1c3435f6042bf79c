import numpy as np
import pytest

from qreasoning.analysis.flat import PEOPLE
from qreasoning.analysis.measure import Measure
from qreasoning.analysis.standing import compared, standing_records, standings
from qreasoning.metrics.bootstrap import Replicates, holm


def _measure(
    values: list[list[float]],
    floor: float,
    ceiling: float,
    *,
    higher: bool = True,
    spread: float = 0,
) -> Measure:
    table = np.array(values)
    size = len(table)
    jitter = spread * np.where(np.arange(size) % 2, 1, -1)
    return Measure(
        name="metric",
        label="Metric",
        higher_is_better=higher,
        values=table,
        dropped=table[..., None].copy(),
        floor=np.full(table.shape, floor) + jitter[:, None],
        fixed=np.full(size, floor),
        ceiling=np.full(size, ceiling) - jitter,
    )


def test_share_of_the_way_is_zero_at_the_floor_and_one_at_the_ceiling() -> None:
    values = [[0.3, 0.45, 0.6]] * 20
    [found] = standings([_measure(values, 0.3, 0.6)], 200)
    assert [each.value for each in found.share] == pytest.approx([0, 0.5, 1])
    assert [each.n for each in found.share] == [20] * 3


def test_share_of_the_way_works_where_less_is_better() -> None:
    [found] = standings([_measure([[0.3, 0.15]] * 20, 0.4, 0.1, higher=False)], 200)
    assert [each.value for each in found.share] == pytest.approx([1 / 3, 5 / 6])


def test_share_is_undefined_where_people_are_not_better_than_the_wrong_picture() -> None:
    noisy = _measure([[0.5]] * 20, 0.5, 0.5, spread=0.3)
    worse = _measure([[0.5]] * 20, 0.6, 0.4)
    found = standings([noisy, worse], 200)
    assert [np.isnan(each.share[0].value) for each in found] == [True, True]
    assert [np.isnan(each.values[0].value) for each in found] == [False, False]


def test_share_is_on_the_pictures_that_have_all_three() -> None:
    measure = _measure([[0.6], [0.6], [0.0]], 0.3, 0.6)
    measure.dropped[2] = np.nan
    [found] = standings([measure], 200)
    assert found.share[0].value == pytest.approx(1.0)
    assert (found.share[0].n, found.share[0].n_left_out) == (2, 1)
    assert found.values[0].value == pytest.approx(0.4)


def test_standings_of_several_measures_do_not_mix() -> None:
    first, second = _measure([[0.1, 0.2]] * 9, 0.0, 1.0), _measure([[0.3, 0.4]] * 9, 0.1, 0.5)
    one, other = standings([first, second], 200)
    assert [each.value for each in one.values] == pytest.approx([0.1, 0.2])
    assert [each.value for each in other.floor] == pytest.approx([0.1, 0.1])
    assert (other.ceiling.value, other.fixed.value) == (pytest.approx(0.5), pytest.approx(0.1))
    assert standings([], 200) == ()


def test_standing_records_name_people_and_the_fixed_text() -> None:
    [found] = standings([_measure([[0.3]] * 5, 0.2, 0.6)], 200)
    rows = standing_records(found, ["m"], "test")
    at = {(row["model"], row["aggregation"]): row["value"] for row in rows}
    assert at["m", "mean"] == pytest.approx(0.3) and at["m", "mismatched"] == pytest.approx(0.2)
    assert at["m", "share_of_the_way"] == pytest.approx(0.25)
    assert at[PEOPLE, "leave_one_out"] == pytest.approx(0.6)
    assert at["m", "fixed_text"] == pytest.approx(0.2)
    assert rows[0]["aggregation"] == "mean"


def _replicates(*columns: float) -> Replicates:
    numbers = np.random.default_rng(0)
    draws = np.array(columns) + numbers.normal(0, 0.01, (500, len(columns)))
    return Replicates(
        np.array(columns), draws, np.full(len(columns), 50), np.zeros(len(columns), int)
    )


def test_compared_with_a_baseline_is_every_other_model_minus_it() -> None:
    found = compared(_replicates(0.5, 0.9, 0.5), 1)
    assert [(each.first, each.second) for each in found] == [(0, 1), (2, 1)]
    assert [each.value for each in found] == pytest.approx([-0.4, -0.4])
    assert all(each.real for each in found)
    # Two comparisons, not the three pairs there are.
    assert [each.p_holm for each in found] == pytest.approx(holm([each.p for each in found]))


def test_compared_without_a_baseline_is_every_pair() -> None:
    found = compared(_replicates(0.5, 0.9, 0.5), None)
    assert [(each.first, each.second, each.real) for each in found] == [
        (0, 1, True),
        (0, 2, False),
        (1, 2, True),
    ]
