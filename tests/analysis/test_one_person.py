from collections.abc import Callable
from typing import Any

from qreasoning.analysis.measure import texts_of
from qreasoning.analysis.one_person import without_each_person
from qreasoning.analysis.pictures import answers_of, pictures_of
from qreasoning.analysis.words import rouge_measures

Make = Callable[..., Any]


def test_order_that_hangs_on_one_person_is_found(picture: Make, prediction: Make) -> None:
    # The first person speaks like `one`, much, the second a little like `two`.
    rows = [picture(n, 3.0, ("red red red red", "x"), ("blue y z w", "v")) for n in range(3)]
    pictures = pictures_of("test", rows)
    answers = []
    for model, text in (("one", "red red red red"), ("two", "blue")):
        answers += answers_of(model, pictures, [prediction(row, 3.0, (text, "")) for row in rows])
    [rouge, *_] = rouge_measures(texts_of(answers, pictures, None))
    found = without_each_person(rouge, ["one", "two"], pictures)
    assert found.order == ("one", "two")
    first, second = pictures.people
    assert found.by_person == {first: ("two", "one"), second: ("one", "two")}
    assert found.changed == (first,)
    assert found.swapped(first) == [("one", "two")] and found.swapped(second) == []


def test_picture_explained_by_that_person_alone_goes(picture: Make, prediction: Make) -> None:
    rows = [picture(0, 3.0, ("red", "x"), ("red", "x")), picture(1, 3.0, ("blue", "y"))]
    pictures = pictures_of("test", rows)
    answers = []
    for model, text in (("one", "red x"), ("two", "blue y blue")):
        answers += answers_of(model, pictures, [prediction(row, 3.0, (text, "")) for row in rows])
    [rouge, *_] = rouge_measures(texts_of(answers, pictures, None))
    found = without_each_person(rouge, ["one", "two"], pictures)
    # Without the first person only the red picture is left, by the second.
    assert found.by_person[pictures.people[0]] == ("one", "two")
