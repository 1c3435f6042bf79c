"""An annotation, the rules it is checked against, and the columns of the stages' files."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from qreasoning.files import sha256_bytes
from qreasoning.scripts import Script, is_blank, share_written_in, words
from qreasoning.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

Severity = Literal["reject", "warn"]


class Rules(Settings):
    """What an annotation must satisfy; one that does not is kept aside with its reasons."""

    min_caption_words: int = Field(default=3, ge=0)
    """A caption with fewer words is rejected."""
    min_reasoning_words: int = Field(default=5, ge=0)
    """A reasoning with fewer words is rejected."""
    script: Script | None = None
    """The script that caption and reasoning are asked for in; a text of which less than half is
    written in it is rejected. null: any."""
    min_seconds: float = Field(default=0.0, ge=0)
    """An answer that took less time is rejected; one whose time is unknown is not."""


class CampaignRules(Rules):
    """What answers must satisfy while they are collected: `Rules`, and how alike texts may be."""

    alike: float | None = Field(default=0.6, gt=0, le=1)
    """A text that shares this part of its word pairs with an earlier one is reported as copied.
    null: nothing is, as for simulated texts that come from templates."""


@dataclass(frozen=True)
class Annotation:
    """One person's answer to one picture. Ratings are 1 to 5 or None where none was given."""

    image_id: str
    name: str
    annotator: str
    project: str
    ratings: Mapping[str, int | None]
    notes: Mapping[str, str | None]
    caption: str
    reasoning: str
    overall: int | None
    seconds: float | None
    created: str
    updated: str
    form_version: str
    prelabelled: bool = False
    labels: tuple[str, ...] = ()
    """What a reader should know of it: `edited by someone else`, `ground truth`, `older form`, …"""
    guidelines_version: str | None = None
    """The version of the guidelines that it was given under, where one is known."""


def check(annotation: Annotation, rules: Rules, dimension_ids: Sequence[str]) -> list[str]:
    """The reasons why an annotation breaks the rules, each a named finding; [] if it keeps them."""
    findings = []
    for field in (*dimension_ids, "overall"):
        value = annotation.overall if field == "overall" else annotation.ratings.get(field)
        if value is None:
            findings.append(f"missing {field}")
        elif not 1 <= value <= 5:
            findings.append(f"{field} out of range ({value})")
    for field, text, least in (
        ("caption", annotation.caption, rules.min_caption_words),
        ("reasoning", annotation.reasoning, rules.min_reasoning_words),
    ):
        findings += check_text(field, text, least, rules.script)
    if annotation.seconds is not None and annotation.seconds < rules.min_seconds:
        findings.append(f"too fast ({annotation.seconds:.1f} of {rules.min_seconds:g} s)")
    return findings


def check_text(field: str, text: str, least: int, script: Script | None) -> list[str]:
    """What is wrong with one text of an answer, by itself."""
    if is_blank(text):
        return [f"empty {field}"]
    count = len(words(text))
    findings = [f"{field} too short ({count} of {least} words)"] if count < least else []
    if script is not None and share_written_in(text, script) < 0.5:
        findings.append(f"{field} is not in {script} script")
    return findings


def people_digest(people: Iterable[str]) -> str:
    """What tells one list of people from another without naming them."""
    return sha256_bytes("\n".join(sorted({each.lower() for each in people})).encode())


def annotations_schema(dimension_ids: Sequence[str]) -> "pa.Schema":
    """Columns of `annotations`: a row per image and annotator."""
    import pyarrow as pa

    texts = [(name, pa.string()) for name in ("image_id", "name", "annotator", "project")]
    ratings = [(dimension, pa.int8()) for dimension in dimension_ids]
    notes = [(f"{dimension}_note", pa.string()) for dimension in dimension_ids]
    rest = [
        ("caption", pa.string()),
        ("reasoning", pa.string()),
        ("overall", pa.int8()),
        ("seconds", pa.float64()),
        ("created", pa.string()),
        ("updated", pa.string()),
        ("form_version", pa.string()),
        ("guidelines_version", pa.string()),
        ("prelabelled", pa.bool_()),
        ("labels", pa.list_(pa.string())),
        ("findings", pa.list_(pa.string())),
    ]
    return pa.schema([*texts, *ratings, *notes, *rest])


def annotation_row(annotation: Annotation, findings: Sequence[str]) -> dict[str, object]:
    """An annotation as a row of `annotations_schema`."""
    row = {key: value for key, value in vars(annotation).items() if key not in ("ratings", "notes")}
    notes = {f"{dimension}_note": note for dimension, note in annotation.notes.items()}
    lists = {"labels": list(annotation.labels), "findings": list(findings)}
    return {**row, **annotation.ratings, **notes, **lists}


def chains_schema() -> "pa.Schema":
    """Columns of `chains`: a row per image, its scores and the human chains of it.

    `human_low` and `human_high` bound the 95 % interval of `human_mos`; `dimensions` are the mean
    ratings of each dimension with theirs.
    """
    import pyarrow as pa

    chain = pa.struct(
        [
            ("annotator", pa.string()),
            ("caption", pa.string()),
            ("reasoning", pa.string()),
            ("rating", pa.float64()),
            ("prelabelled", pa.bool_()),
        ]
    )
    dimension = pa.struct(
        [
            ("dimension", pa.string()),
            ("mos", pa.float64()),
            ("n", pa.int32()),
            ("sd", pa.float64()),
            ("low", pa.float64()),
            ("high", pa.float64()),
        ]
    )
    return pa.schema(
        [
            ("image_id", pa.string()),
            ("name", pa.string()),
            ("source", pa.string()),
            ("reference_id", pa.string()),
            ("split", pa.string()),
            ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
            ("mos", pa.float64()),
            ("mos_source", pa.string()),
            ("mos_set", pa.string()),
            ("mos_raw", pa.float64()),
            ("human_mos", pa.float64()),
            ("human_n", pa.int32()),
            ("human_sd", pa.float64()),
            ("chains", pa.list_(chain)),
            ("mos_std", pa.float64()),
            ("mos_raw_std", pa.float64()),
            ("human_low", pa.float64()),
            ("human_high", pa.float64()),
            ("dimensions", pa.list_(dimension)),
        ]
    )


def predictions_schema() -> "pa.Schema":
    """Columns of a predictions file: a row per image and condition (`image` or `caption`)."""
    import pyarrow as pa

    texts_before = ("image_id", "name", "condition", "raw", "caption", "reasoning")
    texts_after = ("status", "stage2", "input_caption", "model_id", "adapter_sha", "prompt_sha")
    return pa.schema(
        [
            *((name, pa.string()) for name in texts_before),
            ("rating", pa.float64()),
            *((name, pa.string()) for name in texts_after),
        ]
    )
