"""Taking in answers: under pseudonyms, checked each by itself, divided into shards on disk."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qreasoning.checks.findings import CONTRADICTS
from qreasoning.checks.wordpairs import FEWEST_WORDS, WordPairs, word_pairs
from qreasoning.data.claims import claim_findings
from qreasoning.data.hashing import as_column, codes, hashes_of, row_bytes
from qreasoning.data.known import BLOCKS_SCHEMA, NOTHING, Known, codes_of, told
from qreasoning.data.partition import Partition, shard_of
from qreasoning.data.projects import STATES, Project, answers
from qreasoning.data.pseudonyms import pseudonym
from qreasoning.data.rules import DatasetRules
from qreasoning.data.validation import TEXTS, Found, check_rows, verdicts
from qreasoning.records import annotations_schema

WORKERS = 2
ADDRESS = r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9.\-]+\.[A-Za-z]{2,}"
"""An e-mail address in a text."""
MASK = "[e-mail]"

Item = TypeVar("Item")
Result = TypeVar("Result")


def rows_schema(dimension_ids: Sequence[str]) -> pa.Schema:
    """Columns of an answer that was taken in: those of `annotations_schema` but `findings`, its
    `state`, what was found (`reject`, `warn`), the `hash` of the row and the hash's first bytes."""
    fields = [each for each in annotations_schema(dimension_ids) if each.name != "findings"]
    more = [
        ("state", pa.string()),
        ("reject", pa.list_(pa.string())),
        ("warn", pa.list_(pa.string())),
        ("hash", pa.binary(32)),
        ("code", pa.uint64()),
    ]
    return pa.schema([*fields, *(pa.field(*each) for each in more)])


TEXTS_SCHEMA = pa.schema(
    [
        ("annotator", pa.string()),
        ("created", pa.string()),
        ("code", pa.uint64()),
        ("field", pa.int8()),
        ("whole", pa.uint64()),
        ("shard", pa.int32()),
        ("pairs", pa.list_(pa.uint32())),
    ]
)
"""Columns of a text of an answer: whose it is, the answer's code, which of `TEXTS` it is, a hash of
all its words, the shard of its answer, and its word pairs."""


class Prepared(NamedTuple):
    """A piece of answers, ready to be divided; `blocks` are all its stretches (`known.told`), also
    of known answers."""

    rows: pa.Table
    texts: pa.Table
    shards: np.ndarray[Any, Any]
    blocks: pa.Table


@dataclass(frozen=True)
class Intake:
    """Answers on disk: `rows` by shard of the picture, `texts` by shard of the annotator; and the
    stretches of all answers (`blocks`), also of those that were known before and left out."""

    rows: Partition
    texts: Partition
    blocks: Partition


def take_in(
    preparing: Sequence["Preparing"],
    dimension_ids: Sequence[str],
    folder: Path,
    shards: int,
    say: Callable[[str], None],
) -> Intake:
    """Read, check and divide all answers of the projects."""
    seen = pieces = 0
    with (
        Partition(folder, "rows", rows_schema(dimension_ids), shards) as rows,
        Partition(folder, "texts", TEXTS_SCHEMA, shards) as texts,
        Partition(folder, "blocks", BLOCKS_SCHEMA, 1) as blocks,
    ):
        for each in preparing:
            for piece in ahead(each.prepare, answers(each.project, each.dimension_ids)):
                rows.add(piece.rows, piece.shards)
                texts.add(piece.texts, shard_of(piece.texts["annotator"], shards))
                blocks.add(piece.blocks, np.zeros(piece.blocks.num_rows, np.int64))
                seen += len(codes_of(piece.blocks))
                pieces += 1
                if pieces >= LONG:
                    say(f"{seen:,} answers looked at")
    return Intake(rows, texts, blocks)


LONG = 10
"""Pieces after which it is said how far the work is."""


def ahead(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int = WORKERS
) -> Iterator[Result]:
    """The results of `work` in order, some of them made ahead by threads: the work is in libraries
    that let other threads run. Few wait at a time, so memory stays bounded."""
    waiting: list[Future[Result]] = []
    with ThreadPoolExecutor(workers) as pool:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > workers:
                yield waiting.pop(0).result()
        while waiting:
            yield waiting.pop(0).result()


