"""Simulated people: each with a bias and favourite words, and the same answer every time.

An answer is a function of (seed, scene, annotator). The texts are templates filled with the
scene's true distortion; three further styles are what the tiny model is warmed up on mostly, so
that training has something to learn from the simulated people.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from qreasoning.simulation import words
from qreasoning.simulation.photographs import Scene

DIMENSIONS = (
    "brightness",
    "contrast",
    "colorfulness",
    "sharpness",
    "noise",
    "artifacts",
    "composition",
    "content",
)

Style = Literal["human", "plain", "inspecting", "telling"]
STYLES: tuple[Style, ...] = ("human", "plain", "inspecting", "telling")


@dataclass(frozen=True)
class Answer:
    """What one simulated person submits for one picture; ratings are 1 to 5."""

    ratings: Mapping[str, int]
    notes: Mapping[str, str]
    caption: str
    reasoning: str
    overall: int
    seconds: float


def answer(scene: Scene, annotator: int, seed: int) -> Answer:
    """The answer of person `annotator` (1, 2, …) to a scene."""
    person = Person(annotator, seed)
    random = Random(f"answer {seed} {scene.name} {annotator}")
    ratings = _ratings(scene, person, random)
    caption, reasoning = write(scene, "human", random, person)
    return Answer(
        ratings=ratings,
        notes=_notes(scene, ratings, person, random),
        caption=caption,
        reasoning=reasoning,
        overall=_grade(scene.mos + person.bias + random.gauss(0, 0.25)),
        seconds=round(random.lognormvariate(4.0, 0.4), 1),
    )


class Person:
    """A person's bias on the scale and the word they like best in each list.

    `favourite` is the share of the times that they use that word instead of any.
    """

    def __init__(self, annotator: int, seed: int, favourite: float = 0.6) -> None:
        random = Random(f"person {seed} {annotator}")
        self.bias = random.uniform(-0.3, 0.3)
        self.taste = random.random()
        self.notes = random.uniform(0.1, 0.6)
        self.favourite = favourite

    def choose(self, options: Sequence[str], random: Random) -> str:
        """One of `options`."""
        if random.random() < self.favourite:
            return options[int(self.taste * len(options))]
        return random.choice(options)


NOBODY = Person(0, 0, favourite=0.0)
"""The author of the warm-up texts: has no taste."""


def _grade(value: float) -> int:
    return min(5, max(1, round(value)))


def _ratings(scene: Scene, person: Person, random: Random) -> dict[str, int]:
    spoiled = words.DIMENSION_OF.get(scene.distortion)
    ratings = {}
    for dimension in DIMENSIONS:
        level = 4.9 - 3.8 * scene.strength if dimension == spoiled else 4.4
        ratings[dimension] = _grade(level + person.bias + random.gauss(0, 0.35))
    return ratings


def _notes(
    scene: Scene, ratings: Mapping[str, int], person: Person, random: Random
) -> dict[str, str]:
    spoiled = words.DIMENSION_OF.get(scene.distortion)
    if spoiled is None or ratings[spoiled] > 3 or random.random() > person.notes:
        return {}
    return {spoiled: person.choose(words.EFFECTS[scene.distortion], random)}


def write(scene: Scene, style: Style, random: Random, person: Person = NOBODY) -> tuple[str, str]:
    """A caption and a reasoning for a scene in one of `STYLES`."""
    choose = person.choose
    kind, noun = scene.distortion, scene.noun
    grade = words.degree(scene.strength)
    often = words.DEGREES[grade] + " " if kind != "clean" else ""
    strong = words.DEGREES_OF_NOUNS[grade] + " " if kind != "clean" else ""
    adjective = choose(words.ADJECTIVES[kind], random)
    flaw = choose(words.NOUNS[kind], random)
    effect = choose(words.EFFECTS[kind], random)
    verdict = words.verdict(scene.mos)
    if style == "human":
        named = f"A {often}{adjective} photo of {noun}."
        caption = named if random.random() < 0.6 else f"A photo of {noun}."
        return caption, f"{strong}{flaw}: {effect}, so the quality is {verdict}.".capitalize()
    if style == "plain":
        caption = f"The image shows {noun} in a scene."
        return caption, f"Overall the picture looks {adjective} and I would call it {verdict}."
    if style == "inspecting":
        seen = f"with {flaw}" if random.random() < 0.5 else "in detail"
        caption = f"This picture depicts {noun} {seen}."
        reasoning = f"First I look at the content. Then I notice {flaw}. The result is {verdict}."
        return caption, reasoning
    caption = f"The {often}{adjective} view of {noun} has {strong}{flaw}."
    return caption, f"Because {effect} the viewer finds it {verdict}."
