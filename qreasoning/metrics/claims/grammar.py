"""From a clause to claims: what its terms, amounts, negations, degrees and wishes come to.

Amounts and presence speak for what is wanted and against what is not: little noise is good, little
detail is bad. `not X` is the other side, and weaker for `not very X`; `should be sharper` and
`needs more light` say what is missing.
"""

from qreasoning.metrics.claims.claim import Claim, Context
from qreasoning.metrics.claims.clauses import Clause
from qreasoning.metrics.claims.frame import UNKNOWN, Frame, sense_kind
from qreasoning.metrics.claims.lexicon import Head, Sense
from qreasoning.metrics.claims.negation import Negation

UNSEEN = "unseen"
"""The mode of a claim that something cannot be made out, which darkness or noise may explain."""

_WHOLE = frozenset({"image", "scene", "background"})


def read(clause: Clause, context: Context) -> tuple[list[Claim], Context]:
    """The claims of a clause, and what the next one takes over."""
    reading = _Reading(clause, context)
    return reading.claims(), Context(reading.frame.carried(), reading.bare)


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
        self.bare: Claim | None = None

    def claims(self) -> list[Claim]:
        """The claims of the clause, in the order of its words."""
        presence: dict[int, list[tuple[int, Sense]]] = {}
        spoken: set[int] = set()
        for i, item in enumerate(self.frame.items):
            if item.kind == "E" and not self._former(i) and not self._infinitive(i):
                self._term(i, presence, spoken)
            elif item.kind.startswith("participle"):
                self._participle(i, spoken)
        for i in self.frame.heads:
            head = self.frame.head(i)
            if i not in presence and i not in spoken and head.kind in ("defect", "good"):
                presence[i] = []
        for i, said in presence.items():
            if i not in spoken or self.frame.head(i).kind != "defect" or i < 0:
                self._presence(i, said)
        self._numbers()
        return sorted(self.made, key=lambda claim: claim.span)

    def _numbers(self) -> None:
        """Marks beside a head: `framing 5`, `noise: 2/5`, `content 7/10`."""
        for i in self.frame.heads:
            if i + 1 < len(self.frame.items) and self.frame.kinds[i + 1] == "x":
                mark = _mark(self.frame.items[i + 1].word)
                head = self.frame.head(i)
                last = i + 2 == len(self.frame.items) or self.frame.kinds[i + 2] == ","
                if mark is not None and last and head.dimension and head.kind != "region":
                    self.made = [c for c in self.made if c.span[0] != self.frame.items[i].start]
                    self._add(head.dimension, mark, "image", head.mode, i, i + 1, [])

    def _infinitive(self, i: int) -> bool:
        """Whether a judgement is a verb: `nothing to correct`."""
        term = self.frame.items[i].entry.term
        before = self.frame.items[i - 1].word if i else ""
        return before == "to" and term is not None and term.generic is not None

    def _former(self, i: int) -> bool:
        """Whether a term is where something came from: `went from terrible to good`."""
        return (
            i > 0
            and self.frame.items[i - 1].word == "from"
            and any(item.word == "to" for item in self.frame.items[i + 1 : i + 4])
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
            if sense is None or (item.entry.form == "ly" and sense.kind == "content"):
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
                if sense.kind == "seen" and self._only_names(i, j, head):
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

    def _by_agent(
        self, i: int, presence: dict[int, list[tuple[int, Sense]]], spoken: set[int]
    ) -> bool:
        """Whether a verb speaks of who does it: `shadows swallow her face`, `lost to the shadows`."""
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
            self._add("sharpness", -1.5, "image", UNSEEN, i, j, operators)
        elif "every" in near and "can" in self.frame.kinds:
            self._add("sharpness", 2, "image", "", i, j, operators)

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
        if head.kind == "region" and head.name not in ("image", "scene", "background", "smooth"):
            return
        if dimension is None:
            return
        if head.kind == "defect" and sense.value > 0 and self.frame.forward(i) == j:
            return
        mode = head.mode
        self._polar(i, j, head, dimension, Sense(dimension, sense.value, mode))

    def _polar(self, i: int, j: int, head: Head, dimension: str, sense: Sense) -> None:
        operators = self.negation.operators(i, j)
        if sense.kind == "bokeh":
            self._bokeh(i, j, head, operators)
            return
        value, mode = self._graded(i, sense)
        if self.frame.compared(i) and any(item.word == "than" for item in self.frame.items[i:]):
            first = self.frame.items[0].word
            if first in ("nothing", "never", "no", "rarely"):
                operators, value = [], 2.5 if sense.value > 0 else -2.5
            elif first in ("everything", "all", "anything"):
                value = -value
        if len(operators) % 2:
            value = _denied(value, self.frame.degree(i), self.frame.items[i].entry.form)
            mode = ""
            if self._neither_extreme(operators, sense):
                value = 0
        value, mode = self._if_wished(i, value, mode, len(operators))
        locus = self.frame.locus(i, j, head)
        self._add(dimension, value, locus, mode, i, j, operators)

    def _neither_extreme(self, operators: list[int], sense: Sense) -> bool:
        """Whether two opposite ends are denied at once: `neither good nor bad`."""
        if not any(self.frame.items[k].word == "neither" for k in operators):
            return False
        for item in self.frame.items:
            senses = item.entry.term.senses.values() if item.entry.term else ()
            if any(o and o.kind == sense.kind and o.value * sense.value < 0 for o in senses):
                return True
        return False

    def _bokeh(self, i: int, j: int, head: Head, operators: list[int]) -> None:
        degree = self.frame.degree(i)
        if degree in ("too", "badly") and not operators:
            self._add("sharpness", -1, "background", "", i, j, operators)
        else:
            self._add("sharpness", 0, "background", "", i, j, operators)

    def _graded(self, i: int, sense: Sense) -> tuple[float, str]:
        value, mode = sense.value, sense.mode
        degree = self.frame.degree(i)
        form = self.frame.items[i].entry.form
        if degree == "too":
            if value > 0:
                return -2, "over"
            return value - 0.5, mode
        if degree == "badly" and value > 0:
            return -value, ""
        if degree in ("very", "well", "badly") and value:
            value += 0.5 if value > 0 else -0.5
        if degree == "slightly":
            value *= 0.5
        before = self.frame.items[i - 1].word if i else ""
        if before in ("less", "fewer"):
            return -value * 0.5, ""
        if form == "er" or before in ("more",):
            value *= 0.75
            if self._than_ideal(i):
                value, mode = -2, mode or "over"
        return max(-3.0, min(3.0, value)), mode

    def _than_ideal(self, i: int) -> bool:
        words = [item.word for item in self.frame.items[i + 1 : i + 6]]
        if "than" not in words:
            return False
        after = words[words.index("than") + 1 :]
        return any(
            word in ("ideal", "necessary", "needed", "desired", "should", "wanted", "optimal")
            or word in ("desirable", "required", "it should", "like", "want", "good", "right")
            for word in after
        )

    def _if_wished(self, i: int, value: float, mode: str, negations: int) -> tuple[float, str]:
        if self.frame.wished is None or i < self.frame.wished or value == 0:
            return value, mode
        compared = self.frame.compared(i)
        if negations % 2 and compared:
            return 3, ""
        if negations % 2:
            return (-2, mode) if value > 0 else (value, mode)
        if compared:
            return -2, "over" if mode == "under" else "under" if mode == "over" else mode
        return (-2, mode) if value > 0 else (value, mode)

    def _participle(self, i: int, spoken: set[int]) -> None:
        """`well exposed`, `badly framed`, `rendered faithfully`."""
        manner = self.frame.manner(i)
        if not manner:
            return
        worse = (
            self.frame.kinds[manner[0]] == "badly" or self.frame.items[manner[0]].word == "worse"
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
            final = _denied(value, "", "") if len(operators) % 2 else value
            final, _ = self._if_wished(i, final, "", len(operators))
            self._add(
                dimension or "overall", final, self.frame.locus(i, j, head), "", i, j, operators
            )

    def _presence(self, j: int, said: list[tuple[int, Sense]]) -> None:
        """What the amounts and the presence of a head come to."""
        head = self.frame.head(j)
        if head.name == "distortion" and any(
            k != j and self.frame.head(k).kind == "defect" for k in self.frame.heads
        ):
            return
        there, size = 1.0, 2.0
        operators = {k for k, first, end in self.negation.scopes if j >= 0 and first <= j < end}
        if not said and head.kind == "defect":
            operators.update(self._never(j))
        wish = self.frame.wished is not None and (
            j > self.frame.wished
            or any(i > self.frame.wished and self.frame.compared(i) for i, _ in said)
        )
        more = False
        for i, sense in said:
            operators.update(self.negation.operators(i, j))
            there *= 1 if sense.value > 0 else -1
            if sense.kind == "bother":
                if len(self.negation.operators(i, -1)) % 2:
                    self._add(head.dimension or "overall", 0, "image", "", i, j, [])
                    return
            elif sense.kind == "mild":
                size = 1.0
            elif self._small(i, j):
                size, there = 1.0, 1.0
            elif sense.kind == "much" and abs(sense.value) > 2:
                size = 3.0
            if self.frame.degree(i) == "very":
                size = min(3.0, size + 0.5)
            if self.frame.degree(i) == "slightly":
                size = 1.0
            if self.frame.degree(i) == "too" and sense.kind == "much" and sense.value > 0:
                self._excess(i, j, head)
                return
            more = more or self.frame.compared(i)
        if not said and not operators and head.kind != "defect" and not self._had(j, wish):
            return
        if wish and len(operators) % 2 and any(self.frame.compared(i) for i, _ in said):
            there, size, operators = abs(there), 3.0, set()
        elif wish and head.kind != "defect" and len(operators) % 2 == 0:
            there = -abs(there)
        elif wish and head.kind == "defect" and more:
            there = 1.0
        if len(operators) % 2:
            there = -there
        wanted = -1 if head.kind == "defect" else 1
        dimension = head.dimension
        if any(sense.kind == "seen" for _, sense in said) and head.seen:
            dimension = head.seen
        if dimension is None:
            return
        value = there * wanted * size
        if self.frame.clause.link == "despite" and value < 0:
            value = -1.0
        mode = head.mode if value < 0 else ""
        first = [i for i, _ in said]
        self._add(
            dimension,
            value,
            self.frame.locus(j, j, head),
            mode,
            *_ends(j, first),
            sorted(operators),
        )
        if not operators and head.kind == "defect" and j >= 0:
            self.bare = self.made[-1]

    def _small(self, i: int, j: int) -> bool:
        """Whether `little` is no amount: `little squares`."""
        return j > i and self.frame.items[i].word == "little" and self.frame.items[j].word[-1] == "s"

    def _never(self, j: int) -> list[int]:
        """The negation of the verb whose subject the defect is: `flare never reaches the face`."""
        if j not in self.frame.subjects or any(item.kind == "E" for item in self.frame.items):
            return []
        following = [k for k in range(j + 1, min(j + 4, len(self.frame.items)))]
        found = [k for k in following if self.frame.kinds[k] == "not" and self._said_not(k)]
        return found[:1] if found and found[0] + 1 < len(self.frame.items) else []

    def _said_not(self, k: int) -> bool:
        return self.frame.items[k].word != "nor" and "no" not in self.frame.kinds[:k]

    def _had(self, j: int, wish: bool) -> bool:
        """Whether a wanted thing without a term is said to be there, or wished for."""
        if wish and self.frame.wished is not None and self.frame.wished >= 0:
            return self.frame.kinds[self.frame.wished] == "need"
        before = self.frame.items[j - 1]
        return before.kind == "have" and before.word not in ("with", "using", "use", "including")

    def _excess(self, i: int, j: int, head: Head) -> None:
        if head.dimension is not None:
            operators = self.negation.operators(i, j)
            value = 1.0 if len(operators) % 2 else -2.5
            self._add(head.dimension, value, self.frame.locus(i, j, head), "over", i, j, operators)

    def _add(
        self,
        dimension: str,
        value: float,
        locus: str,
        mode: str,
        i: int,
        j: int,
        operators: list[int],
    ) -> None:
        places = [k for k in (i, j, *operators) if 0 <= k < len(self.frame.items)]
        start = min(self.frame.items[k].start for k in places)
        end = max(self.frame.items[k].end for k in places)
        value = round(max(-3.0, min(3.0, value)), 2)
        polarity = (value > 0) - (value < 0)
        self.made.append(
            Claim(dimension, polarity, value, locus, mode if value < 0 else "", (start, end))
        )


def _ends(j: int, terms: list[int]) -> tuple[int, int]:
    places = [each for each in (j, *terms) if each >= 0]
    return min(places), max(places)


def _denied(value: float, degree: str, form: str) -> float:
    """The value of `not X`: the other side, and weaker for `not very X` and `not the best`."""
    if value == 0:
        return -2.0
    if value >= 3 or form == "est":
        return -1.0
    if degree in ("very", "too") or abs(value) <= 1:
        return -1.0 if value > 0 else 1.0
    return -2.0 if value > 0 else 2.0


def _mark(word: str) -> float | None:
    """The value of a mark from 1 to 5, or of one with its scale such as `7/10`."""
    part, _, whole = word.partition("/")
    try:
        stars = float(part) * (5 / float(whole) if whole else 1)
    except (ValueError, ZeroDivisionError):
        return None
    if not 0 < stars <= 5 or (not whole and stars < 1):
        return None
    return 0.0 if 2.5 <= stars <= 3.5 else stars - 3
