"""What `annotation/<project>.yaml` may say."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from qreasoning.records import CampaignRules
from qreasoning.scores import ScoreSet
from qreasoning.settings import Settings

_PERSON = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}(@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+)?")


def _person(value: str) -> str:
    if not _PERSON.fullmatch(value):
        raise ValueError(f"'{value}' is neither an e-mail address nor a name of letters and digits")
    return value.lower()


class Sampling(Settings):
    """Which of the listed pictures are annotated."""

    take: Literal["all", "random", "stratified"] = "all"
    """All; `random`: n by chance; `stratified`: n, as even as can be over the tenths of the MOS."""
    n: int | None = Field(default=None, ge=1)
    """How many, for random and stratified. A larger n later keeps all that were taken before."""
    seed: int = 0
    """Another seed takes other pictures."""

    @model_validator(mode="after")
    def _n_where_it_counts(self) -> "Sampling":
        if (self.n is None) != (self.take == "all"):
            wanted = "goes without 'n'" if self.take == "all" else "needs 'n', how many pictures"
            raise ValueError(f"take: {self.take} {wanted}")
        return self


class Guidelines(Settings):
    """What annotators are told before they begin."""

    file: str = "guidelines.md"
    """A Markdown file in annotation/."""
    version: Annotated[str, BeforeValidator(lambda value: str(value))] = Field(
        default="1", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,19}$"
    )
    """Recorded with each answer; raise it whenever the text changes its meaning."""
    consent: str | None = None
    """A Markdown file in annotation/ with what people agree to; it is shown first, unasked."""


class Importing(Settings):
    """How an existing Label Studio export names things (`qr annotate import`)."""

    image: str = "image"
    """The key of a task's data that holds the picture's path or address."""
    fields: dict[str, str] = Field(default={})
    """Control names there, by the names here: `sharpness: Sharpness`, `caption: description`."""
    annotators: dict[str, str] = Field(default={})
    """Who an account there is here: by its number or e-mail address, an e-mail address or name."""


def _text_is_a_file(value: Any) -> Any:
    return {"file": value} if isinstance(value, str) else value


class ProjectFile(Settings):
    """What `annotation/<project>.yaml` may say."""

    title: str
    """The project's name in Label Studio, 3 to 50 characters."""
    images: str | None = None
    """The folder of the pictures, relative to the study (or absolute)."""
    manifest: str | None = None
    """A file that lists the pictures to take, relative to the study: one path per line, or a .csv
    with a column `name`. Paths are relative to `images`, or to the list's own folder without it."""
    scores: ScoreSet | None = None
    """A MOS list that names the pictures, written as in dataset.yaml; its `images` is the folder of
    the pictures where `images` is not given."""
    source: str | None = None
    """Where the pictures are to be had; shown where they are missing."""
    sampling: Sampling = Sampling()
    """Which of the listed pictures are annotated."""
    long_side: int | None = Field(default=None, ge=64, le=20_000)
    """Larger pictures are shown scaled down to this many pixels on their longer side; none is ever
    scaled up, and a picture's identity stays that of the original file."""
    annotators: (
        Annotated[int, Field(ge=0, le=1000)] | tuple[Annotated[str, AfterValidator(_person)], ...]
    ) = 3
    """How many log-ins are made, or for whom (e-mail addresses or names); 0 where everybody has an
    account already."""
    annotators_per_image: int = Field(default=2, ge=1, le=1000)
    """How many people annotate each picture."""
    dimensions: str = "dimensions"
    """The dimension schema: the name of a YAML file in annotation/."""
    guidelines: Annotated[Guidelines | None, BeforeValidator(_text_is_a_file)] = Guidelines()
    """What annotators are told: a Markdown file in annotation/, or file, version and consent."""
    importing: Importing = Importing()
    """How an existing Label Studio export names things."""
    simulated: bool = False
    """Whether the answers come from a program; everything made from them then says so."""
    rules: CampaignRules = CampaignRules()
    """What an annotation must satisfy."""

    @field_validator("title")
    @classmethod
    def _title(cls, value: str) -> str:
        value = value.strip()
        if not 3 <= len(value) <= 50:
            raise ValueError(f"has {len(value)} characters, Label Studio wants 3 to 50")
        if not value.isprintable():
            raise ValueError("must be one line of printable characters")
        return value

    @field_validator("annotators")
    @classmethod
    def _people_differ(cls, value: int | tuple[str, ...]) -> int | tuple[str, ...]:
        people = value if isinstance(value, tuple) else ()
        twice = next((each for each in people if people.count(each) > 1), None)
        if twice is not None:
            raise ValueError(f"'{twice}' is listed twice, remove one")
        return value

    @model_validator(mode="after")
    def _some_pictures(self) -> "ProjectFile":
        if self.images is None and self.manifest is None and self.scores is None:
            raise ValueError(
                "neither 'images' nor 'manifest' nor 'scores' is given, name a folder or a list"
            )
        if self.manifest is not None and self.scores is not None:
            raise ValueError("'manifest' and 'scores' both list pictures, keep one of them")
        if self.sampling.take == "stratified" and self.scores is None:
            raise ValueError("sampling over the MOS scale needs 'scores', a list with a MOS")
        if self.scores is not None and self.images is None and self.scores.images is None:
            raise ValueError("'scores' has no 'images', name the folder of the pictures")
        return self
