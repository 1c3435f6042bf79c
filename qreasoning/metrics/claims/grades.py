"""How strongly a term is meant: degrees, comparisons, wishes and denials."""

from qreasoning.metrics.claims.entries import Sense
from qreasoning.metrics.claims.frame import Frame

_IDEAL = frozenset(
    {"ideal", "necessary", "needed", "desired", "should", "wanted", "optimal", "desirable"}
    | {"required", "it should", "like", "want", "good", "right"}
)


def graded(frame: Frame, i: int, sense: Sense) -> tuple[float, str]:
    """The value and mode of the term at `i` with its degree: `too dark`, `less noisy`."""
    value, mode = sense.value, sense.mode
    degree = frame.degree(i)
    form = frame.items[i].entry.form
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
    before = frame.items[i - 1].word if i else ""
    if before in ("less", "fewer"):
        return -value * 0.5, ""
    if form == "er" or before in ("more",):
        value *= 0.75
        if _than_ideal(frame, i):
            value, mode = -2, mode or "over"
    return max(-3.0, min(3.0, value)), mode


def wished(frame: Frame, i: int, value: float, mode: str, negations: int) -> tuple[float, str]:
    """The value and mode where what is said is what should be: `could be sharper`."""
    if frame.wished is None or i < frame.wished or value == 0:
        return value, mode
    compared = frame.compared(i)
    if negations % 2 and compared:
        return 3, ""
    if negations % 2:
        return (-2, mode) if value > 0 else (value, mode)
    if compared:
        return -2, "over" if mode == "under" else "under" if mode == "over" else mode
    return (-2, mode) if value > 0 else (value, mode)


def denied(value: float, degree: str, form: str) -> float:
    """The value of `not X`: the other side, and weaker for `not very X` and `not the best`."""
    if value == 0:
        return -2.0
    if value >= 3 or form == "est":
        return -1.0
    if degree in ("very", "too") or abs(value) <= 1:
        return -1.0 if value > 0 else 1.0
    return -2.0 if value > 0 else 2.0


def _than_ideal(frame: Frame, i: int) -> bool:
    words = [item.word for item in frame.items[i + 1 : i + 6]]
    if "than" not in words:
        return False
    after = words[words.index("than") + 1 :]
    return any(word in _IDEAL for word in after)
