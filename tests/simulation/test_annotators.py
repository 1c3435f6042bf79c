"""Simulated people: the same answer every time, their own taste, ratings that fit the picture."""

from collections import Counter
from statistics import mean

from qreasoning.dimensions import load_dimensions
from qreasoning.records import Annotation, Rules, check
from qreasoning.simulation import words
from qreasoning.simulation.annotators import DIMENSIONS, STYLES, answer, write
from qreasoning.simulation.photographs import draw_scenes
from qreasoning.workspace import shipped

SCENES = draw_scenes(150, "train", 0)


def test_dimensions_are_those_of_the_shipped_form():
    shipped_ids = load_dimensions(shipped() / "annotation" / "dimensions.yaml").ids
    assert tuple(shipped_ids) == DIMENSIONS


def test_answer_same_seed_scene_and_person_is_the_same_answer():
    assert answer(SCENES[3], 2, 0) == answer(SCENES[3], 2, 0)


def test_answer_differs_between_people_and_between_seeds():
    texts = [[answer(s, person, seed).caption for s in SCENES] for person, seed in PEOPLE]
    assert texts[0] != texts[1] != texts[2]


PEOPLE = ((1, 0), (2, 0), (1, 1))


def test_answer_ratings_are_whole_and_complete():
    for scene in SCENES:
        given = answer(scene, 1, 0)
        assert tuple(given.ratings) == DIMENSIONS
        assert all(type(r) is int and 1 <= r <= 5 for r in [*given.ratings.values(), given.overall])
        assert given.seconds > 0


def test_answer_the_spoiled_dimension_is_rated_lowest_where_the_distortion_is_strong():
    strong = [s for s in SCENES if s.strength > 0.75]
    spoiled = [answer(s, 1, 0).ratings[words.DIMENSION_OF[s.distortion]] for s in strong]
    content = [answer(s, 1, 0).ratings["content"] for s in strong]
    assert mean(spoiled) < 2.5 < 3.5 < mean(content)


def test_answer_overall_follows_the_mos():
    good = mean(answer(s, 2, 0).overall for s in SCENES if s.mos > 4)
    bad = mean(answer(s, 2, 0).overall for s in SCENES if s.mos < 2)
    assert good > 3.5 > 2.5 > bad


def test_answer_passes_the_rules_for_annotations():
    for number, scene in enumerate(SCENES):
        given = answer(scene, number % 3 + 1, 0)
        annotation = Annotation(
            image_id=scene.name,
            name=scene.name,
            annotator="a",
            project="p",
            ratings=given.ratings,
            notes=given.notes,
            caption=given.caption,
            reasoning=given.reasoning,
            overall=given.overall,
            seconds=given.seconds,
            created="",
            updated="",
            form_version="",
        )
        assert check(annotation, Rules(), DIMENSIONS) == []


def test_answer_notes_name_the_effect_of_the_distortion():
    notes = [(s, answer(s, 1, 0).notes) for s in draw_scenes(400, "train", 0)]
    written = [(s, note) for s, note in notes if note]
    assert written
    for scene, note in written:
        assert set(note) == {words.DIMENSION_OF[scene.distortion]}
        assert set(note.values()) <= set(words.EFFECTS[scene.distortion])


def test_answer_everybody_has_a_favourite_word():
    blurred = [s for s in draw_scenes(900, "train", 0) if s.distortion == "blur"]
    for person in (1, 2, 3):
        used = Counter(
            word
            for scene in blurred
            for word in words.ADJECTIVES["blur"]
            if f" {word} " in answer(scene, person, 0).caption
        )
        # The favourite has a share of 0.6 + 0.4 / 3 = 0.73, each other word 0.13.
        assert used.most_common(1)[0][1] > 0.55 * used.total()


def test_write_every_style_tells_the_verdict_and_differs_from_the_others():
    from random import Random

    scene = next(s for s in SCENES if s.distortion == "noise")
    texts = {style: write(scene, style, Random(0)) for style in STYLES}
    assert len(set(texts.values())) == 4
    assert all(words.verdict(scene.mos) in reasoning for _, reasoning in texts.values())


def test_verdict_and_degree_at_their_bounds():
    assert [words.verdict(r) for r in (1.0, 1.9, 2.7, 3.5, 4.3, 5.0)] == [
        "bad",
        "poor",
        "fair",
        "good",
        "excellent",
        "excellent",
    ]
    assert [words.degree(s) for s in (0.0, 0.25, 0.5, 0.75, 1.0)] == [0, 1, 2, 3, 3]
