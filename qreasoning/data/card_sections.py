"""The sections of a dataset card, each from the facts of the manifest; empty where there are none.

Numbers that are undefined are shown as such, and a check that did not run is never shown as
passed.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from qreasoning.data.columns import CONFIGS, explain, schemas
from qreasoning.data.spec import SPLITS

Facts = Mapping[str, Any]

_METHODS = {
    "mean": "their plain mean",
    "bias_removed": "their mean after each person's bias is taken off",
    "p910": "the model of ITU-T P.910 where its conditions hold",
}


def counts(facts: Facts) -> str:
    """Pictures, chains and annotations per split, and what supervises what."""
    found = facts["counts"]
    rows: list[tuple[Any, ...]] = [
        (split, found["images"][split], found["chains"][split], found["annotations"][split])
        for split in SPLITS
    ]
    total = ("total", *(sum(row[column] for row in rows) for column in (1, 2, 3)))
    heads = ("split", "pictures", "pictures with chains", "annotations")
    return f"""{table(heads, [*rows, total])}
Of the pictures, {found["supervised"]:,} have both a score of a score list
and chains, {found["chain_only"]:,} chains only (their `mos` is the mean overall rating), and
{found["mos_only"]:,} a score only.
"""


def columns(facts: Facts) -> str:
    """Every column of both configurations."""
    dimensions = facts["dimensions"]
    return "\n".join(
        f"`{config}`: {CONFIGS[config]}\n\n"
        + table(
            ("column", "type", "what it is"),
            [
                (f"`{field.name}`", _kind(field.type), explain(config, field.name, dimensions))
                for field in schema
            ],
        )
        for config, schema in schemas(dimensions).items()
    )


def _kind(kind: Any) -> str:
    text = str(kind)
    return text if len(text) < 20 else text.partition("<")[0]


def collection(facts: Facts) -> str:
    """Guidelines, overlap, screening and agreement."""
    found = facts.get("collection") or {}
    lines = [
        f"- project {name}: guidelines {_versions(each['guidelines'])}, form "
        f"{_versions(each['forms'])}"
        for name, each in _items(found, "projects")
    ]
    if "annotators" in found:
        lines.append(f"- annotators: {found['annotators']:,}")
    if facts["counts"].get("overlap"):
        overlap = (f"{count:,} by {n}" for n, count in facts["counts"]["overlap"].items() if int(n))
        lines.append(f"- pictures by number of annotators: {', '.join(overlap)}")
    if found.get("seconds_median") is not None:
        lines.append(f"- median time on task: {found['seconds_median']:.0f} s")
    if lines:
        lines.append(f"- screening: {_rules(facts['settings'].get('rules'))}")
    text = "".join(f"{line}\n" for line in lines)
    return "\n".join(part for part in (text, _agreement(facts)) if part)


def _versions(found: Iterable[str]) -> str:
    return ", ".join(f"version {each}" for each in found) or "of no known version"


def _rules(rules: Mapping[str, Any] | None) -> str:
    if not rules:
        return "by each project's own rules; what they left out is counted below"
    given = [
        f"{name.replace('_', ' ')} {value}"
        for name, value in rules.items()
        if value is not None and not isinstance(value, Mapping)
    ]
    return f"{', '.join(given)}; what these rules left out is counted below"


def _interval(low: float | None, high: float | None) -> str:
    ends = number(low), number(high)
    return ends[0] if ends[0] == ends[1] == number(None) else " to ".join(ends)


def _agreement(facts: Facts) -> str:
    if not facts.get("agreement"):
        return ""
    rows = [
        (
            each["dimension"],
            number(each["alpha"]),
            _interval(each.get("low"), each.get("high")),
            each["n_units"],
            each.get("n_left_out", 0),
        )
        for each in facts["agreement"]
    ]
    heads = ("dimension", "alpha", "95 % interval", "pictures", "with one rating, left out")
    return "Agreement between annotators (Krippendorff's alpha, ordinal):\n\n" + table(heads, rows)


def scores(facts: Facts) -> str:
    """The units of the score sets and their mapping, and how ratings became one number."""
    rows = [
        (name, each.get("unit") or "", f"{each['worst']:.15g}", f"{each['best']:.15g}")
        for name, each in _items(facts, "scores")
    ]
    text = "Scores are mapped linearly, from (worst, best) to (1, 5):\n\n"
    text = text + table(("score set", "unit", "worst", "best"), rows) if rows else ""
    human = facts.get("human_scores")
    if human:
        text += f"\nRatings of several people become one by: {_METHODS[human['method']]}.\n"
        text += "".join(f"- {what}: {why}\n" for what, why in _items(human, "why"))
    return text


def left_out(facts: Facts) -> str:
    """What was kept aside, and warnings."""
    found = facts["counts"]
    text = "No annotation was left out: every one keeps the rules.\n"
    if found["quarantined"]:
        withheld = [f"{count:,} ({reason})" for reason, count in _items(facts, "answers_withheld")]
        there = f"all but what is never published, {', '.join(withheld)}" if withheld else "all"
        text = (
            f"{found['quarantined']:,} annotations break a rule; `quarantine.parquet` has them "
            f"{there}.\n\n{table(('reason', 'annotations'), found['reasons'].items())}"
        )
    for what, key, said in (
        ("picture", "image_reasons", "Pictures kept aside (`quarantine_images.parquet`):"),
        ("warning", "warnings", "Kept with a warning (`findings` of the annotation):"),
    ):
        if found.get(key):
            text += f"\n{said}\n\n{table((what, 'number'), found[key].items())}"
    return text


_CHECKS = ("names", "files", "pictures")


def splits(facts: Facts) -> str:
    """How splits were made, and which checks for leaks ran per benchmark."""
    given = facts["settings"]["splits"]
    drawn = f"{given['train']:g} / {given['validation']:g} / {given['test']:g}"
    text = (
        "By picture and by reference picture. Published splits are kept, the others drawn by hash "
        f"({drawn}, seed {given['seed']}), so a new picture moves no other.\n"
    )
    leaks = facts.get("leaks")
    if not leaks:
        return text
    counts = (leaks.get("found") or {}).items()
    found = ", ".join(f"{count:,} x {rule}" for rule, count in counts if count)
    return f"{text}\n{_benchmarks(leaks)}\nLeaks found: {found or 'none'}.\n"


def _benchmarks(leaks: Facts) -> str:
    checks = leaks["checks"]
    if not any(check[which] for check in checks.values() for which in _CHECKS):
        return (
            "**No check against a benchmark's test list could run.** Say under `leaks` which "
            "sources are a benchmark's images, or where its pictures are.\n"
        )
    rows = [
        (
            name,
            *("yes" if check[which] else "did not run" for which in _CHECKS),
            f"{check['test_images']:,}",
            f"{check.get('pictures_at_hand', 0):,}",
        )
        for name, check in checks.items()
    ]
    heads = (
        *("benchmark", "by name", "by file hash", "by near copy"),
        *("test images", "of them at hand"),
    )
    return (
        "No picture of train or validation is a test image of these benchmarks, as far as each "
        "check reaches. Names are compared where a source is declared to be the benchmark, files "
        f"and near copies (fingerprint `{leaks.get('fingerprint', '')}`) where its pictures were "
        "at hand. A near copy is a picture resized, re-encoded, mirrored or cropped by a twentieth "
        "of its sides; cropped by a tenth it is mostly found, by a tenth off one corner every "
        f"second time, and turned or cropped by more it is not.\n\n{table(heads, rows)}"
    )


def licences(facts: Facts) -> str:
    """The terms of each source."""
    rows = [
        (name, each["scores"], each["pictures"], "yes" if each["share_pictures"] else "no")
        for name, each in _items(facts, "licences")
    ]
    if not rows:
        return (
            "Nothing is known of the terms of scores and pictures: name them under `licence` and "
            "`licences` in the settings. Until then no picture is published.\n"
        )
    heads = ("source", "scores or annotations", "pictures", "pictures may be published")
    return table(heads, rows)


def limits(facts: Facts) -> str:
    """What a user has to know."""
    found = facts["counts"]
    lines = [
        "Splits are by picture: an annotator's texts may be in train and in test, for different "
        "pictures.",
        "Scores of different sets are mapped to one scale, but stay comparable only within a set.",
    ]
    if any(not found["images"][split] for split in SPLITS):
        empty = [split for split in SPLITS if not found["images"][split]]
        lines.append(f"Without pictures: {', '.join(empty)}.")
    for source, count in _items(facts, "pictures_withheld"):
        lines.append(
            f"{count:,} pictures of {source} are not part of what is published, since no licence "
            "lets them be: `name` says which, and `image_id` holds the hash of the right file."
        )
    flat = (facts.get("leaks") or {}).get("flat")
    if flat:
        lines.append(
            f"{flat:,} pictures have too little structure to be told from others by fingerprint."
        )
    unchecked = [
        name
        for name, check in ((facts.get("leaks") or {}).get("checks") or {}).items()
        if not (check["names"] or check["files"] or check["pictures"])
    ]
    if unchecked:
        lines.append(f"Not checked for leaks at all: {', '.join(unchecked)}.")
    return "".join(f"- {line}\n" for line in lines)


def making(facts: Facts) -> str:
    """Sources, difference to the version before, and the command that makes it again."""
    settings = facts["settings"]
    lines = [f"- score list {each['name']}: {each['file']}" for each in settings["score_sets"]]
    lines += [f"- annotation project {name}" for name in settings["projects"]]
    diff = facts.get("diff") or {}
    if diff.get("previous"):
        lines.append(f"- a {diff['level']} change of {diff['previous']}: {'; '.join(diff['why'])}")
    lines += [
        f"- content: SHA-256 `{facts['content_sha256']}`",
        f"- made by {facts['made_by']}",
    ]
    text = "".join(f"{line}\n" for line in lines)
    return f"""{text}
The same annotations, score lists, pictures and `pseudonym.key` give the same bytes again, with the
settings that `manifest.json` holds under `settings`:

    qr build-dataset
"""


def _items(facts: Facts, key: str) -> Iterable[tuple[str, Any]]:
    return (facts.get(key) or {}).items()


def number(value: float | None) -> str:
    """A coefficient with three decimals; what is undefined says so."""
    if value is None or math.isnan(value):
        return "undefined"
    return f"{value:.3f}"


def table(heads: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """A Markdown table; bars and line breaks in cells do not break it."""
    lines = [list(heads), *([_cell(cell) for cell in row] for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _cell(value: Any) -> str:
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return " ".join(text.split()).replace("|", "\\|")
