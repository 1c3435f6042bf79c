"""The perception-reasoning chain and its text formats.

One object per format owns everything that has to agree: the prompts a model sees, how a chain is
written (`render`), how it is read (`parse`) and whether the reading was clean (`Parsed.ok`, which
is the format reward).

Sources: `q-reasoning` is the output format of H-IQA (arXiv 2512.16484), `q-insight` that of
Q-Insight (arXiv 2503.22679), `visualquality-r1` that of VisualQuality-R1 (arXiv 2505.14460). The
wording of the prompts is ours; the papers' tags and fields are kept.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Literal

from qreasoning.errors import DataError

RATING_MIN, RATING_MAX = 1.0, 5.0

Field = Literal["caption", "reasoning", "rating"]
Span = tuple[int, int]

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]{1,2})?")
_JSON_RATING = re.compile(r'\{\s*"rating"\s*:\s*(?P<number>[^\s{}]+)\s*\}')


@dataclass(frozen=True)
class Chain:
    """What is seen (`caption`), how that leads to a judgement (`reasoning`), and the `rating`.

    A field is None where the format has none or where it could not be read. Ratings are on [1, 5].
    """

    caption: str | None
    reasoning: str | None
    rating: float | None

    @property
    def text(self) -> str:
        """Caption and reasoning joined by a space, those that exist: the text that is compared."""
        return " ".join(part for part in (self.caption, self.reasoning) if part)


@dataclass(frozen=True)
class Parsed:
    """A completion as it was read: the fields, where they stand in the text, and a status.

    `status` is `ok`, `missing <field>`, `repeated <field>`, `order`, `text outside`,
    `empty <field>`, `bad rating` or `rating out of range`; where several apply, the first of these.
    `spans` maps each readable field to its (start, end) characters, white space around it excluded.
    """

    chain: Chain
    spans: Mapping[Field, Span]
    status: str

    @property
    def ok(self) -> bool:
        """True if the text is exactly one chain of the format: the format reward."""
        return self.status == "ok"


@dataclass(frozen=True)
class ChainFormat:
    """One way of writing a chain as text, with the prompts that ask for it.

    `tags` are the fields in their order with the tag each is written in. `stage2_prompt` has one
    place, `{text}`, for the caption (or the reasoning, where the format has no caption), and asks
    for the rating alone. `rating_as_json` writes the rating as `{"rating": 3.42}`.
    """

    name: str
    tags: tuple[tuple[Field, str], ...]
    prompt: str
    stage2_prompt: str
    system: str | None = None
    rating_as_json: bool = False

    @property
    def has_caption(self) -> bool:
        """Whether chains of this format have a caption of their own."""
        return any(field == "caption" for field, _ in self.tags)

    @property
    def example(self) -> Chain:
        """The chain that the prompt shows as its example."""
        caption = "A cat on a grey sofa, slightly blurred."
        reasoning = "The soft focus hides the fur, the light is even, so the quality is fair."
        return Chain(caption if self.has_caption else None, reasoning, 3.05)

    @property
    def before_rating(self) -> str:
        """The text of a stage-2 answer up to the first digit of its rating."""
        return f"<{self._rating_tag}>" + ('{"rating": ' if self.rating_as_json else "")

    @property
    def _rating_tag(self) -> str:
        return dict(self.tags)["rating"]

    def stage2_input(self, chain: Chain) -> str | None:
        """The text that stage 2 sees: the caption, or the reasoning where the format has none."""
        return chain.caption if self.has_caption else chain.reasoning

    def ask_again(self, text: str) -> str:
        """The stage-2 user prompt for a caption (or reasoning) `text`; no picture goes with it."""
        return self.stage2_prompt.replace("{text}", text)

    def render(self, chain: Chain) -> str:
        """Write a chain; `parse` reads the same chain back.

        Texts are trimmed and the rating gets two decimals. Raises DataError for a chain that this
        format cannot carry: a field missing, empty or holding one of the format's own tags, a
        field that the format does not have, a rating outside [1, 5].
        """
        parts = []
        for field, tag in self.tags:
            value = getattr(chain, field)
            content = self._rating_text(value) if field == "rating" else (value or "").strip()
            parts.append(f"<{tag}>{content}</{tag}>")
        text = "".join(parts)
        parsed = self.parse(text)
        if not parsed.ok:
            raise DataError(f"A chain cannot be written as {self.name}: {parsed.status}.")
        if chain.caption and not self.has_caption:
            raise DataError(f"A chain cannot be written as {self.name}: it has no caption.")
        return text

    def render_rating(self, rating: float) -> str:
        """Write the answer of stage 2: the rating alone, in its tag."""
        return f"<{self._rating_tag}>{self._rating_text(rating)}</{self._rating_tag}>"

    def parse(self, text: str) -> Parsed:
        """Read a completion. Never raises and never guesses: what cannot be read is None."""
        return self._read(text, self.tags)

    def parse_rating(self, text: str) -> Parsed:
        """Read the answer of stage 2: the rating alone, in its tag."""
        return self._read(text, (("rating", self._rating_tag),))

    def _rating_text(self, rating: float | None) -> str:
        if rating is None:
            return ""
        return f'{{"rating": {rating:.2f}}}' if self.rating_as_json else f"{rating:.2f}"

    def _read(self, text: str, tags: tuple[tuple[Field, str], ...]) -> Parsed:
        found = {field: _Tagged(text, tag) for field, tag in tags}
        spans: dict[Field, Span] = {
            field: tagged.content for field, tagged in found.items() if tagged.content is not None
        }
        values: dict[Field, str | float | None] = {
            field: text[start:end] or None for field, (start, end) in spans.items()
        }
        rating_problem = None
        if "rating" in spans and values["rating"] is not None:
            values["rating"], spans["rating"], rating_problem = self._read_rating(
                text, spans["rating"]
            )
        chain = Chain(values.get("caption"), values.get("reasoning"), values.get("rating"))  # type: ignore[arg-type]
        status = _layout_problem(text, found) or rating_problem or "ok"
        return Parsed(chain, MappingProxyType(spans), status)

    def _read_rating(self, text: str, span: Span) -> tuple[float | None, Span, str | None]:
        start, end = span
        if self.rating_as_json:
            match = _JSON_RATING.fullmatch(text, start, end)
            if match is None:
                return None, span, "bad rating"
            start, end = match.span("number")
        if _NUMBER.fullmatch(text, start, end) is None:
            return None, span, "bad rating"
        rating = float(text[start:end])
        if not RATING_MIN <= rating <= RATING_MAX:
            return None, (start, end), "rating out of range"
        return rating, (start, end), None


class _Tagged:
    """Where `<tag>` and `</tag>` stand in a text, and the trimmed content between the only pair."""

    def __init__(self, text: str, tag: str) -> None:
        opened = [match.span() for match in re.finditer(f"<{tag}>", text)]
        closed = [match.span() for match in re.finditer(f"</{tag}>", text)]
        self.repeated = len(opened) > 1 or len(closed) > 1
        self.outer: Span | None = None
        self.content: Span | None = None
        if len(opened) == len(closed) == 1 and opened[0][1] <= closed[0][0]:
            self.outer = (opened[0][0], closed[0][1])
            self.content = _trim(text, opened[0][1], closed[0][0])


def _trim(text: str, start: int, end: int) -> Span:
    inner = text[start:end]
    left = start + len(inner) - len(inner.lstrip())
    return left, max(left, start + len(inner.rstrip()))


def _layout_problem(text: str, found: Mapping[Field, _Tagged]) -> str | None:
    for field, tagged in found.items():
        if tagged.outer is None and not tagged.repeated:
            return f"missing {field}"
    for field, tagged in found.items():
        if tagged.repeated:
            return f"repeated {field}"
    outers = [tagged.outer for tagged in found.values() if tagged.outer is not None]
    if any(left[1] > right[0] for left, right in pairwise(outers)):
        return "order"
    gaps = zip(
        [0, *(end for _, end in outers)], [*(start for start, _ in outers), len(text)], strict=True
    )
    if any(text[start:end].strip() for start, end in gaps):
        return "text outside"
    for field, tagged in found.items():
        if tagged.content is not None and tagged.content[0] == tagged.content[1]:
            return f"empty {field}"
    return None


Q_REASONING = ChainFormat(
    name="q-reasoning",
    tags=(("caption", "caption"), ("reasoning", "reasoning"), ("rating", "rating")),
    prompt=(
        "Look at the picture. Write a caption of what you see, then your reasoning how that leads "
        "to its quality, then a rating from 1.00 (bad) to 5.00 (excellent). Answer exactly like "
        "this: <caption>A cat on a grey sofa, slightly blurred.</caption><reasoning>The soft focus "
        "hides the fur, the light is even, so the quality is fair.</reasoning>"
        "<rating>3.05</rating>"
    ),
    stage2_prompt=(
        "A picture is described like this: {text}\nRate its quality from 1.00 (bad) to 5.00 "
        "(excellent). Answer exactly like this: <rating>3.05</rating>"
    ),
)

Q_INSIGHT = ChainFormat(
    name="q-insight",
    tags=(("reasoning", "think"), ("rating", "answer")),
    prompt=(
        "Look at the picture. Think about its quality, then rate it from 1.00 (bad) to 5.00 "
        "(excellent). Answer exactly like this: <think>The soft focus hides the fur, the light is "
        'even, so the quality is fair.</think><answer>{"rating": 3.05}</answer>'
    ),
    stage2_prompt=(
        "Somebody thinks about a picture like this: {text}\nRate its quality from 1.00 (bad) to "
        '5.00 (excellent). Answer exactly like this: <answer>{"rating": 3.05}</answer>'
    ),
    rating_as_json=True,
)

VISUALQUALITY_R1 = ChainFormat(
    name="visualquality-r1",
    tags=(("reasoning", "think"), ("rating", "answer")),
    prompt=(
        "Look at the picture. Think about its quality, then rate it from 1.00 (bad) to 5.00 "
        "(excellent). Answer exactly like this: <think>The soft focus hides the fur, the light is "
        "even, so the quality is fair.</think><answer>3.05</answer>"
    ),
    stage2_prompt=(
        "Somebody thinks about a picture like this: {text}\nRate its quality from 1.00 (bad) to "
        "5.00 (excellent). Answer exactly like this: <answer>3.05</answer>"
    ),
)

FORMATS: Mapping[str, ChainFormat] = MappingProxyType(
    {each.name: each for each in (Q_REASONING, Q_INSIGHT, VISUALQUALITY_R1)}
)
