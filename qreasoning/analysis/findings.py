"""Everything that is measured on one split: the deciding part of a report. Reads nothing."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from qreasoning.analysis.bins import Cell, agreements, cell_records, cells
from qreasoning.analysis.flat import Record
from qreasoning.analysis.judge_study import Study
from qreasoning.analysis.judgement import (
    Follows,
    Standings,
    author_standings,
    follows,
    judgement_records,
)
from qreasoning.analysis.meanings import meaning_measures
from qreasoning.analysis.measure import Measure, Numbers, texts_of
from qreasoning.analysis.one_person import Without, without_each_person
from qreasoning.analysis.options import ReportSettings
from qreasoning.analysis.pictures import Answers, Pictures
from qreasoning.analysis.ratings import (
    Correlations,
    PeopleRatings,
    correlation_records,
    correlations,
    further_records,
    people_ratings,
    people_records,
)
from qreasoning.analysis.readings import reading_records
from qreasoning.analysis.scoring import PairScore, scores_of_texts
from qreasoning.analysis.signatures import Signature, signatures
from qreasoning.analysis.standing import Standing, standing_records, standings
from qreasoning.analysis.statements import Compare, Statements, claim_measures
from qreasoning.analysis.words import most_typical, rouge_measures
from qreasoning.metrics.bootstrap import Estimate

HEADLINES = ("claim_f1", "rouge1")
"""The measures that models are ranked by: the first that tells them apart."""


@dataclass(frozen=True)
class Judgements:
    """A judge study on this split: how its authors stand, and which metric follows people."""

    study: Study
    standings: Mapping[str, Standings]
    follows: tuple[Follows, ...]


@dataclass(frozen=True)
class Findings:
    """All that a report says of one split; `models` are the columns of every standing."""

    pictures: Pictures
    answers: tuple[Answers, ...]
    models: tuple[str, ...]
    standings: tuple[Standing, ...]
    statements: Statements | None
    sets: Mapping[str, Correlations]
    people: PeopleRatings | None
    cells: tuple[Cell, ...]
    agreed: Mapping[str, Estimate]
    judgements: tuple[Judgements, ...]
    without: tuple[Without, ...]
    signatures: tuple[Signature, ...]
    records: tuple[Record, ...]

    @cached_property
    def shown(self) -> tuple[str, ...]:
        """The models in the order of the page: the nearest to another person first."""
        return tuple(sorted(self.models, key=lambda model: (self._rank(model), model)))

    def _rank(self, model: str) -> tuple[float, ...]:
        place = self.models.index(model)
        shares = [each.share[place].value for each in map(self.standing, HEADLINES) if each]
        values = [each.values[place].value for each in map(self.standing, HEADLINES) if each]
        return tuple(math.inf if math.isnan(value) else -value for value in (*shares, *values))

    def standing(self, name: str) -> Standing | None:
        """The standing of a measure by its name; None where it was not computed."""
        return next((each for each in self.standings if each.measure.name == name), None)


def analyse(
    answers: Sequence[Answers],
    pictures: Pictures,
    ratings: Mapping[str, Numbers],
    studies: Sequence[Study],
    settings: ReportSettings,
    *,
    compare: Compare | None,
    meanings: PairScore | None,
    say: Callable[[str], None] = lambda _: None,
) -> Findings:
    """Measure everything on a split.

    `ratings` are people's, per dimension; `compare` compares claims, `meanings` measures with a
    neural model; None leaves either out.
    """
    image = [each for each in answers if each.condition == "image"]
    models = tuple(each.model for each in image)
    typical = most_typical(pictures.humans, stem=settings.stem)
    texts = texts_of(image, pictures, typical)
    measures: list[Measure] = []
    if not image:
        # Ratings from captions alone: there is no text of a model to compare.
        compare = meanings = None
    if image and "rouge1" in settings.metrics:
        say("words: ROUGE-1 with every person, and with the people of every other picture")
        measures += rouge_measures(texts, stem=settings.stem)
    statements = None
    if compare is not None:
        say("claims: who says what of which dimension")
        statements = claim_measures(texts, compare)
        measures += statements.measures
    if meanings is not None:
        say("meanings: BERTScore and cosine")
        measures += meaning_measures(texts, meanings)
    say("intervals")
    stood = standings(measures, settings.replicates)
    sets = correlations(answers, pictures, settings.replicates)
    people = people_ratings(answers, pictures)
    found = cells(statements, models, pictures, settings.bins) if statements else []
    agreed = agreements(ratings)
    scores = scores_of_texts(
        pictures,
        stem=settings.stem,
        rouge="rouge1" in settings.metrics,
        compare=compare,
        meanings=meanings,
    )
    judged = tuple(
        Judgements(
            each,
            author_standings(each, settings.replicates),
            tuple(follows(each, scores, settings.replicates)),
        )
        for each in studies
    )
    rouge = next((each for each in stood if each.measure.name == "rouge1"), None)
    return Findings(
        pictures=pictures,
        answers=tuple(answers),
        models=models,
        standings=stood,
        statements=statements,
        sets=sets,
        people=people,
        cells=tuple(found),
        agreed=agreed,
        judgements=judged,
        without=tuple(
            without_each_person(each, models, pictures)
            for each in measures
            if each.name in HEADLINES
        ),
        signatures=tuple(
            signatures(
                answers,
                pictures,
                rouge,
                next(iter(sets.values()), None),
                settings.baseline,
                settings.thresholds,
            )
        ),
        records=(
            *(r for each in stood for r in standing_records(each, models, pictures.split)),
            *reading_records(answers, pictures),
            *correlation_records(sets, pictures.split),
            *further_records(answers, pictures),
            *people_records(people, pictures.split),
            *cell_records(found, agreed, pictures.split),
            *(
                row
                for each in judged
                for row in judgement_records(
                    each.study.project, each.standings, each.follows, pictures.split
                )
            ),
        ),
    )
