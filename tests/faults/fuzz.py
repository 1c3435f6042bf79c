"""What reads files of others, fed with anything: each reader answers, or refuses in one sentence.

    python fuzz.py READER --runs 100000

feeds a reader with what libFuzzer (atheris) grows out of its `seeds`, steered by what it reaches in
our code. A crash, more than a second on one input, or more than 2 GB of memory ends it with a
status that is not 0 and leaves the input in a file.
"""

import argparse
import json
import math
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Reader:
    """`read` takes any bytes; `seeds` are good ones, `words` what is likely to matter in them."""

    read: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...]


def readers(folder: Path) -> dict[str, Reader]:
    """Every reader by name; they write into `folder`."""
    study = _study(folder)
    return {
        **dict(_chains()),
        **dict(_settings(study)),
        **dict(_scores(folder)),
        "manifest.csv": _manifest(folder),
        "export": _export(study),
        **dict(_foreign(folder)),
    }


def _study(folder: Path):
    from qreasoning.workspace import Workspace, make_study

    if not (folder / "study").is_dir():
        make_study(folder / "study")
    return Workspace(folder / "study")


def refused(work: Callable[[], object]) -> None:
    """Do the work; to be refused in a sentence is an answer too."""
    from qreasoning.errors import QReasoningError

    try:
        work()
    except QReasoningError as error:
        message = str(error)
        assert message.strip() and "\nTraceback" not in message and len(message) < 20_000


def _chains() -> Iterator[tuple[str, Reader]]:
    from qreasoning.chain import FORMATS

    for form in FORMATS.values():

        def read(content: bytes, form=form) -> None:
            text = content.decode("utf-8", "surrogateescape")
            for parsed in (form.parse(text), form.parse_rating(text)):
                assert all(0 <= start <= end <= len(text) for start, end in parsed.spans.values())
                assert parsed.chain.rating is None or 1 <= parsed.chain.rating <= 5
                if parsed.ok:
                    assert parsed.chain.rating is not None
            parsed = form.parse(text)
            if parsed.ok:
                assert form.parse(form.render(parsed.chain)).chain == parsed.chain

        whole = form.render(form.example)
        words = [f"<{close}{tag}>".encode() for _, tag in form.tags for close in ("", "/")]
        seeds = (whole.encode(), form.render_rating(2.5).encode(), form.prompt.encode())
        more = (b"5.00", b"1.0", b"nan", b"-0", b"1e0", b'{"rating": ', b"\xef\xbc\x93", b"\n")
        yield f"chain-{form.name}", Reader(read, seeds, (*words, *more))


YAML_WORDS = tuple(
    b"&a *a << !!int !!float !!timestamp !!binary !!set !!omap !!python/object:os.system .inf "
    b".nan null true 1e999 0x1f 2001-13-45 2001-01-01 ? - | > [ ] { } : \\ud800 [[[[ {{{{".split()
)


def _settings(study) -> Iterator[tuple[str, Reader]]:
    from qreasoning.analysis.report import read_settings
    from qreasoning.annotation.interface import form_xml
    from qreasoning.annotation.project import load_project
    from qreasoning.data.spec import read_spec
    from qreasoning.dimensions import load_dimensions
    from qreasoning.training.recipe import load_recipe

    root = study.root

    def project() -> None:
        form_xml(load_project("fuzzed", study).dimensions)

    for name, place, seeds, work in (
        ("project", "annotation/fuzzed.yaml", ("annotation/konIQ.yaml",), project),
        (
            "dimensions",
            "annotation/other.yaml",
            ("annotation/dimensions.yaml",),
            lambda: load_dimensions(root / "annotation/other.yaml"),
        ),
        (
            "recipe",
            "training/fuzzed.yaml",
            ("training/tiny.yaml", "training/q-reasoning.yaml"),
            lambda: load_recipe(root / "training/fuzzed.yaml"),
        ),
        (
            "dataset",
            "annotation/set.yaml",
            ("annotation/dataset.yaml",),
            lambda: read_spec(study, "set"),
        ),
        (
            "report",
            "analysis/fuzzed.yaml",
            ("analysis/report.yaml",),
            lambda: read_settings(study, "fuzzed"),
        ),
    ):

        def read(content: bytes, place=place, work=work) -> None:
            (root / place).write_bytes(content)
            refused(work)

        words = {
            each.strip(b"# ").partition(b":")[0] + b": "
            for seed in seeds
            for each in (root / seed).read_bytes().splitlines()
            if b":" in each
        }
        short = tuple(each for each in sorted(words) if len(each) < 30)
        texts = tuple((root / each).read_bytes() for each in seeds)
        yield f"yaml-{name}", Reader(read, texts, (*short, *YAML_WORDS))


