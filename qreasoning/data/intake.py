"""Taking in answers: under pseudonyms, checked each by itself, divided into shards on disk."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qreasoning.checks.copies import FEWEST_WORDS
from qreasoning.data.claims import claim_findings, pulled_claims
from qreasoning.data.hashing import as_column, codes, row_hashes
from qreasoning.data.partition import Partition, shard_of
from qreasoning.data.projects import Project, answers
from qreasoning.data.pseudonyms import pseudonym
from qreasoning.data.rules import DatasetRules
from qreasoning.data.validation import TEXTS, Found, Verdicts, check_rows, verdicts
from qreasoning.data.wordpairs import WordPairs, word_pairs
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
    """A piece of answers, ready to be divided."""

    rows: pa.Table
    texts: pa.Table
    shards: np.ndarray[Any, Any]


@dataclass(frozen=True)
class Intake:
    """Answers on disk: `rows` by shard of the picture, `texts` by shard of the annotator."""

    rows: Partition
    texts: Partition
    count: int


def take_in(
    projects: Sequence[Project],
    dimension_ids: Sequence[str],
    key: bytes,
    folder: Path,
    shards: int,
    say: Callable[[str], None],
) -> Intake:
    """Read, check and divide all answers of the projects."""
    taken = 0
    with (
        Partition(folder, "rows", rows_schema(dimension_ids), shards) as rows,
        Partition(folder, "texts", TEXTS_SCHEMA, shards) as texts,
    ):
        for project in projects:
            preparing = Preparing(project, dimension_ids, key, shards, pulled_claims(project))
            for piece in ahead(preparing.prepare, answers(project, dimension_ids)):
                rows.add(piece.rows, piece.shards)
                texts.add(piece.texts, shard_of(piece.texts["annotator"], shards))
                taken += piece.rows.num_rows
                if taken > piece.rows.num_rows:
                    say(f"{taken:,} answers checked")
    return Intake(rows, texts, taken)


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
    """What turns pieces of a project's answers into what enters a dataset."""

    project: Project
    dimension_ids: Sequence[str]
    key: bytes
    shards: int
    pulled: pa.Table | None

    def prepare(self, piece: pa.Table) -> Prepared:
        """Log-ins as pseudonyms, addresses masked, each answer checked and hashed."""
        rules = self.project.rules
        found = claim_findings(piece, self.project, self.pulled, self.dimension_ids)
        piece = _under_pseudonyms(piece, self.key)
        piece, masked = _without_addresses(piece, self.dimension_ids)
        words = {field: word_pairs(piece[field].combine_chunks()) for field in TEXTS}
        counts = {field: each.count for field, each in words.items()}
        found = check_rows(piece, counts, rules, self.dimension_ids) + found
        found += [Found(row, "address", "e-mail address masked") for row in masked]
        rows = self._rows(piece, verdicts(found, rules, piece.num_rows))
        at = shard_of(piece["image_id"], self.shards)
        return Prepared(rows, _texts(rows, words, at, rules), at)

    def _rows(self, piece: pa.Table, judged: Verdicts) -> pa.Table:
        names = [
            name for name in annotations_schema(self.dimension_ids).names if name != "findings"
        ]
        hashes = row_hashes([piece[name].combine_chunks() for name in names])
        made = {"reject": judged.reject, "warn": judged.warn}
        made |= {"hash": as_column(hashes), "code": pa.array(codes(hashes))}
        return pa.table({**{name: piece[name] for name in [*names, "state"]}, **made})


def _under_pseudonyms(piece: pa.Table, key: bytes) -> pa.Table:
    logins = piece["annotator"].combine_chunks().dictionary_encode()
    names = pa.array([pseudonym(each, key) for each in logins.dictionary.to_pylist()], pa.string())
    place = piece.column_names.index("annotator")
    return piece.set_column(place, "annotator", names.take(logins.indices))


def _without_addresses(piece: pa.Table, dimension_ids: Sequence[str]) -> tuple[pa.Table, list[int]]:
    """The answers with e-mail addresses in their texts masked, and the rows that had some."""
    rows: set[int] = set()
    for name in (*TEXTS, *(f"{each}_note" for each in dimension_ids)):
        column = piece[name]
        if any(_holds(chunk, b"@") for chunk in column.chunks):
            masked = pc.replace_substring_regex(column, ADDRESS, MASK)
            changed = pc.fill_null(pc.not_equal(masked, column), False)
            rows.update(np.flatnonzero(changed.to_numpy()).tolist())
            piece = piece.set_column(piece.column_names.index(name), name, masked)
    return piece, sorted(rows)


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
