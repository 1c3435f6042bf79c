"""How completions were read, as records: the format rate, every status, texts without a word."""

import math
from collections import Counter
from collections.abc import Sequence

from qreasoning.analysis.flat import Place, Record, plain
from qreasoning.analysis.pictures import NOT_PREDICTED, Answers, Pictures
from qreasoning.metrics.rouge import unread


def reading_records(answers: Sequence[Answers], pictures: Pictures) -> list[Record]:
    """Per model and condition the share read cleanly and the count of each status."""
    human = [text for texts in pictures.humans for text in texts]
    people, found = unread(human), []
    for each in answers:
        place = Place(each.model, each.condition, each.split)
        statuses = Counter(each.statuses)
        missing = statuses.pop(NOT_PREDICTED, 0)
        n = statuses.total()
        rate = statuses["ok"] / n if n else math.nan
        found.append(plain(place, "format_rate", "share", rate, n, missing))
        found += [
            plain(place, f"status: {status}", "count", float(count), n, missing)
            for status, count in sorted(statuses.items())
            if count
        ]
        if each.condition == "image":
            texts = [text for text in each.texts if text]
            own, n = unread(texts), len(texts) + len(human)
            counts = (own.empty + people.empty, own.foreign + people.foreign)
            for metric, count in zip(("wordless_texts", "foreign_texts"), counts, strict=True):
                found.append(plain(place, metric, "count", float(count), n))
    return found