def _scores(folder: Path) -> Iterator[tuple[str, Reader]]:
    from qreasoning.score_tables import score_batches
    from qreasoning.scores import ScoreSet

    columns = {"mos_std": "sd", "split": "split", "reference": "ref"}
    given = {"name": "s", "range": [0, 100], "columns": columns}
    text = b"image,mos,sd,split,ref\na.png,1.5,0.2,train,x\nb/c.png,99,,test,\n"
    words = tuple(b'nan inf 1e999 -1 101 "" "a,b" \r\n ../../x 0x10 \x00 \xff\xfe'.split(b" "))
    for suffix, seeds in (
        (".csv", (text,)),
        (".txt", (text.replace(b",", b"\t"), text.replace(b",", b" "))),
        (".parquet", (_parquet(folder, {"image": ["a.png"], "mos": [2.5], "sd": [0.1]}),)),
    ):
        path = folder / f"list{suffix}"
        more = {} if suffix != ".parquet" else {"columns": {"mos_std": "sd"}}
        score_set = ScoreSet.model_validate({**given, "file": path.name, **more})

        def read(content: bytes, path=path, score_set=score_set) -> None:
            path.write_bytes(content)
            refused(lambda: list(score_batches(score_set, folder)))

        yield f"mos{suffix}", Reader(read, seeds, words)


def _manifest(folder: Path) -> Reader:
    from qreasoning.analysis.benchmarks import read_manifests

    path = folder / "manifests" / "koniq.csv"
    path.parent.mkdir(exist_ok=True)

    def read(content: bytes) -> None:
        path.write_bytes(content)
        refused(lambda: read_manifests(path.parent))

    seeds = (b"image,mos,split\na.png,1.5,test\nb.png,2,train\n",)
    words = tuple(b'nan inf 1e999 soon "" "a\nb" 2001-01-01 true \x00 \xff\xfe'.split(b" "))
    return Reader(read, seeds, words)


