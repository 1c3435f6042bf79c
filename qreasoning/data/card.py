"""The dataset card: README.md with the front matter by which Hugging Face finds the files."""

from collections.abc import Mapping
from typing import Any

import yaml

from qreasoning.data.card_sections import (
    collection,
    columns,
    counts,
    left_out,
    licences,
    limits,
    making,
    scores,
    splits,
)
from qreasoning.data.columns import CONFIGS
from qreasoning.data.spec import SPLITS

FILE = "README.md"

_SIMULATED = """> **SIMULATED.** Scores or annotations of this dataset come from a simulation, not
> from people. It shows that the toolkit works, and nothing about human judgement.
"""

_SIZES = (("n<1K", 1e3), ("1K<n<10K", 1e4), ("10K<n<100K", 1e5), ("100K<n<1M", 1e6))


def render(facts: Mapping[str, Any]) -> str:
    """The card of a version as Markdown; `facts` are those of its manifest."""
    title = f"{facts['name']} {facts['version']}" + (" (simulated)" if facts["simulated"] else "")
    sections = {
        "Contents": counts(facts),
        "Columns": columns(facts),
        "How it was collected": collection(facts),
        "Scores": scores(facts),
        "What was left out": left_out(facts),
        "Splits and leaks": splits(facts),
        "Licence": licences(facts),
        "Known limits": limits(facts),
        "How to cite": _citing(facts),
        "How it was made": making(facts),
    }
    parts = [
        f"---\n{_front_matter(facts, title)}---\n",
        f"# {title}\n",
        *([_SIMULATED] if facts["simulated"] else []),
        _what(facts),
        *(f"## {head}\n\n{text}" for head, text in sections.items() if text),
    ]
    return "\n".join(parts)


def _front_matter(facts: Mapping[str, Any], title: str) -> str:
    # `datasets` cannot load a split without rows, so an empty one (its file is there) is not named.
    filled = {
        "chains": [split for split in SPLITS if facts["counts"]["images"][split]],
        "annotations": [split for split in SPLITS if facts["counts"]["annotations"][split]],
    }
    configs = [
        {
            "config_name": name,
            # Hugging Face's cache knows a local folder by its name, `1.0.0`, and by these lines:
            # without the content two data sets would be taken for one.
            "description": f"content {facts['content_sha256']}",
            **({"default": True} if name == "chains" else {}),
            "data_files": [
                {"split": split, "path": f"data/{name}/{split}-*.parquet"} for split in splits
            ],
        }
        for name, splits in filled.items()
        if splits
    ]
    content = {
        "pretty_name": title,
        # Hugging Face knows no name for the terms of a data set of several sources.
        "license": "other",
        "license_name": "see-card",
        "license_link": FILE,
        "task_categories": ["image-to-text"],
        "size_categories": [_size(sum(facts["counts"]["images"].values()))],
        **({"annotations_creators": ["machine-generated"]} if facts["simulated"] else {}),
        "tags": [
            *("image-quality-assessment", "explanations"),
            *(["simulated"] if facts["simulated"] else []),
        ],
        "configs": configs,
    }
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def _size(images: int) -> str:
    return next((name for name, below in _SIZES if images < below), "1M<n<10M")


def _what(facts: Mapping[str, Any]) -> str:
    configs = "\n".join(f"- `{name}`: {what}" for name, what in CONFIGS.items())
    return f"""Image quality on the scale from 1 (bad) to 5 (excellent), with explanations. A
chain is a caption (what is seen), a reasoning (how that leads to a judgement) and a rating.

{configs}

```python
from datasets import load_dataset

chains = load_dataset("outputs/datasets/{facts["name"]}/{facts["version"]}", "chains")
```

Dimensions: {", ".join(facts["dimensions"])}. Each is rated 1 to 5, and higher is better.
Annotators are pseudonyms (a keyed hash) in place of their log-ins. Texts are as they were typed,
but for e-mail addresses, which are masked.
"""


def _citing(facts: Mapping[str, Any]) -> str:
    sets = [name for name in facts.get("licences") or {} if name in (facts.get("scores") or {})]
    others = f" Cite the score sets too: {', '.join(sets)}." if sets else ""
    return f"""By name, version and content hash, which no other version has.{others}

```bibtex
@misc{{{facts["name"]}-{facts["version"]},
  title = {{{facts["name"]}, version {facts["version"]}}},
  note  = {{Content SHA-256 {facts["content_sha256"]}}}
}}
```
"""
