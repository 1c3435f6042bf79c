"""Reading a clause: which term speaks of which head, and what negation, degree and wish make of it.

A claim is made of a head (what is spoken of), a term (what is said of it) and the operators whose
scope covers either. Terms stand before their head (`heavy noise`), after a verb (`the noise is
heavy`) or before an object (`hides the detail`). Amounts and presence speak for what is wanted and
against what is not: little noise is good, little detail is bad.
"""

from typing import NamedTuple

from qreasoning.metrics.claims.clauses import Clause, Item, is_finite
from qreasoning.metrics.claims.lexicon import Head, Sense


class Claim(NamedTuple):
    """One thing that a text says of the quality of a picture.

    `dimension` is one of the eight or `overall`; `polarity` is -1 (bad), 0 (average, or no defect) or
    1 (good: 5 stars are good in every dimension, so `noisy` is -1); `value` from -3 to 3 is its
    strength with the same sign; `locus` is `image`, `subject` or `background`; `mode` parts opposite
    errors of one sign (`under`, `over`); `span` is the place of the words in the text; `tier` is 1
    for the lexicon, 2 for the learned tier.
    """

    dimension: str
    polarity: int
    value: float
    locus: str
    mode: str
    span: tuple[int, int]
    tier: int = 1


class Context(NamedTuple):
    """What a clause takes over from those before it in its sentence."""

    subject: Head | None
    bare: Claim | None


_SCENE = Head("image", "region", "overall", None, "image", "")
_UNKNOWN = Head("?", "region", None, None, "image", "")
_DEGREES = frozenset({"very", "slightly", "too", "well", "badly"})
_WHOLE = frozenset({"nothing", "none", "none of", "nobody", "neither"})
_ADJUNCT = frozenset({"without", "free of", "free from", "devoid of", "sans", "minus"})
_PEOPLE = frozenset({"i", "you", "we", "he", "she", "somebody", "nobody", "who"})
_COMPARATIVES = frozenset(
    {"more", "less", "fewer", "better", "higher", "lower", "greater", "worse"}
)
_NEGATIVES = ("no ", "not ", "without ", "zero ", "nothing", "never ")
_SAYING = frozenset({"say", "call", "describe", "consider", "rate", "expect", "think", "guess"})
_PASSING = frozenset({"very", "slightly", "too", "well", "badly", "every", "transparent"})


def read(clause: Clause, context: Context) -> tuple[list[Claim], Context]:
    """The claims of a clause, and what the next one takes over."""
    reading = _Reading(clause, context)
    return reading.claims(), Context(reading.carried(), reading.bare)


def answered(claims: list[Claim], context: Context) -> bool:
    """Whether a clause judges what the one before only named: `some grain, but it is minor`."""
    bare = context.bare
    return bare is not None and any(
        claim.dimension == bare.dimension and claim.span[0] > bare.span[1] for claim in claims
    )


