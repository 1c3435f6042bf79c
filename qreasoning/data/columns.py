"""What each column of a dataset holds, in a sentence: for the card and for Croissant."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from qreasoning.records import annotations_schema, chains_schema

if TYPE_CHECKING:
    import pyarrow as pa

CONFIGS: Mapping[str, str] = {
    "chains": "a row per picture: its bytes, its scores, and the human chains of it",
    "annotations": "a row per picture and annotator: eight ratings with notes, both texts",
}

_BOTH = {
    "image_id": "sha256:… of the original file's bytes, or name:SET/NAME for scores alone",
    "name": "file name, relative to the folder of the source's pictures",
}

_CHAINS = {
    **_BOTH,
    "source": "the score set, or the annotation project, that the picture comes from",
    "reference_id": "what its distorted versions come from; they share a split; null for none",
    "split": "train, validation or test",
    "image": "the original file, or null where it is not part of the dataset",
    "mos": "the training target on [1, 5]; null for none",
    "mos_source": "benchmark: mos is that of a score set; annotators: it is human_mos",
    "mos_set": "the set within which mos may be compared",
    "mos_raw": "mos in the set's own unit",
    "mos_std": "standard deviation of mos on [1, 5], where it is published",
    "mos_raw_std": "the same in the set's own unit",
    "human_mos": "the overall rating of the annotators, one number for all; null without ratings",
    "human_n": "how many annotators rated it",
    "human_sd": "standard deviation of their ratings; nan for a single one",
    "human_low": "lower end of the 95 % interval of human_mos; nan for a single rating",
    "human_high": "its upper end",
    "chains": "the human chains: annotator, caption, reasoning, rating, prelabelled",
    "dimensions": "per dimension: mean rating, number, deviation and 95 % interval",
}

_ANNOTATIONS = {
    **_BOTH,
    "annotator": "a pseudonym: a keyed hash of the log-in",
    "project": "the annotation project",
    "caption": "what is seen, as it was typed",
    "reasoning": "how that leads to the judgement, as it was typed",
    "overall": "overall quality, 1 to 5",
    "seconds": "time on task, null where it is unknown",
    "created": "when the answer was first given",
    "updated": "when it was last changed",
    "form_version": "hash of the form that it was given in",
    "guidelines_version": "version of the guidelines that it was given under",
    "prelabelled": "whether the annotator was shown a model's suggestion",
    "labels": "what a reader should know of it: edited by someone else, gold, pilot, …",
    "findings": "rules that it does not keep and that do not exclude it",
}


def schemas(dimension_ids: Sequence[str]) -> dict[str, "pa.Schema"]:
    """The columns of both configurations."""
    return {"chains": chains_schema(), "annotations": annotations_schema(dimension_ids)}


def explain(config: str, column: str, dimension_ids: Sequence[str]) -> str:
    """What a column of a configuration holds."""
    if config == "annotations":
        if column in dimension_ids:
            return f"rating of {column}, 1 (bad) to 5 (good)"
        if column.removesuffix("_note") in dimension_ids:
            return f"what the annotator added on {column.removesuffix('_note')}, null for nothing"
        return _ANNOTATIONS[column]
    return _CHAINS[column]
