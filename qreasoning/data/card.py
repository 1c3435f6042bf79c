"""The dataset card: README.md with the front matter by which Hugging Face finds the files."""

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from qreasoning.data.spec import SPLITS

FILE = "README.md"

_CONFIGS = {
    "chains": "a row per picture: its bytes, its scores, and the human chains of it",
    "annotations": "a row per picture and annotator: eight ratings with notes, both texts",
}

_SIMULATED = """> **SIMULATED.** Scores or annotations of this dataset come from a simulation, not
> from people. It shows that the toolkit works, and nothing about human judgement.
"""


def render(facts: Mapping[str, Any]) -> str:
    """The card of a version as Markdown; `facts` are those of its manifest."""
    title = f"{facts['name']} {facts['version']}" + (" (simulated)" if facts["simulated"] else "")
    parts = [
        f"---\n{_front_matter(facts, title)}---\n",
        f"# {title}\n",
        _SIMULATED if facts["simulated"] else "",
        _what(facts),
        "## Contents\n",
        _counts(facts["counts"]),
        _supervision(facts["counts"]),
        "## Rows kept aside\n",
        _quarantine(facts["counts"]),
        "## How it was made\n",
        _making(facts),
    ]
    return "\n".join(part for part in parts if part)


def _front_matter(facts: Mapping[str, Any], title: str) -> str:
    # `datasets` cannot load a split without rows, so an empty one (its file is there) is not named.
    filled = {
        "chains": [split for split in SPLITS if facts["counts"]["images"][split]],
        "annotations": [split for split in SPLITS if facts["counts"]["annotations"][split]],
    }
    configs = [
        {
            "config_name": name,
            **({"default": True} if name == "chains" else {}),
            "data_files": [
                {"split": split, "path": f"data/{name}/{split}-*.parquet"} for split in splits
            ],
        }
        for name, splits in filled.items()
        if splits
    ]
    tags = ["image-quality-assessment", "explanations"]
    tags += ["simulated"] if facts["simulated"] else []
    content = {"pretty_name": title, "tags": tags, "configs": configs}
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def _what(facts: Mapping[str, Any]) -> str:
    configs = "\n".join(f"- `{name}`: {what}" for name, what in _CONFIGS.items())
    return f"""Image quality on the scale from 1 (bad) to 5 (excellent), with explanations. A
chain is a caption (what is seen), a reasoning (how that leads to a judgement) and a rating.

{configs}

```python
from datasets import load_dataset

chains = load_dataset("outputs/datasets/{facts["name"]}/{facts["version"]}", "chains")
```

Dimensions: {", ".join(facts["dimensions"])}. Each is rated 1 to 5, and higher is better.
Annotators are pseudonyms (a keyed hash) in place of their log-ins; texts are as they were typed.
"""


def _counts(counts: Mapping[str, Any]) -> str:
    rows: list[tuple[Any, ...]] = [
        (split, counts["images"][split], counts["chains"][split], counts["annotations"][split])
        for split in SPLITS
    ]
    total = ("total", *(sum(row[column] for row in rows) for column in (1, 2, 3)))
    heads = ("split", "pictures", "pictures with chains", "annotations")
    return _table(heads, [*rows, total])


def _supervision(counts: Mapping[str, Any]) -> str:
    return f"""Of the pictures, {counts["supervised"]:,} have both a score of a score list
and chains, {counts["chain_only"]:,} chains only (their `mos` is the mean overall rating), and
{counts["mos_only"]:,} a score only.
"""


def _quarantine(counts: Mapping[str, Any]) -> str:
    if not counts["quarantined"]:
        return "None: every annotation keeps the rules.\n"
    text = (
        f"{counts['quarantined']:,} annotations break a rule; `quarantine.parquet` has them all.\n"
    )
    return f"{text}\n{_table(('reason', 'annotations'), counts['reasons'].items())}"


def _making(facts: Mapping[str, Any]) -> str:
    settings = facts["settings"]
    splits = settings["splits"]
    sets = [
        f"- score list {each['name']}: {each['range'][0]:g} (worst) to {each['range'][1]:g} (best) "
        "is mapped linearly to 1 to 5"
        for each in settings["score_sets"]
    ]
    projects = [f"- annotation project {name}" for name in settings["projects"]]
    return "\n".join(
        [
            *sets,
            *projects,
            "- splits: by picture and by reference picture; published splits are kept, the others "
            f"drawn by hash ({splits['train']:g} / {splits['validation']:g} / {splits['test']:g}, "
            f"seed {splits['seed']})",
            f"- content: SHA-256 `{facts['content_sha256']}`",
            f"- made by {facts['made_by']} with `qr build-dataset`",
            "",
        ]
    )


def _table(heads: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    lines = [list(heads), *([str(cell) for cell in row] for row in rows)]
    lines.insert(1, ["---"] + ["---:"] * (len(lines[0]) - 1))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
