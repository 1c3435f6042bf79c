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


def _number_is_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) else value


class Guidelines(Settings):
    """What annotators are told before they begin."""

    file: str = "guidelines.md"
    """A Markdown file in annotation/."""
    version: Annotated[str, BeforeValidator(_number_is_text)] = Field(
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


class Repeats(Settings):
    """Pictures shown a second time to the same annotator, to see how steady the answers are."""

    share: float = Field(default=0.1, ge=0, le=1)
    """Of an annotator's ordinary pictures."""
    distance: int = Field(default=20, ge=0)
    """Pictures between the two showings, at least."""


Question = Literal["rate", "choose"]


class Judging(Settings):
    """What the annotators of a `kind: judge` project judge."""

    question: Question = "rate"
    """`rate`: one text at a time, for correctness, completeness and likeness to a person; `choose`:
    the better of two."""
    predictions: tuple[str, ...] = ()
    """Models whose texts are judged: names in outputs/predictions, such as
    `q-reasoning-001/koniq-1.0.0-test`."""
    humans: str | None = None
    """The annotation project whose pulled answers are judged beside them."""
    humans_per_image: int = Field(default=1, ge=1)
    """How many people's texts of each picture, by chance."""
    seed: int = 0
    """Another seed takes other people's texts."""

    @field_validator("predictions")
    @classmethod
    def _models_differ(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        twice = next((each for each in value if value.count(each) > 1), None)
        if twice is not None:
            raise ValueError(f"'{twice}' is listed twice, remove one")
        return value

    @model_validator(mode="after")
    def _something_to_judge(self) -> "Judging":
        if not self.predictions and self.humans is None:
            raise ValueError("neither 'predictions' nor 'humans' is given, name what is judged")
        return self


def _text_is_a_file(value: Any) -> Any:
    return {"file": value} if isinstance(value, str) else value


class ProjectFile(Settings):
    """What `annotation/<project>.yaml` may say."""

    title: str
    """The project's name in Label Studio, 3 to 50 characters."""
    kind: Literal["annotate", "judge"] = "annotate"
    """`annotate`: people describe and rate pictures; `judge`: they judge texts about pictures."""
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
    blind: bool = False
    """Whether each annotator has a project of their own on the server, in an order of their own,
    in which nothing tells of the others; always so where `kind` is judge."""
    seed: int = 0
    """Another seed gives blind annotators other pictures in another order."""
    repeats: Repeats | None = None
    """Pictures that are shown a second time, unannounced. Needs `blind`."""
    gold: str | None = None
    """A .csv file with the columns name, field, low, high, relative to the study: what an attentive
    annotator answers to some of the pictures. Everybody is shown them, unannounced. Needs `blind`.
    """
    pilot: str | None = None
    """A list of pictures that everybody is shown first, to see who qualifies: one path per line, or
    a .csv with a column `name`, relative to the study. Needs `blind`."""
    prelabel: str | None = None
    """A model's predictions that annotators find in the form, to be corrected: a name in
    outputs/predictions. Such answers are marked for ever and are no data of people alone."""
    exclude: tuple[Annotated[str, AfterValidator(_person)], ...] = ()
    """Annotators whose answers are left out of datasets: e-mail addresses or names. Nothing else
    excludes anybody."""
    judge: Judging | None = None
    """What is judged, where `kind` is judge."""
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

    @model_validator(mode="after")
    def _campaign(self) -> "ProjectFile":
        if (self.kind == "judge") != (self.judge is not None):
            wanted = "needs 'judge', what is judged" if self.judge is None else "has no 'judge'"
            raise ValueError(f"kind: {self.kind} {wanted}")
        for key in ("gold", "prelabel"):
            if self.kind == "judge" and getattr(self, key) is not None:
                raise ValueError(f"'{key}' is for annotations, remove it where kind is judge")
        hidden = [key for key in ("repeats", "gold", "pilot") if getattr(self, key) is not None]
        if hidden and not self.is_blind:
            raise ValueError(f"'{hidden[0]}' needs an order for each annotator, set blind: true")
        if self.is_blind and not self.annotators:
            raise ValueError("a blind project needs to know its annotators, say how many or who")
        if self.is_blind and self.annotators_per_image > self.people:
            raise ValueError(
                f"'annotators_per_image' is {self.annotators_per_image}, but there are "
                f"{self.people} annotators"
            )
        return self

    @property
    def is_blind(self) -> bool:
        """Whether each annotator has a project of their own on the server."""
        return self.blind or self.kind == "judge"

    @property
    def people(self) -> int:
        """How many annotators log-ins are made for."""
        return self.annotators if isinstance(self.annotators, int) else len(self.annotators)