class _Reading:
    def __init__(self, clause: Clause, context: Context) -> None:
        self.clause = clause
        self.items = clause.items
        self.kinds = [item.kind for item in clause.items]
        self.context = context
        self.verb = next((i for i, item in enumerate(self.items) if is_finite(item)), None)
        self.heads = self._heads()
        self.scopes = self._scopes()
        self.subjects = self._subjects()
        self.wished = self._wished()
        self.made: list[Claim] = []
        self.bare: Claim | None = None

    # ---------------------------------------------------------------- structure
    def _heads(self) -> list[int]:
        """Where heads stand; of a compound (`image noise`), the last."""
        found = [i for i, kind in enumerate(self.kinds) if kind == "H"]
        return [i for i in found if i + 1 not in found or self._is_hue(i) or self._same(i)]

    def _same(self, i: int) -> bool:
        # A defect is spoken of even where another head follows it: `noise detail`.
        head, following = self.head(i), self.head(i + 1)
        return head.kind == "defect" and following.kind in ("region", "defect")

    def _is_hue(self, i: int) -> bool:
        return self.head(i).name == "hue"

    def head(self, i: int | None) -> Head:
        """The head at an index; the one taken over for -1."""
        if i is None or i < 0:
            return self.context.subject or _SCENE
        found = self.items[i].entry.head
        return found or _UNKNOWN

    def _scopes(self) -> list[tuple[int, int, int]]:
        """(operator, first, end): which items a negation covers."""
        found: list[tuple[int, int, int]] = []
        for i, kind in enumerate(self.kinds):
            if self.items[i].word == "nor" and found:
                continue
            if kind == "not":
                found.append((i, i + 1, self._end_of_not(i)))
            elif kind == "no" and i + 1 == len(self.items) and self.items[i].word == "none":
                found.append((i, 0, i))
            elif kind == "no":
                found.append((i, i + 1, self._end_of_no(i)))
            elif kind == "free" and i > 0 and self.kinds[i - 1] == "H":
                found.append((i, i - 1, i))
            elif kind == "x" and self.items[i].word == "to" and "too" in self.kinds[:i]:
                found.append((i, i + 1, len(self.items)))
        return found

    def _end_of_not(self, i: int) -> int:
        for j in range(i + 1, len(self.items)):
            if self.kinds[j] == "," and not self._alternatives(j):
                return j
        return len(self.items)

    def _alternatives(self, j: int) -> bool:
        """Whether an `or` follows, so that a list goes on at the comma."""
        for item in self.items[j + 1 :]:
            if item.word in ("or", "nor"):
                return True
            if is_finite(item):
                return False
        return False

    def _end_of_no(self, i: int) -> int:
        item = self.items[i]
        if item.word in _WHOLE:
            return len(self.items)
        following = self.items[i + 1] if i + 1 < len(self.items) else None
        if following is not None and following.word.endswith("ing") and is_finite(following):
            return len(self.items)
        for j in range(i + 1, len(self.items)):
            kind = self.kinds[j]
            if is_finite(self.items[j]) or kind in ("not", "no"):
                return j
            if kind == "E" and self.items[j].word.startswith(_NEGATIVES):
                return j
            if kind == "," and not self._listed(j):
                return j
            if kind == "E" and self._after_head(j, i) and self._forward(j) is None:
                return j
            if kind in ("and", ",") and self.items[j].word != "or" and self._turns(j, item):
                return j
            if kind == "prep" and self.items[j].word == "with":
                return j
        return len(self.items)

    def _listed(self, j: int) -> bool:
        following = self.kinds[j + 1] if j + 1 < len(self.items) else ""
        return following in ("H", "and") or self._alternatives(j)

    def _after_head(self, j: int, i: int) -> bool:
        return any(kind == "H" for kind in self.kinds[i:j])

    def _turns(self, j: int, operator: Item) -> bool:
        """Whether after `no noise and` something wanted follows, so that the negation has ended."""
        if operator.word.startswith(("lack", "los")):
            return False
        following = self.items[j + 1] if j + 1 < len(self.items) else None
        if following is None or following.kind not in ("E", "well"):
            return False
        target = self._forward(j + 1)
        return target is None or self.head(target).kind != "defect"

    def _subjects(self) -> list[int]:
        """The heads that the verb speaks of."""
        if self.verb is None:
            return self.heads[:1]
        end = self.verb
        before = [i for i in self.heads if i < end]
        free = [i for i in before if not self._in_phrase(i)]
        if not free:
            return before[-1:]
        wanted = [i for i in free if self.head(i).kind != "region"] or free
        last = wanted[0]
        joined = [last]
        for i in wanted[1:]:
            if any(item.kind in ("and", ",") or item.word == "nor" for item in self.items[last:i]):
                joined.append(i)
        return joined

    def _in_phrase(self, i: int) -> bool:
        """Whether a head belongs to a phrase with a preposition or `without`."""
        for j in range(i - 1, max(-1, i - 7), -1):
            kind = self.kinds[j]
            if kind in ("prep", "of"):
                return not (
                    kind == "of" and j > 0 and self.kinds[j - 1] in ("transparent", "E", "det")
                )
            if kind == "no":
                return self.items[j].word in _ADJUNCT
            if kind in ("H", ",") or is_finite(self.items[j]):
                return False
        return False

    def _wished(self) -> int | None:
        """From where on the clause says what should be and is not."""
        if self.clause.link == "if":
            return -1
        for i, item in enumerate(self.items):
            if item.kind in ("if", "need"):
                return i
            if item.kind == "modal" and item.word not in ("may", "might"):
                rest = self.items[i + 1 : i + 5]
                seen = any(_sense_kind(each) == "seen" or each.word in _SAYING for each in rest)
                if not seen or item.word.startswith("should"):
                    return i
        return None

    def _personal(self) -> bool:
        return any(item.word in _PEOPLE for item in self.items[:3])

    def carried(self) -> Head | None:
        """The subject that a following clause without one speaks of."""
        if self.subjects:
            return self.head(self.subjects[0])
        return self.context.subject

    # ---------------------------------------------------------------- binding
    def _forward(self, i: int) -> int | None:
        """The head that the term at `i` stands before, as in `heavy and ugly noise`."""
        unknown, count = 0, len(self.items)
        j = i + 1
        while j < count:
            kind = self.kinds[j]
            if kind == "H":
                if self.head(j).name == "hue":
                    return j
                while j + 1 < count and self.kinds[j + 1] == "H":
                    j += 1
                return j
            if kind == "E":
                if is_finite(self.items[j]):
                    return None
            elif kind in ("and", ","):
                if j + 1 >= count or self.kinds[j + 1] not in ("E", *_DEGREES):
                    return None
            elif kind == "of":
                if self.kinds[j - 1] not in ("transparent", "E", "det"):
                    return None
            elif kind == "det":
                if self.kinds[j - 1] == "prep":
                    pass
                elif self.kinds[j - 1] not in ("of", "E") or not self._takes_object(i):
                    return None
            elif kind == "prep":
                if j != i + 1 or not self._in_respect(i, j):
                    return None
            elif kind == "x":
                unknown += 1
                if unknown > 2:
                    return None
            elif kind not in _PASSING and not kind.startswith("participle"):
                return None
            j += 1
        return None

    def _in_respect(self, i: int, j: int) -> bool:
        """Whether a judgement names its object after it: `worse on sharpness`, `poor in detail`."""
        if self.items[j].word not in ("in", "on", "at"):
            return False
        term = self.items[i].entry.term
        judged = (term is not None and term.generic is not None) or self._amount(i)
        following = [k for k in range(j + 1, min(j + 3, len(self.items))) if self.kinds[k] != "det"]
        if not judged or not following or self.kinds[following[0]] != "H":
            return False
        return self.head(following[0]).kind in ("good", "neutral")

    def _takes_object(self, i: int) -> bool:
        term = self.items[i].entry.term
        return (term is not None and term.verb) or self._amount(i)

    def _amount(self, i: int) -> bool:
        return _sense_kind(self.items[i]) in ("much", "mild")

    def _bound(self, i: int) -> list[int]:
        """The heads that the term at `i` speaks of; -1: the one taken over, -2: an unknown thing."""
        ahead = self._forward(i)
        if ahead is not None:
            return [ahead, *self._sharing(i, ahead)]
        if self._names_unknown(i):
            return [-2]
        if self.verb is None:
            return self._beside(i)
        if self.subjects and self.subjects[0] < i:
            near = [j for j in self.heads if self.verb is not None and self.verb < j < i]
            if (
                near
                and _sense_kind(self.items[i]) in ("seen", "much")
                and not self._in_phrase(near[-1])
            ):
                return near[-1:]
            return self.subjects
        before = [j for j in self.heads if j < i]
        return before[-1:] or [-2 if self._personal() else -1]

    def _beside(self, i: int) -> list[int]:
        """Without a verb, the heads between the commas: `contrast low, light fine`."""
        start = max((j for j in range(i) if self.kinds[j] == ","), default=-1)
        before = [j for j in self.heads if start < j < i and not self._in_phrase(j)]
        if not before and start >= 0 and not any(self.kinds[j] == "E" for j in range(start, i)):
            before = [j for j in self.heads if j < start][-1:]
        joined = before[-1:]
        while joined and joined[0] > 1 and self.kinds[joined[0] - 1] in ("and", ","):
            if self.kinds[joined[0] - 2] != "H":
                break
            joined.insert(0, joined[0] - 2)
        return joined or [-2 if self._personal() else -1]

    def _sharing(self, i: int, head: int) -> list[int]:
        """Heads joined to one that a term stands before: `good contrast and colors`."""
        found = []
        j = head + 1
        while (
            j + 1 < len(self.items) and self.kinds[j] in ("and", ",") and self.kinds[j + 1] == "H"
        ):
            found.append(j + 1)
            j += 2
        return found

    def _names_unknown(self, i: int) -> bool:
        """Whether the term describes a thing not in the lexicon, as in `a dark suit`."""
        if i + 1 >= len(self.items) or self.kinds[i + 1] != "x":
            return False
        j = i - 1
        while j >= 0 and (self.kinds[j] in ("E", "and", ",") or self.kinds[j] in _DEGREES):
            j -= 1
        return j < 0 or self.kinds[j] in ("det", "prep", "have", "of", "x", "every")

    # ---------------------------------------------------------------- claims
    def claims(self) -> list[Claim]:
        """The claims of the clause, in the order of its words."""
        presence: dict[int, list[tuple[int, Sense]]] = {}
        spoken: set[int] = set()
        for i, item in enumerate(self.items):
            if item.kind == "E" and not self._former(i):
                self._term(i, presence, spoken)
            elif item.kind.startswith("participle"):
                self._participle(i, spoken)
        for i in self.heads:
            head = self.head(i)
            if i not in presence and i not in spoken and head.kind in ("defect", "good"):
                presence[i] = []
        for i, said in presence.items():
            if i not in spoken or self.head(i).kind != "defect" or i < 0:
                self._presence(i, said)
        self._numbers()
        if self.clause.question and self._asks():
            return []
        return sorted(self.made, key=lambda claim: claim.span)

    def _numbers(self) -> None:
        """Marks beside a head: `framing 5`, `noise: 2/5`, `content 7/10`."""
        for i in self.heads:
            if i + 1 < len(self.items) and self.kinds[i + 1] == "x":
                mark = _mark(self.items[i + 1].word)
                head = self.head(i)
                last = i + 2 == len(self.items) or self.kinds[i + 2] == ","
                if mark is not None and last and head.dimension and head.kind != "region":
                    self.made = [c for c in self.made if c.span[0] != self.items[i].start]
                    self._add(head.dimension, mark, "image", head.mode, i, i + 1, [])

    def _former(self, i: int) -> bool:
        """Whether a term is where something came from: `went from terrible to good`."""
        return (
            i > 0
            and self.items[i - 1].word == "from"
            and any(item.word == "to" for item in self.items[i + 1 : i + 4])
        )

    def _asks(self) -> bool:
        first = self.items[0]
        return first.kind in ("be", "can", "have", "verb") or first.word in ("does", "do", "did")

    def _term(self, i: int, presence: dict[int, list[tuple[int, Sense]]], spoken: set[int]) -> None:
        item = self.items[i]
        if item.entry.form == "ed" and _sense_kind(item) == "seen" and self._manner(i):
            if all(self.head(j).kind not in ("defect", "region") for j in self._bound(i)):
                self._participle(i, spoken)
                return
        polar = False
        for j in self._bound(i):
            head = _UNKNOWN if j == -2 else self.head(j)
            sense = self._sense(i, j, head)
            if sense is None or (item.entry.form == "ly" and sense.kind == "content"):
                continue
            if j == -1 and item.entry.term is not None and item.entry.term.verb and self._active(i):
                continue
            if sense.kind in ("much", "mild", "seen", "bother"):
                if sense.kind == "seen" and head.kind == "region" and self._forward(i) == j:
                    if head.name == "subject" and not self._takes_object(i):
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

    def _active(self, i: int) -> bool:
        """Whether a verb of seeing or showing has a subject of its own: `I see`, `it shows`."""
        item = self.items[i]
        return is_finite(item) and item.entry.form != "ed"

    def _sense(self, i: int, j: int, head: Head) -> Sense | None:
        senses = self.items[i].entry.term.senses  # type: ignore[union-attr]
        own = head.dimension if head.kind != "region" else None
        keys: tuple[str | None, ...] = (head.name, own, head.kind, "*")
        if j == -1 and self.context.subject is None:
            keys = ("*", "*", "*", "*")
        elif j > i and head.kind == "region" and head.name not in ("image", "scene"):
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
        if head.kind == "defect" and sense.value > 0 and self._forward(i) == j:
            return
        mode = head.mode
        self._polar(i, j, head, dimension, Sense(dimension, sense.value, mode))

    def _polar(self, i: int, j: int, head: Head, dimension: str, sense: Sense) -> None:
        operators = self._operators(i, j)
        if sense.kind == "bokeh":
            self._bokeh(i, j, head, operators)
            return
        value, mode = self._graded(i, sense)
        if self._compared(i) and any(item.word == "than" for item in self.items[i:]):
            first = self.items[0].word
            if first in ("nothing", "never", "no", "rarely"):
                operators, value = [], 2.5 if sense.value > 0 else -2.5
            elif first in ("everything", "all", "anything"):
                value = -value
        if len(operators) % 2:
            value = _denied(value, self._degree(i), self.items[i].entry.form)
            mode = ""
            if self._neither_extreme(operators, sense):
                value = 0
        value, mode = self._if_wished(i, value, mode, len(operators))
        locus = self._locus(i, j, head)
        self._add(dimension, value, locus, mode, i, j, operators)

    def _neither_extreme(self, operators: list[int], sense: Sense) -> bool:
        """Whether two opposite ends are denied at once: `neither good nor bad`."""
        if not any(self.items[k].word == "neither" for k in operators):
            return False
        for item in self.items:
            senses = item.entry.term.senses.values() if item.entry.term else ()
            if any(other and other.value * sense.value < 0 for other in senses):
                return True
        return False

    def _bokeh(self, i: int, j: int, head: Head, operators: list[int]) -> None:
        degree = self._degree(i)
        if degree in ("too", "badly") and not operators:
            self._add("sharpness", -1, "background", "", i, j, operators)
        else:
            self._add("sharpness", 0, "background", "", i, j, operators)

    def _degree(self, i: int) -> str:
        if i and self.kinds[i - 1] in _DEGREES:
            return self.kinds[i - 1]
        return ""

    def _graded(self, i: int, sense: Sense) -> tuple[float, str]:
        value, mode = sense.value, sense.mode
        degree = self._degree(i)
        form = self.items[i].entry.form
        if degree == "too":
            if value > 0:
                return -2, "over"
            return value - 0.5, mode
        if degree == "badly" and value > 0:
            return -value, ""
        if degree in ("very", "well", "badly"):
            value += 0.5 if value > 0 else -0.5
        if degree == "slightly":
            value *= 0.5
        before = self.items[i - 1].word if i else ""
        if before in ("less", "fewer"):
            return -value * 0.5, ""
        if form == "er" or before in ("more",):
            value *= 0.75
            if self._than_ideal(i):
                value, mode = -2, mode or "over"
        return max(-3.0, min(3.0, value)), mode

    def _than_ideal(self, i: int) -> bool:
        words = [item.word for item in self.items[i + 1 : i + 6]]
        if "than" not in words:
            return False
        after = words[words.index("than") + 1 :]
        return any(
            word in ("ideal", "necessary", "needed", "desired", "should", "wanted", "optimal")
            or word in ("desirable", "required", "it should", "like", "want", "good")
            for word in after
        )

    def _if_wished(self, i: int, value: float, mode: str, negations: int) -> tuple[float, str]:
        if self.wished is None or i < self.wished or value == 0:
            return value, mode
        compared = self._compared(i)
        if negations % 2 and compared:
            return 3, ""
        if negations % 2:
            return (-2, mode) if value > 0 else (value, mode)
        if compared:
            return -2, "over" if mode == "under" else "under" if mode == "over" else mode
        return (-2, mode) if value > 0 else (value, mode)

    def _manner(self, i: int) -> list[int]:
        near = [j for j in (i - 1, i + 1) if 0 <= j < len(self.items)]
        return [
            j
            for j in near
            if self.kinds[j] in ("well", "badly")
            or self.items[j].word in ("better", "worse", "best")
        ]

    def _compared(self, i: int) -> bool:
        item = self.items[i]
        if item.entry.form == "er" or item.word in _COMPARATIVES:
            return True
        return i > 0 and self.items[i - 1].word in ("more", "less", "better")

    def _participle(self, i: int, spoken: set[int]) -> None:
        """`well exposed`, `badly framed`, `rendered faithfully`."""
        manner = self._manner(i)
        if not manner:
            return
        worse = self.kinds[manner[0]] == "badly" or self.items[manner[0]].word == "worse"
        value = -2.0 if worse else 2.0
        target = self.kinds[i].partition(" ")[2] or "head"
        bound = self._bound(i)
        for j in bound if target == "head" else bound[:1]:
            head = self.head(j)
            dimension = head.dimension if target == "head" else target
            if dimension is None or (target == "head" and head.kind == "region"):
                if head.name != "image" or target != "head":
                    continue
            if head.kind == "defect":
                continue
            spoken.add(j)
            operators = self._operators(i, j)
            final = _denied(value, "", "") if len(operators) % 2 else value
            final, _ = self._if_wished(i, final, "", len(operators))
            self._add(dimension or "overall", final, self._locus(i, j, head), "", i, j, operators)

    def _presence(self, j: int, said: list[tuple[int, Sense]]) -> None:
        """What the amounts and the presence of a head come to."""
        head = self.head(j)
        if head.name == "distortion" and any(
            k != j and self.head(k).kind == "defect" for k in self.heads
        ):
            return
        there, size = 1.0, 2.0
        operators = {k for k, first, end in self.scopes if j >= 0 and first <= j < end}
        wish = self.wished is not None and (
            j > self.wished or any(i > self.wished and self._compared(i) for i, _ in said)
        )
        more = False
        for i, sense in said:
            operators.update(self._operators(i, j))
            there *= 1 if sense.value > 0 else -1
            if sense.kind == "bother":
                if len(self._operators(i, -1)) % 2:
                    self._add(head.dimension or "overall", 0, "image", "", i, j, [])
                    return
            elif sense.kind == "mild":
                size = 1.0
            elif sense.kind == "much" and abs(sense.value) > 2:
                size = 3.0
            if self._degree(i) == "very":
                size = min(3.0, size + 0.5)
            if self._degree(i) == "slightly":
                size = 1.0
            if self._degree(i) == "too" and sense.kind == "much" and sense.value > 0:
                self._excess(i, j, head)
                return
            more = more or self._compared(i)
        if not said and not operators and head.kind != "defect" and not self._had(j, wish):
            return
        if wish and len(operators) % 2 and any(self._compared(i) for i, _ in said):
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
        if self.clause.link == "despite" and value < 0:
            value = -1.0
        mode = head.mode if value < 0 else ""
        first = [i for i, _ in said]
        self._add(
            dimension, value, self._locus(j, j, head), mode, *_ends(j, first), sorted(operators)
        )
        if not operators and head.kind == "defect" and j >= 0:
            self.bare = self.made[-1]

    def _had(self, j: int, wish: bool) -> bool:
        """Whether a wanted thing without a term is said to be there, or wished for."""
        if wish and self.wished is not None and self.wished >= 0:
            return self.kinds[self.wished] == "need"
        before = self.items[j - 1]
        return before.kind == "have" and before.word not in ("with", "using", "use", "including")

    def _excess(self, i: int, j: int, head: Head) -> None:
        if head.dimension is not None:
            operators = self._operators(i, j)
            value = 1.0 if len(operators) % 2 else -2.5
            self._add(head.dimension, value, self._locus(i, j, head), "over", i, j, operators)

    def _operators(self, i: int, j: int) -> list[int]:
        """The negations whose scope covers the term or its head."""
        return [
            k
            for k, first, end in self.scopes
            if first <= i < end or (j >= 0 and first <= j < end and self._belongs(k, i, j))
        ]

    def _belongs(self, k: int, i: int, j: int) -> bool:
        return self.kinds[k] != "free" or abs(i - j) < 3

    def _locus(self, i: int, j: int, head: Head) -> str:
        if head.locus != "image":
            return head.locus
        for k in self.heads:
            other = self.head(k)
            if other.locus == "background" and k > 0 and self._placed(k):
                return "background"
        for k in range(max(0, j - 1) if j >= 0 else 0, len(self.items)):
            if self.kinds[k] == "H" and self.head(k).locus == "subject" and k != j:
                return "subject"
        return "image"

    def _placed(self, k: int) -> bool:
        before = self.items[max(0, k - 2) : k]
        return any(item.word in ("in", "of", "throughout", "across", "at") for item in before)

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
        places = [k for k in (i, j, *operators) if 0 <= k < len(self.items)]
        start = min(self.items[k].start for k in places)
        end = max(self.items[k].end for k in places)
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


def _sense_kind(item: Item) -> str:
    term = item.entry.term
    if term is None:
        return ""
    kinds = {sense.kind for sense in term.senses.values() if sense is not None}
    return next((kind for kind in ("seen", "much", "mild", "bother") if kind in kinds), "")