@dataclass(frozen=True)
class Preparing:
    """What turns pieces of a project's answers into what enters a dataset.

    `pulled` are the claims that the pull found; `known` the answers that need no second look.
    """

    project: Project
    dimension_ids: Sequence[str]
    key: bytes
    shards: int
    pulled: pa.Table | None
    known: Known = NOTHING

    def prepare(self, piece: pa.Table) -> Prepared:
        """Log-ins as pseudonyms, addresses masked, each answer checked and hashed."""
        entering = _without_addresses(_under_pseudonyms(piece, self.key), self.dimension_ids)
        new, hashes, blocks = told(self._bytes(entering), self.known)
        if not new.all():
            piece, entering = (each.filter(pa.array(new)) for each in (piece, entering))
        claims = claim_findings(piece, self.project, self.pulled, self.dimension_ids)
        rows, words = self._checked(entering, hashes, claims)
        at = shard_of(rows["image_id"], self.shards)
        return Prepared(rows, _texts(rows, words, at, self.project.rules), at, blocks)

    def again(self, rows: pa.Table) -> pa.Table:
        """Answers of a version (`annotations_schema`, and `reject` where they are kept aside) as
        they were when they were taken in."""
        states = [None] * rows.num_rows
        if "reject" in rows.column_names:
            first = [(each or [None])[0] for each in rows["reject"].to_pylist()]
            states = [each if each in STATES else None for each in first]
        claims = [
            Found(row, "claims", text)
            for row, texts in enumerate(rows["findings"].to_pylist())
            for text in texts
            if text.startswith(CONTRADICTS)
        ]
        entering = rows.select(annotations_schema(self.dimension_ids).names)
        entering = entering.append_column("state", pa.array(states, pa.string()))
        return self._checked(entering, hashes_of(self._bytes(entering)), claims)[0]

    def _bytes(self, piece: pa.Table) -> pa.Array:
        return row_bytes([piece[name].combine_chunks() for name in self._names])

    @property
    def _names(self) -> list[str]:
        return [name for name in annotations_schema(self.dimension_ids).names if name != "findings"]

    def _checked(
        self, piece: pa.Table, hashes: np.ndarray[Any, Any], claims: list[Found]
    ) -> tuple[pa.Table, Mapping[str, WordPairs]]:
        """The answers with what was found about them, and the words of their texts."""
        rules = self.project.rules
        words = {field: word_pairs(piece[field].combine_chunks()) for field in TEXTS}
        counts = {field: each.count for field, each in words.items()}
        found = check_rows(piece, counts, rules, self.dimension_ids) + claims
        found += _masked(piece, self.dimension_ids)
        judged = verdicts(found, rules, piece.num_rows)
        made = {"reject": judged.reject, "warn": judged.warn}
        made |= {"hash": as_column(hashes), "code": pa.array(codes(hashes))}
        rows = pa.table({**{name: piece[name] for name in [*self._names, "state"]}, **made})
        return rows, words


def _under_pseudonyms(piece: pa.Table, key: bytes) -> pa.Table:
    logins = piece["annotator"].combine_chunks().dictionary_encode()
    names = pa.array([pseudonym(each, key) for each in logins.dictionary.to_pylist()], pa.string())
    place = piece.column_names.index("annotator")
    return piece.set_column(place, "annotator", names.take(logins.indices))


def _without_addresses(piece: pa.Table, dimension_ids: Sequence[str]) -> pa.Table:
    """The answers with e-mail addresses in their texts masked."""
    for name in _typed(dimension_ids):
        if any(_holds(chunk, b"@") for chunk in piece[name].chunks):
            masked = pc.replace_substring_regex(piece[name], ADDRESS, MASK)
            piece = piece.set_column(piece.column_names.index(name), name, masked)
    return piece


def _masked(piece: pa.Table, dimension_ids: Sequence[str]) -> Iterator[Found]:
    rows: set[int] = set()
    for name in _typed(dimension_ids):
        if any(_holds(chunk, MASK.encode()) for chunk in piece[name].chunks):
            masked = pc.fill_null(pc.match_substring(piece[name], MASK), False)
            rows.update(np.flatnonzero(masked.to_numpy()).tolist())
    yield from (Found(row, "address", "e-mail address masked") for row in sorted(rows))


def _typed(dimension_ids: Sequence[str]) -> list[str]:
    """The columns that people typed."""
    return [*TEXTS, *(f"{each}_note" for each in dimension_ids)]


def _holds(texts: pa.Array, piece: bytes) -> bool:
    """Whether `piece` is anywhere in a string array, as far as one look over its bytes tells."""
    content = texts.buffers()[2]
    return content is not None and piece in content.to_pybytes()


def _texts(
    rows: pa.Table,
    words: Mapping[str, WordPairs],
    shards: np.ndarray[Any, Any],
    rules: DatasetRules,
) -> pa.Table:
    """The texts of submitted answers; none where the rules do not ask for likeness."""
    if rules.alike is None:
        return TEXTS_SCHEMA.empty_table()
    submitted = pc.is_null(rows["state"])
    parts = []
    for number, field in enumerate(TEXTS):
        each = words[field]
        pairs = pa.ListArray.from_arrays(
            pa.array(each.offsets.astype(np.int32)), pa.array(each.pairs)
        )
        columns = {
            "annotator": rows["annotator"],
            "created": rows["created"],
            "code": rows["code"],
            "field": pa.array(np.full(rows.num_rows, number, np.int8)),
            # Texts of a few words are equal by chance.
            "whole": pa.array(np.where(each.count < FEWEST_WORDS, np.uint64(0), each.whole)),
            "shard": pa.array(shards.astype(np.int32)),
            "pairs": pairs,
        }
        parts.append(pa.table(columns).filter(submitted))
    return pa.concat_tables(parts)
