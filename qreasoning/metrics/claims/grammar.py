"""From a clause to claims: what its terms, amounts, negations, degrees and wishes come to.

Amounts and presence speak for what is wanted and against what is not: little noise is good, little
detail is bad. `not X` is the other side, and weaker for `not very X`; `should be sharper` and
`needs more light` say what is missing.
"""

from qreasoning.metrics.claims.claim import Claim, Context
from qreasoning.metrics.claims.clauses import Clause, is_finite
from qreasoning.metrics.claims.entries import DIMENSIONS, Head, Sense
from qreasoning.metrics.claims.frame import UNKNOWN, Frame, sense_kind
from qreasoning.metrics.claims.grades import denied, graded, wished
from qreasoning.metrics.claims.items import Item
from qreasoning.metrics.claims.marks import mark
from qreasoning.metrics.claims.negation import Negation
from qreasoning.metrics.claims.presence import Presence

UNSEEN = "unseen"
"""The mode of a claim that something cannot be made out, which darkness or noise may explain."""

_LOOKING = frozenset(
    {"check", "checked", "checking", "assess", "assessed", "assessing", "examine", "examined"}
    | {"inspect", "inspected", "compared", "consider", "considered", "considering"}
)
_WHOLE = frozenset({"image", "scene", "background"})


def read(clause: Clause, context: Context) -> tuple[list[Claim], Context]:
    """The claims of a clause, and what the next one takes over."""
    reading = _Reading(clause, context)
    return reading.claims(), Context(reading.frame.carried(), reading.presence.bare)


def answered(claims: list[Claim], context: Context) -> bool:
    """Whether a clause judges what the one before only named: `some grain, but it is minor`."""
    bare = context.bare
    return bare is not None and any(
        claim.dimension == bare.dimension and claim.span[0] > bare.span[1] for claim in claims
    )


