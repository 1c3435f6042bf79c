"""The rules of a dataset: each has a name, a severity and its settings."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from pydantic import Field

from qreasoning.records import Rules

RuleName = Literal[
    "rating",
    "text",
    "script",
    "time",
    "state",
    "excluded",
    "prelabelled",
    "equal_ratings",
    "copy",
    "claims",
    "address",
]
RuleSeverity = Literal["reject", "warn", "off"]

SEVERITY: Mapping[RuleName, RuleSeverity] = MappingProxyType(
    {
        "rating": "reject",
        "text": "reject",
        "script": "reject",
        "time": "reject",
        "state": "reject",
        "excluded": "reject",
        "prelabelled": "reject",
        "equal_ratings": "warn",
        "copy": "warn",
        "claims": "warn",
        "address": "warn",
    }
)
"""Unless the settings say otherwise.

`rating`: all eight dimensions and the overall rating are there, and 1 to 5. `text`, `script`,
`time`: see `Rules`. `state`: skipped, or a draft that was never submitted. `excluded`: the project
file excludes the annotator; such answers are never published. `prelabelled`: the answer began from
a model's. `equal_ratings`: one value in all dimensions. `copy`: a text is nearly another one of the
same annotator. `claims`: the text says something else than the ratings. `address`: a text holds an
e-mail address; it is masked whatever the severity.
"""


class DatasetRules(Rules):
    """What an annotation must satisfy to be in a dataset."""

    alike: float | None = Field(default=0.6, gt=0, le=1)
    """A text that shares this part of its word pairs with an earlier one of the same annotator is a
    near copy. null: nothing is, as for simulated texts that come from templates."""
    severity: dict[RuleName, RuleSeverity] = Field(default_factory=dict)
    """`reject` keeps an answer aside, `warn` keeps it with the finding, `off` does not look; for
    rules that are not named here see the documentation of the rules."""

    def of(self, rule: RuleName) -> RuleSeverity:
        """How severe a breach of a rule is."""
        return self.severity.get(rule, SEVERITY[rule])
