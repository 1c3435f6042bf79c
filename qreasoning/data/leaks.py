"""Leaks: a benchmark's test image in train or validation, and texts that stand in two splits.

An image is looked for by its name (in a set that is declared to be the benchmark), and by its
bytes and its fingerprint where the benchmark's pictures are at hand. What was looked for is part
of the report: a check that did not run has found nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from qreasoning.benchmark_sets import BENCHMARKS, ListedNames, describe, read_names
from qreasoning.data.hashes import Hashed, hash_pictures
from qreasoning.errors import DataError
from qreasoning.fingerprints import near_copies, stack
from qreasoning.images import list_pictures
from qreasoning.scores import ScoreSet
from qreasoning.settings import Settings
from qreasoning.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa

Rule = Literal["name", "file", "near copy", "possibly test", "copied text"]

LEAST_WORDS = 6
"""Shorter texts are alike by chance."""


class LeakSettings(Settings):
    """Which test lists no image of train or validation may be in."""

    benchmarks: tuple[str, ...] = BENCHMARKS
    """Public sets (`data_cards/benchmarks`) whose test images are kept out."""
    pictures: Mapping[str, Path] = Field(default_factory=dict)
    """Folders of their pictures, relative to the study: {koniq-10k: pictures/konIQ}."""
    sources: Mapping[str, str] = Field(default_factory=dict)
    """Which projects and score sets consist of a benchmark's images: {konIQ: koniq-10k}. A score
    set with `set` says so itself."""
    near_copies: bool = True
    """Whether pictures at hand are also compared by fingerprint."""
    on_leak: Literal["refuse", "drop"] = "refuse"
    """refuse: nothing is built; drop: the image is kept aside with the reason."""


class Entry(NamedTuple):
    """An image of the version to be; `place` names its row in messages."""

    image_id: str
    name: str
    source: str
    split: str
    place: str
    fingerprint: bytes | None = None


@dataclass(frozen=True)
class Leak:
    """One finding: `place` and `other` are the two rows, `index` the entry's or the text's."""

    rule: Rule
    severity: Literal["reject", "warn"]
    index: int
    place: str
    split: str
    other: str
    similarity: float | None = None

    @property
    def text(self) -> str:
        """Both rows and the rule in one sentence."""
        if self.rule == "copied text":
            return f"The text of {self.place} ({self.split}) is also that of {self.other}."
        how = {
            "name": "the same name",
            "file": "the same file",
            "possibly test": "a name that no published list places",
            "near copy": f"a near copy, similarity {self.similarity}",
        }[self.rule]
        may = "may be" if self.severity == "warn" else "is"
        return f"{self.place} is in {self.split} and {may} {self.other} ({how})."


@dataclass(frozen=True)
class Benchmark:
    """A benchmark's test list and, where its pictures are at hand, their hashes by name."""

    name: str
    title: str
    images: int
    names: ListedNames
    sources: frozenset[str]
    pictures: Mapping[str, Hashed] | None = None
    compared: bool = True

    @property
    def checks(self) -> dict[str, Any]:
        """Which of the three checks run, and how many test images are known by name and file."""
        at_hand = self.pictures is not None
        listed = self.names.listed
        return {
            "names": bool(self.sources),
            "files": at_hand,
            "pictures": at_hand and self.compared,
            "test_images": self.images if listed is None else len(listed),
            "possibly_test": len(self.names.unlisted),
            "pictures_at_hand": sum(map(self.names.tests, self.pictures or ())),
        }


@dataclass(frozen=True)
class LeakReport:
    """What was found, and per benchmark what was looked for."""

    leaks: tuple[Leak, ...]
    checks: Mapping[str, Mapping[str, Any]]


def read_benchmarks(
    settings: LeakSettings,
    score_sets: Sequence[ScoreSet],
    workspace: Workspace,
    say: Callable[[str], None] = lambda _: None,
) -> list[Benchmark]:
    """The test lists of the benchmarks, and the hashes of the pictures that are at hand.

    Raises SettingsError for a set that is not described, DataError for a missing folder or a
    picture that cannot be read.
    """
    for name in (*settings.sources.values(), *settings.pictures):
        describe(workspace, name)
    declared = {each.name: each.set for each in score_sets if each.set} | dict(settings.sources)
    benchmarks = []
    for name in settings.benchmarks:
        description = describe(workspace, name)
        names = read_names(workspace, description)
        pictures = None
        if name in settings.pictures:
            folder = workspace.root / settings.pictures[name]
            kept = workspace.root / "outputs" / "cache" / "fingerprints" / f"{name}.parquet"
            pictures = hash_pictures(_test_files(folder, names), kept, say)
        benchmarks.append(
            Benchmark(
                name=name,
                title=description.title,
                images=description.images,
                names=names,
                sources=frozenset(each for each, of in declared.items() if of == name),
                pictures=pictures,
                compared=settings.near_copies,
            )
        )
    return benchmarks


def test_names(benchmarks: Sequence[Benchmark]) -> dict[str, ListedNames]:
    """The test list of each source that is declared to be a benchmark."""
    return {source: each.names for each in benchmarks for source in each.sources}


def with_test_split(
    names: "pa.Array | pa.ChunkedArray", splits: "pa.Array", tests: ListedNames | None
) -> "pa.Array | pa.ChunkedArray":
    """`splits` of the images `names` of one source, where test images that have none are `test`: a
    benchmark's test list is a published split."""
    import pyarrow as pa
    from pyarrow import compute

    if tests is None:
        return splits
    listed = pa.array(["test" if tests.tests(name) else None for name in names.to_pylist()])
    return compute.coalesce(splits, listed.cast(pa.string()))


