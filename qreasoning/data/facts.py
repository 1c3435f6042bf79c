"""What the manifest and the card say of a version."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from qreasoning import __version__
from qreasoning.data.assembly import Assembled
from qreasoning.data.hashing import digest_of_parts
from qreasoning.data.previous import Version
from qreasoning.data.sources import Sources
from qreasoning.data.spec import SPLITS
from qreasoning.data.version import SCHEMA, Difference
from qreasoning.files import sha256_bytes
from qreasoning.fingerprints import FINGERPRINT


def facts_of(sources: Sources, made: Assembled) -> dict[str, Any]:
    """The facts of a version but for its number and how it differs."""
    identity = _identity(sources, made)
    content = digest_of_parts([*made.digests.items(), *identity.items()])
    return {
        "name": sources.spec.name,
        "simulated": sources.simulated,
        "dimensions": list(sources.dimension_ids),
        "schema": SCHEMA,
        "shards": made.shards,
        "content_sha256": content,
        "identity": identity,
        "counts": _counts(made.counts),
        "settings": sources.spec.model_dump(mode="json"),
        "scores": _scores(sources),
        "human_scores": {"method": made.model.method, "why": dict(made.model.why)},
        "licences": _licences(sources),
        "leaks": _leaks(made),
        **made.collected.facts(),
        "made_by": f"qreasoning {__version__}",
    }


def _identity(sources: Sources, made: Assembled) -> dict[str, str]:
    """What a version is beside its rows; it enters the content's hash."""
    return {
        "name": sources.spec.name,
        "simulated": str(sources.simulated),
        "dimensions": " ".join(sources.dimension_ids),
        "schema": str(SCHEMA),
        "human scores": made.model.method,
        "bounds": sha256_bytes(repr(sorted(_scores(sources).items())).encode()),
    }


def _counts(counts: Counter[tuple[str, ...]]) -> dict[str, Any]:
    def group(what: str) -> dict[str, int]:
        found = {key[1]: count for key, count in counts.items() if key[0] == what and len(key) > 1}
        return dict(sorted(found.items()))

    splits = {
        what: {split: counts[what, split] for split in SPLITS}
        for what in ("images", "annotations", "chains")
    }
    numbers = ("supervised", "chain_only", "mos_only", "quarantined", "quarantined_images")
    return {
        **splits,
        **{name: counts[name,] for name in numbers},
        **{name: group(name) for name in ("reasons", "warnings", "image_reasons", "overlap")},
    }


def _scores(sources: Sources) -> dict[str, Any]:
    return {
        each.name: {
            "unit": each.unit,
            "worst": each.bounds[0],
            "best": each.bounds[1],
            "layout": each.layout,
        }
        for each in sources.score_sets
    }


def _licences(sources: Sources) -> dict[str, Any]:
    known = dict(sources.spec.licences)
    known |= {each.name: each.licence for each in sources.score_sets if each.licence is not None}
    return {name: licence.model_dump(mode="json") for name, licence in sorted(known.items())}


def _leaks(made: Assembled) -> dict[str, Any]:
    severe = [leak for leak in made.leaks if leak.severity == "reject"]
    found = Counter(leak.rule for leak in made.leaks)
    return {
        "checks": {name: dict(each) for name, each in made.checks.items()},
        "found": dict(sorted(found.items())),
        "dropped": len(severe),
        "warnings": len(made.leaks) - len(severe),
        "fingerprint": FINGERPRINT,
    }


def difference_of(facts: Mapping[str, Any], made: Assembled, before: Version | None) -> Difference:
    """How a version differs from the one before: its rows, its layout, and what it is."""
    if before is None:
        return Difference()
    known = before.manifest.get("identity", {})
    layout = ("schema", "dimensions")
    return made.difference + Difference(
        schema=any(known.get(name) != facts["identity"][name] for name in layout),
        facts=any(known.get(name) != facts["identity"][name] for name in known),
    )


def difference_facts(difference: Difference, before: Version | None) -> dict[str, Any]:
    """The same for the manifest and the card, and which number rises because of it."""
    if before is None:
        return {"previous": None, "level": None, "why": ["the first version"]}
    return {"previous": before.number, "level": difference.level, "why": difference.why}
