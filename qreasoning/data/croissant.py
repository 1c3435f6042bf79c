"""`croissant.json`: a version described as Croissant 1.0 (mlcommons.org/croissant), so that other
tools find its files, columns and hashes."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import pyarrow as pa

from qreasoning.data.columns import CONFIGS, explain, schemas

FILE = "croissant.json"

Node = dict[str, Any]

_CONFORMS = "http://mlcommons.org/croissant/1.0"

# The terms of the format, as its specification gives them.
_CONTEXT: Node = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{
        term: f"cr:{term}"
        for term in [
            "citeAs",
            "column",
            "equivalentProperty",
            "extract",
            "field",
            "fileObject",
            "fileProperty",
            "fileSet",
            "format",
            "includes",
            "isLiveDataset",
            "jsonPath",
            "key",
            "md5",
            "parentField",
            "path",
            "recordSet",
            "references",
            "regex",
            "repeated",
            "replace",
            "samplingRate",
            "separator",
            "source",
            "subField",
            "transform",
        ]
    },
}


def croissant(
    facts: Mapping[str, Any], files: Mapping[str, str], published: date | None = None
) -> Node:
    """The description of a version, from the SHA-256 of its `files` by path.

    The same files give the same description: no clock or path enters. So the date that Croissant
    asks for stands only in what is `published`, where there is one; a version here has none.
    """
    simulated = "Simulated data, not human judgement. " if facts["simulated"] else ""
    every = {config: _tables(config, files) for config in CONFIGS}
    sets = {config: tables for config, tables in every.items() if tables}
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": facts["name"],
        "description": f"{simulated}Image quality on [1, 5] with human explanations: captions, "
        "reasonings and ratings. README.md is the card.",
        "conformsTo": _CONFORMS,
        "version": facts["version"],
        **({"datePublished": published.isoformat()} if published else {}),
        "isLiveDataset": False,
        "license": _terms(facts),
        "citeAs": f"{facts['name']}, version {facts['version']}, content SHA-256 "
        f"{facts['content_sha256']}",
        "keywords": ["image quality assessment", *(["simulated"] if simulated else [])],
        "distribution": [node for each in sets.items() for node in _files(*each)],
        "recordSet": [_records(config, facts["dimensions"]) for config in sets],
    }


def _terms(facts: Mapping[str, Any]) -> str:
    terms = [
        f"{name}: scores {each['scores']}, pictures {each['pictures']}"
        for name, each in (facts.get("licences") or {}).items()
    ]
    return "; ".join(terms) or "Not stated, see README.md"


def _tables(config: str, files: Mapping[str, str]) -> dict[str, str]:
    place = f"data/{config}/"
    return {name: files[name] for name in sorted(files) if name.startswith(place)}


def _files(config: str, tables: Mapping[str, str]) -> list[Node]:
    objects: list[Node] = [
        {
            "@type": "cr:FileObject",
            "@id": name,
            "name": name,
            "contentUrl": name,
            "encodingFormat": "application/x-parquet",
            "sha256": digest,
        }
        for name, digest in tables.items()
    ]
    return [
        *objects,
        {
            "@type": "cr:FileSet",
            "@id": f"{config}-files",
            "name": f"{config}-files",
            "encodingFormat": "application/x-parquet",
            "includes": f"data/{config}/*.parquet",
        },
    ]


def _records(config: str, dimension_ids: list[str]) -> Node:
    schema = schemas(dimension_ids)[config]
    return {
        "@type": "cr:RecordSet",
        "@id": config,
        "name": config,
        "description": CONFIGS[config],
        "field": [
            {
                **_field(config, field.name, field.type),
                "description": explain(config, field.name, dimension_ids),
            }
            for field in schema
        ],
    }


def _field(config: str, name: str, kind: pa.DataType) -> Node:
    source: Node = {"fileSet": {"@id": f"{config}-files"}, "extract": {"column": name}}
    node: Node = {"@type": "cr:Field", "@id": f"{config}/{name}", "name": f"{config}/{name}"}
    if name == "image":
        source["transform"] = {"jsonPath": "bytes"}
        return {**node, "dataType": "sc:ImageObject", "source": source}
    repeated = pa.types.is_list(kind)
    inner = kind.value_type if repeated else kind
    if repeated:
        node["repeated"] = True
    if not pa.types.is_struct(inner):
        return {**node, "dataType": _data_type(inner), "source": source}
    node["subField"] = [
        {
            "@type": "cr:Field",
            "@id": f"{config}/{name}/{part.name}",
            "name": f"{config}/{name}/{part.name}",
            "dataType": _data_type(part.type),
            "source": {**source, "transform": {"jsonPath": part.name}},
        }
        for part in inner
    ]
    return node


def _data_type(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    return "sc:Float" if pa.types.is_floating(kind) else "sc:Text"
