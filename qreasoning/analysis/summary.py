"""The result of a report in a few plain sentences."""

from collections.abc import Mapping
from typing import Any

Line = Mapping[str, Any]


def summarise(section: Mapping[str, Any], people: str, score: str) -> str:
    """What the table of one split says, in words.

    `people` and `score` are "people" and "MOS", or the same words preceded by "simulated".
    """
    models = section["models"]
    pictures = f"the {section['pictures']:,} {section['split']} pictures"
    if len(models) == 1:
        said = _one(models[0], people, score)
        return " ".join([f"{models[0]['model']} explained {pictures}.", *said])
    by_name = {line["model"]: line for line in models}
    best = {key: by_name.get(model) for key, model in section["best"].items()}
    opening = f"On {pictures}, {len(models)} models are compared."
    return " ".join([opening, *_words(best["rouge1"], people), *_order(best, score)])


def _one(line: Line, people: str, score: str) -> list[str]:
    rouge, image, caption = line["rouge1"], line["srcc_image"], line["srcc_caption"]
    sentences = []
    if rouge and rouge["n"]:
        sentences.append(
            f"On the {rouge['n']:,} that {people} explained too, its ROUGE-1 with them is "
            f"{rouge['value']:.3f}."
        )
    if image and image["n"]:
        alone = f", and {_srcc(caption)} from its own caption alone" if caption else ""
        sentences.append(
            f"Its ratings follow the order of the {score} with an SRCC of {_srcc(image)} when it "
            f"sees the picture{alone}."
        )
    return sentences


def _words(best: Line | None, people: str) -> list[str]:
    if best is None:
        return []
    rouge = best["rouge1"]
    return [
        f"Closest to the words of {people} is {best['model']}, with a ROUGE-1 of "
        f"{rouge['value']:.3f} on the {rouge['n']:,} pictures that they explained."
    ]


def _order(best: Mapping[str, Line | None], score: str) -> list[str]:
    """Who orders the pictures best, in each condition."""
    image, caption = best["srcc_image"], best["srcc_caption"]
    sentences = []
    if image:
        also = ""
        if caption is image:
            also = f", and from its own caption alone too (SRCC {_srcc(image['srcc_caption'])})"
        sentences.append(
            f"Seeing the picture, {image['model']} follows the order of the {score} best "
            f"(SRCC {_srcc(image['srcc_image'])}){also}."
        )
    if caption and caption is not image:
        sentences.append(
            f"From its own caption alone, {caption['model']} follows the order of the "
            f"{score} best (SRCC {_srcc(caption['srcc_caption'])})."
        )
    return sentences


def _srcc(record: Mapping[str, Any]) -> str:
    return f"{record['value']:.2f}"