def _parquet(folder: Path, columns: dict[str, list[object]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / "seed.parquet"
    pq.write_table(pa.table(columns), path)
    return path.read_bytes()


def _export(study) -> Reader:
    from qreasoning.annotation.collected import rebuild
    from qreasoning.annotation.exports import read_export
    from qreasoning.annotation.log import Log, append_states
    from qreasoning.annotation.pictures import Picture, Pictures
    from qreasoning.annotation.project import load_project

    (study.root / "annotation" / "imported.yaml").write_text(
        json.dumps(
            {"title": "Title", "images": "pictures/i", "importing": {"annotators": {"2": "ann"}}}
        )
    )
    project = load_project("imported", study)
    pictures = Pictures(
        study.root, (Picture("sha256:1", "a.jpg"), Picture("sha256:2", "b.jpg")), ()
    )
    path, folder = study.root / "export.json", study.root / "outputs" / "annotations" / "imported"

    def work() -> None:
        states = read_export(path, project, pictures)
        shutil.rmtree(folder, ignore_errors=True)
        append_states(folder, states)
        rebuild(project, Log(folder))
        # What was written once can be read for ever.
        rebuild(project, Log(folder))

    def read(content: bytes) -> None:
        path.write_bytes(content)
        refused(work)

    rating = {"from_name": "noise", "type": "rating", "value": {"rating": 4}}
    text = {"from_name": "caption", "type": "textarea", "value": {"text": ["A red door."]}}
    other = {"from_name": "overall", "type": "choices", "value": {"choices": ["3"]}}
    new = {
        "id": 3,
        "unique_id": "6a1f",
        "completed_by": {"id": 2, "email": "anna@lab.org"},
        "result": [rating, text, other],
        "was_cancelled": False,
        "created_at": "2023-04-05T06:07:08.123456Z",
        "updated_at": "2023-04-05T07:07:08+01:00",
        "lead_time": 12.5,
    }
    old = {"id": 3, "completed_by": 2, "result": [rating], "created_at": 1600000000}
    seeds = (
        json.dumps([{"id": 7, "data": {"image": "a.jpg"}, "annotations": [new]}]).encode(),
        json.dumps([{"id": 7, "data": {"image": "b.jpg"}, "completions": [old, old]}]).encode(),
    )
    words = tuple(
        b'"updated_at": "parent_prediction": "ground_truth": "updated_by": "draft": null true NaN '
        b'Infinity 1e999 -1 [[[[[[[[ "\\ud800" "0001-01-01T00:00:00+14:00" '
        b'"9999-12-31T23:59:59-14:00" {"id": {} [] "" "111111111111111111111111"'.split(b" ")
    )
    return Reader(read, seeds, words)


def _foreign(folder: Path) -> Iterator[tuple[str, Reader]]:
    import pyarrow as pa

    from qreasoning.analysis.foreign import read_foreign
    from qreasoning.analysis.options import ForeignColumns
    from qreasoning.records import predictions_schema

    pictures = [{"image_id": f"sha256:{name}", "name": f"{name}.png"} for name in "abc"]
    row = {"image": "a.png", "caption": "C.", "reasoning": "R.", "rating": 3.5}
    lines = [json.dumps({**row, "image": f"{name}.png", "caption_rating": 2}) for name in "abc"]
    columns = {key: [value] for key, value in row.items()}
    words = tuple(b'NaN Infinity 1e999 -1 null true [[[[ "\\ud800" {} [] "b.png"'.split(b" "))
    for suffix, seed in (
        (".jsonl", "\n".join(lines).encode()),
        (".parquet", _parquet(folder, columns)),
    ):
        path = folder / f"chains{suffix}"

        def work(path=path) -> None:
            rows = read_foreign(path, ForeignColumns(), pictures)
            table = pa.Table.from_pylist(rows, schema=predictions_schema())
            ratings = table["rating"].to_pylist()
            assert all(each is None or (math.isfinite(each) and 1 <= each <= 5) for each in ratings)

        def read(content: bytes, path=path, work=work) -> None:
            path.write_bytes(content)
            refused(work)

        yield f"chains{suffix}", Reader(read, (seed,), words)


def main() -> None:
    import atheris

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reader")
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--left", type=Path, default=Path.cwd(), help="where a bad input is left")
    parser.add_argument("--work", type=Path, help="an empty folder, best in memory: it is written")
    options = parser.parse_args()
    folder = options.work or Path(tempfile.mkdtemp(prefix="qr-fuzz-"))
    with atheris.instrument_imports(include=["qreasoning"]):
        reader = readers(folder)[options.reader]
    corpus, words = folder / "corpus", folder / "words.txt"
    corpus.mkdir()
    for number, seed in enumerate(reader.seeds):
        (corpus / f"seed{number}").write_bytes(seed)
    escaped = ("".join(f"\\x{byte:02x}" for byte in word) for word in reader.words if word)
    words.write_text("".join(f'"{word}"\n' for word in escaped))
    limits = ["-timeout=1", "-rss_limit_mb=2048", "-max_len=8192", "-print_final_stats=1"]
    steering = [f"-runs={options.runs}", "-seed=1", f"-dict={words}"]
    place = f"-artifact_prefix={options.left}/"
    atheris.Setup([sys.argv[0], *limits, *steering, place, str(corpus)], reader.read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