def _test_files(folder: Path, names: ListedNames) -> dict[str, Path]:
    files = {path.relative_to(folder).as_posix(): path for path in list_pictures(folder)}
    return {name: path for name, path in files.items() if names.tests(name) or names.possibly(name)}


def find_leaks(entries: Sequence[Entry], benchmarks: Sequence[Benchmark]) -> LeakReport:
    """The images of train and validation that are, or may be, test images of a benchmark.

    Each is reported once per benchmark, by the first of name, file and near copy that holds.
    """
    leaks: list[Leak] = []
    for benchmark in benchmarks:
        found: dict[int, Leak] = {}
        for leak in _leaks(entries, benchmark):
            first = found.setdefault(leak.index, leak)
            if first.severity == "warn" and leak.severity == "reject":
                found[leak.index] = leak
        leaks += found.values()
    checks = {benchmark.name: benchmark.checks for benchmark in benchmarks}
    return LeakReport(tuple(sorted(leaks, key=lambda leak: (leak.index, leak.other))), checks)


def _leaks(entries: Sequence[Entry], benchmark: Benchmark) -> Iterator[Leak]:
    asked = [index for index, entry in enumerate(entries) if entry.split != "test"]
    pictures = benchmark.pictures or {}
    by_id = {hashed.image_id: name for name, hashed in pictures.items()}
    for index in asked:
        entry = entries[index]
        if entry.source in benchmark.sources:
            if benchmark.names.tests(entry.name):
                yield _leak("name", index, entry, benchmark, entry.name)
            elif benchmark.names.possibly(entry.name):
                yield _leak("possibly test", index, entry, benchmark, entry.name)
        if entry.image_id in by_id:
            yield _leak("file", index, entry, benchmark, by_id[entry.image_id])
    if benchmark.compared and pictures:
        yield from _copies(entries, asked, benchmark, pictures)


def _copies(
    entries: Sequence[Entry],
    asked: Sequence[int],
    benchmark: Benchmark,
    pictures: Mapping[str, Hashed],
) -> Iterator[Leak]:
    seen = [(index, entries[index].fingerprint) for index in asked]
    own = [(index, fingerprint) for index, fingerprint in seen if fingerprint is not None]
    names = list(pictures)
    ours = stack([fingerprint for _, fingerprint in own])
    theirs = stack([pictures[name].fingerprint for name in names])
    for one, other, similarity in near_copies(ours, theirs):
        index = own[one][0]
        yield _leak("near copy", index, entries[index], benchmark, names[other], similarity)


def _leak(
    rule: Rule,
    index: int,
    entry: Entry,
    benchmark: Benchmark,
    name: str,
    similarity: float | None = None,
) -> Leak:
    return Leak(
        rule=rule,
        severity="reject" if benchmark.names.tests(name) else "warn",
        index=index,
        place=entry.place,
        split=entry.split,
        other=f"{name} of the {benchmark.title} test list",
        similarity=similarity,
    )


def text_keys(texts: "pa.Array | pa.ChunkedArray") -> npt.NDArray[np.uint64]:
    """A 64-bit key per text, the same for texts that differ in case or white space only; 0 for a
    missing text and for one of fewer than `LEAST_WORDS` words."""
    import pyarrow as pa
    from pandas.util import hash_array
    from pyarrow import compute

    words = compute.utf8_split_whitespace(compute.utf8_trim_whitespace(compute.utf8_lower(texts)))
    counts = compute.fill_null(compute.list_value_length(words), 0).to_numpy(zero_copy_only=False)
    plain = compute.fill_null(compute.binary_join(words, " "), "")
    if isinstance(plain, pa.ChunkedArray):
        plain = plain.combine_chunks()
    keys = hash_array(plain.to_numpy(zero_copy_only=False).astype(object), categorize=False)
    return np.where(counts < LEAST_WORDS, np.uint64(0), keys).astype(np.uint64)


def copied_texts(
    keys: npt.NDArray[np.uint64],
    splits: npt.NDArray[np.int8],
    places: Callable[[int], str],
    split_names: Sequence[str] = ("train", "validation", "test"),
) -> list[Leak]:
    """Texts that stand in two splits, whoever wrote them.

    `keys` are `text_keys`, `splits` codes into `split_names`, `places` names a row. Of one text the
    rows of its first split stay; each row in another split is a finding.
    """
    order = np.lexsort((np.arange(len(keys)), splits, keys))
    order = order[keys[order] != 0]
    starts = np.flatnonzero(np.diff(keys[order], prepend=np.uint64(0)) != 0)
    lengths = np.diff(np.append(starts, len(order)))
    first = np.repeat(order[starts], lengths)
    found = np.flatnonzero(splits[order] != splits[first])
    return [
        Leak(
            rule="copied text",
            severity="reject",
            index=int(order[at]),
            place=places(int(order[at])),
            split=split_names[splits[order[at]]],
            other=f"{places(int(first[at]))} ({split_names[splits[first[at]]]})",
        )
        for at in sorted(found, key=lambda at: int(order[at]))
    ]


def refuse(leaks: Sequence[Leak], settings: LeakSettings) -> None:
    """Raise DataError for the first leak that is no warning, unless leaks are to be dropped."""
    found = [leak for leak in leaks if leak.severity == "reject"]
    if not found or settings.on_leak == "drop":
        return
    more = f" There are {len(found) - 1:,} more." if len(found) > 1 else ""
    raise DataError(
        f"{found[0].text}{more} Remove the rows, or set on_leak: drop under 'leaks' to keep them "
        "aside."
    )