class _Reading:
    def __init__(self, clause: Clause, context: Context) -> None:
        self.frame = Frame(clause, context)
        self.negation = Negation(self.frame)
        self.made: list[Claim] = []
        self.presence = Presence(self.frame, self.negation)

    def claims(self) -> list[Claim]:
        """The claims of the clause, in the order of its words."""
        presence: dict[int, list[tuple[int, Sense]]] = {}
        spoken: set[int] = set()
        for i, item in enumerate(self.frame.items):
            if item.kind == "E" and not self._is_no_term(i):
                self._term(i, presence, spoken)
            elif item.kind.startswith("participle"):
                self._participle(i, spoken)
        for i in self.frame.heads:
            head = self.frame.head(i)
            judged = head.kind == "good" or (head.kind == "defect" and not self._looked_at(i))
            if i not in presence and i not in spoken and judged:
                presence[i] = []
        for i, said in presence.items():
            if i not in spoken or self.frame.head(i).kind != "defect" or i < 0:
                found = self.presence.claim(i, said)
                self.made += [found] if found else []
        self._numbers()
        return sorted(self.made, key=lambda claim: claim.span)

    def _numbers(self) -> None:
        """Marks beside a head: `framing 5`, `noise: 2/5`, `content 7/10`."""
        for i in self.frame.heads:
            if i + 1 < len(self.frame.items) and self.frame.kinds[i + 1] == "x":
                value = mark(self.frame.items[i + 1].word)
                head = self.frame.head(i)
                last = i + 2 == len(self.frame.items) or self.frame.kinds[i + 2] == ","
                if value is not None and last and head.dimension and head.kind != "region":
                    self.made = [c for c in self.made if c.span[0] != self.frame.items[i].start]
                    self.made.append(
                        self.frame.claim(head.dimension, value, "image", head.mode, i, i + 1)
                    )

    def _is_no_term(self, i: int) -> bool:
        frame = self.frame
        return self._former(i) or self._infinitive(i) or frame.qualifies(i) or self._of_verb(i)

    def _of_verb(self, i: int) -> bool:
        """Whether an amount says how much of a judgement: `the contrast suffers a lot`, `faded so
        much`."""
        last = i - 1
        while last >= 0 and (
            self.frame.kinds[last] == "det" or self.frame.items[last].word == "so"
        ):
            last -= 1
        if last < 0 or sense_kind(self.frame.items[i]) != "much":
            return False
        term = self.frame.items[last].entry.term
        judged = term is not None and (
            term.generic is not None
            or any(s and s.kind in DIMENSIONS for s in term.senses.values())
        )
        return judged and self.frame.forward(i) is None

    def _looked_at(self, i: int) -> bool:
        """Whether a defect is only what somebody looked for: `I checked the noise`."""
        return any(item.word in _LOOKING for item in self.frame.items[max(0, i - 4) : i])

    def _infinitive(self, i: int) -> bool:
        """Whether a judgement is a verb: `nothing to correct`."""
        term = self.frame.items[i].entry.term
        before = self.frame.items[i - 1].word if i else ""
        return before == "to" and term is not None and term.generic is not None

    def _former(self, i: int) -> bool:
        """Whether a term is where something came from: `went from terrible to good`; an amount
        also where it goes to: `three boats, from large to small`."""
        before = self.frame.items[i - 1].word if i else ""
        if before == "to" and self.frame.amount(i):
            return any(item.word == "from" for item in self.frame.items[max(0, i - 4) : i])
        return before == "from" and any(
            item.word == "to" for item in self.frame.items[i + 1 : i + 4]
        )

    def _term(self, i: int, presence: dict[int, list[tuple[int, Sense]]], spoken: set[int]) -> None:
        item = self.frame.items[i]
        if self._is_manner(i):
            self._participle(i, spoken)
            return
        if self._by_agent(i, presence, spoken):
            return
        polar = False
        for j in self.frame.bound(i):
            head = UNKNOWN if j == -2 else self.frame.head(j)
            sense = self._sense(i, j, head)
            if sense is None or self._only_manner(item, head, sense):
                continue
            if (
                j == -1
                and item.entry.term is not None
                and item.entry.term.verb
                and self.frame.active(i)
            ):
                continue
            if sense.kind == "legible":
                self._legible(i, j)
            elif sense.kind in ("much", "mild", "seen", "bother"):
                if sense.kind == "seen" and (self._only_names(i, j, head) or self._found(i, j)):
                    continue
                if j >= 0 or (head.dimension and head.name != "image"):
                    presence.setdefault(j, []).append((i, sense))
            elif sense.kind == "good":
                self._good(i, j, head, sense)
                if head.kind != "defect" or sense.value == 0:
                    spoken.add(j)
            elif not polar:
                polar = True
                if head.kind != "defect" or sense.kind == head.dimension:
                    spoken.add(j)
                self._polar(i, j, head, sense.kind, sense)

    def _only_manner(self, item: Item, head: Head, sense: Sense) -> bool:
        """Whether a term says how or where, and judges nothing: `usually`, `at every edge`."""
        if item.entry.form == "ly" and (sense.kind == "content" or sense.value == 0):
            return True
        return head.kind == "defect" and item.word.startswith("every ")

    def _by_agent(
        self, i: int, presence: dict[int, list[tuple[int, Sense]]], spoken: set[int]
    ) -> bool:
        """Whether a verb speaks of who does it: `shadows swallow her face`, `lost to shadow`."""
        senses = self.frame.items[i].entry.term.senses  # type: ignore[union-attr]
        for j in self.frame.agents(i):
            head = self.frame.head(j)
            sense = senses.get(f"by {head.name}") or senses.get(f"by {head.kind}")
            if sense is None:
                continue
            if sense.kind == "seen":
                presence.setdefault(j, []).append((i, sense))
            else:
                spoken.add(j)
                self._polar(i, j, head, sense.kind, sense)
            return True
        return False

    def _legible(self, i: int, j: int) -> None:
        """What can or cannot be made out: `each spoke can be counted`, `I cannot read the sign`."""
        operators = self.negation.operators(i, j)
        near = self.frame.kinds[max(0, i - 5) : i + 5]
        if len(operators) % 2:
            self.made.append(self.frame.claim("sharpness", -1.5, "image", UNSEEN, i, j, *operators))
        elif "every" in near and "can" in self.frame.kinds:
            self.made.append(self.frame.claim("sharpness", 2, "image", "", i, j, *operators))

    def _is_manner(self, i: int) -> bool:
        """Whether a verb of showing is qualified (`rendered beautifully`)."""
        item = self.frame.items[i]
        if item.entry.form != "ed" or sense_kind(item) != "seen" or not self.frame.manner(i):
            return False
        kinds = {self.frame.head(j).kind for j in self.frame.bound(i)}
        return not kinds & {"defect", "region"}

    def _only_names(self, i: int, j: int, head: Head) -> bool:
        """Whether `the visible object` only says which one is meant."""
        named = head.name == "subject" and self.frame.forward(i) == j
        return named and not self.frame.takes_object(i)

    def _found(self, i: int, j: int) -> bool:
        """Whether `I find the colors dull` says what they are, not that they are there."""
        if not i < j < len(self.frame.items) - 1 or self.frame.kinds[j + 1] != "E":
            return False
        return not is_finite(self.frame.items[j + 1]) and self.frame.forward(j + 1) is None

    def _sense(self, i: int, j: int, head: Head) -> Sense | None:
        senses = self.frame.items[i].entry.term.senses  # type: ignore[union-attr]
        own = head.dimension if head.kind != "region" else None
        keys: tuple[str | None, ...] = (head.name, own, head.kind, "*")
        if j == -1 and self.frame.context.subject is None:
            keys = ("*", "*", "*", "*")
        elif j > i and head.kind == "region" and head.name not in _WHOLE:
            keys = ("described", *keys)
        for key in keys:
            if key is not None and key in senses:
                return senses[key]
        return None

    def _good(self, i: int, j: int, head: Head, sense: Sense) -> None:
        dimension = head.dimension
        if head.name == "hue" and 0 < j < i and self.frame.items[j - 1].word == "the":
            dimension = "colorfulness"  # `the blue is gorgeous`
        elif head.kind == "region" and head.name not in ("image", "scene", "background", "smooth"):
            return
        if dimension is None:
            return
        if head.kind == "defect" and sense.value > 0 and self.frame.forward(i) == j:
            return
        mode = head.mode
        self._polar(i, j, head, dimension, Sense(dimension, sense.value, mode))

    def _polar(self, i: int, j: int, head: Head, dimension: str, sense: Sense) -> None:
        other = head.kind == "defect" and dimension not in (head.dimension, "overall")
        # `Not a block, and clean as a whistle`: that there is no block does not deny that.
        operators = self.negation.operators(i, -1 if other else j)
        if sense.kind == "bokeh":
            self._bokeh(i, j, operators)
            return
        value, mode = graded(self.frame, i, sense)
        if self.frame.compared(i) and any(item.word == "than" for item in self.frame.items[i:]):
            first = self.frame.items[0].word
            if first in ("nothing", "never", "no", "rarely"):
                operators, value = [], 2.5 if sense.value > 0 else -2.5
            elif first in ("everything", "all", "anything"):
                value = -value
        if len(operators) % 2:
            value = denied(value, self.frame.degree(i), self.frame.items[i].entry.form)
            mode = ""
            if self._neither_extreme(operators, sense):
                value = 0
        value, mode = wished(self.frame, i, value, mode, len(operators))
        locus = self.frame.locus(i, j, head)
        self.made.append(self.frame.claim(dimension, value, locus, mode, i, j, *operators))

    def _neither_extreme(self, operators: list[int], sense: Sense) -> bool:
        """Whether two opposite ends are denied at once: `neither good nor bad`."""
        if not any(self.frame.items[k].word == "neither" for k in operators):
            return False
        for item in self.frame.items:
            senses = item.entry.term.senses.values() if item.entry.term else ()
            if any(o and o.kind == sense.kind and o.value * sense.value < 0 for o in senses):
                return True
        return False

    def _bokeh(self, i: int, j: int, operators: list[int]) -> None:
        too = self.frame.degree(i) in ("too", "badly") and not operators
        self.made.append(
            self.frame.claim("sharpness", -1 if too else 0, "background", "", i, j, *operators)
        )

    def _participle(self, i: int, spoken: set[int]) -> None:
        """`well exposed`, `badly framed`, `rendered faithfully`."""
        manner = self.frame.manner(i)
        if not manner:
            return
        worse = self.frame.kinds[manner[0]] == "badly" or self.frame.items[manner[0]].word in (
            "worse",
            "bad",
        )
        value = -2.0 if worse else 2.0
        target = self.frame.kinds[i].partition(" ")[2] or "head"
        bound = self.frame.bound(i)
        for j in bound if target == "head" else bound[:1]:
            head = self.frame.head(j)
            dimension = head.dimension if target == "head" else target
            of_head = target == "head" and head.name != "image"
            if of_head and (dimension is None or head.kind == "region"):
                continue
            if head.kind == "defect":
                continue
            spoken.add(j)
            operators = self.negation.operators(i, j)
            final = denied(value, "", "") if len(operators) % 2 else value
            final, _ = wished(self.frame, i, final, "", len(operators))
            locus = self.frame.locus(i, j, head)
            made = self.frame.claim(dimension or "overall", final, locus, "", i, j, *operators)
            self.made.append(made)
