"""Which of the listed pictures are annotated: all, some by chance, or some from the whole scale."""

from collections.abc import Mapping, Sequence
from itertools import chain, zip_longest

from qreasoning.annotation.project_file import Sampling
from qreasoning.errors import SettingsError
from qreasoning.files import sha256_bytes
from qreasoning.scores import HIGH, LOW

TENTHS = 10


def sample(names: Sequence[str], mos: Mapping[str, float], sampling: Sampling) -> list[str]:
    """The names that are taken, sorted; all where there are no more than n.

    The order by chance is that of a hash of seed and name: the same everywhere, a larger n takes
    all that a smaller one took, and a new picture moves no other. Raises SettingsError where n
    pictures cannot cover every tenth of the scale in which there are any.
    """
    if sampling.take == "all":
        return sorted(names)
    shuffled = sorted(names, key=lambda name: sha256_bytes(f"{sampling.seed}:{name}".encode()))
    if sampling.take == "random":
        return sorted(shuffled[: sampling.n])
    tenths: list[list[str]] = [[] for _ in range(TENTHS)]
    for name in shuffled:
        tenths[tenth(mos[name])].append(name)
    covered = sum(map(bool, tenths))
    if sampling.n is not None and sampling.n < covered:
        raise SettingsError(
            f"sampling.n is {sampling.n}, but pictures lie in {covered} tenths of the MOS scale, "
            f"each of which is to be covered. Set n to {covered} or more, or take: random."
        )
    # One of each tenth in turn: as even as the list allows.
    turns = chain.from_iterable(zip_longest(*tenths))
    return sorted([name for name in turns if name is not None][: sampling.n])


def tenth(mos: float) -> int:
    """The tenth of [1, 5] in which a MOS lies, 0 to 9; 5 lies in the last."""
    place = (mos - LOW) / (HIGH - LOW) * TENTHS
    return min(int(round(place, 9)), TENTHS - 1)


def tenth_name(number: int) -> str:
    """The bounds of a tenth, such as `1.4 to 1.8`."""
    width = (HIGH - LOW) / TENTHS
    return f"{LOW + number * width:.1f} to {LOW + (number + 1) * width:.1f}"
