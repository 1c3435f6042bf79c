"""The claim metric: speed, simulated and inverted chains, and the texts it was developed with.

Inverted chains: eight sentences, one a dimension, each said well or badly by chance, against the
same chain with every sentence turned; about a scene of the simulation. Times are process times.
"""

import argparse
import json
import os
import platform
import statistics
import time
from pathlib import Path
from random import Random

import numpy as np

from qreasoning.checks.contradictions import contradictions
from qreasoning.metrics.claims import compare, extract, load_lexicon, load_second_tier, stances
from qreasoning.metrics.rouge import rouge1
from qreasoning.records import Annotation
from qreasoning.simulation import words
from qreasoning.simulation.annotators import answer
from qreasoning.simulation.photographs import Scene, draw_scenes

DATA = Path(__file__).parent / "claims"
PAIRS = (
    ("The exposure of the whole scene is {}.", ("correct", "wrong")),
    ("The contrast between the light and the dark parts is {}.", ("strong", "weak")),
    ("The colors of the objects look {}.", ("vivid", "dull")),
    ("The main subject of the picture is {}.", ("sharp", "blurry")),
    ("There is {} noise in the dark areas of the image.", ("no", "heavy")),
    ("Compression artifacts are {} around the edges.", ("invisible", "obvious")),
    ("The composition of the photo is {}.", ("balanced", "unbalanced")),
    ("The content that it shows is {}.", ("interesting", "boring")),
)


def chains(count: int) -> list[tuple[str, str]]:
    """Chains on simulated scenes, each with its inversion."""
    found = []
    for number, scene in enumerate(draw_scenes(count, "train", seed=0)):
        random = Random(number)
        sides = [random.randrange(2) for _ in PAIRS]
        both = []
        for turn in (0, 1):
            said = [
                text.format(pair[side ^ turn])
                for (text, pair), side in zip(PAIRS, sides, strict=True)
            ]
            both.append(" ".join([f"A photo of {scene.noun}.", *said]))
        found.append((both[0], both[1]))
    return found


def inverted(count: int) -> None:
    pairs = chains(count)
    rates = [compare(other, chain).contradiction_rate for chain, other in pairs]
    overlap = rouge1([other for _, other in pairs], [chain for chain, _ in pairs]).fmeasure
    print(
        f"inverted simulated chains, {count}: contradiction rate {np.mean(rates):.3f} "
        f"(least {min(rates):.3f}), ROUGE-1 {overlap.mean():.3f} (least {overlap.min():.3f})"
    )


def simulated(count: int) -> None:
    """The dimension that a simulated photograph spoils, in what simulated people write."""
    hits = wrong = spoken = 0
    for scene in draw_scenes(count, "train", seed=0):
        spoiled = words.DIMENSION_OF.get(scene.distortion)
        if spoiled is None:
            continue
        given = answer(scene, 1, seed=0)
        said = stances(f"{given.caption} {given.reasoning}")
        spoken += 1
        hits += spoiled in said and said[spoiled].polarity == -1
        wrong += spoiled in said and said[spoiled].polarity == 1
    print(f"simulated answers, {spoken}: spoiled dimension bad {hits}, good {wrong}")


def speed(repetitions: int) -> None:
    started = time.process_time()
    load_lexicon.__wrapped__()
    print(f"lexicon read in {time.process_time() - started:.2f} s")
    short = [row["text"] for path in sorted(DATA.glob("texts_*.jsonl")) for row in _rows(path)]
    long = [chain for chain, _ in chains(200)]
    for name, texts in (("free texts", short), ("chains", long)):
        length = statistics.mean(len(text.split()) for text in texts)
        times = []
        for _ in range(repetitions):
            started = time.process_time()
            for text in texts:
                extract(text)
            times.append(len(texts) / (time.process_time() - started))
        print(f"{name}, {length:.0f} words: {statistics.median(times):,.0f} texts/s (median)")
    for size in (25_000, 50_000, 100_000):
        text = ("sharp noise, not dark and no " * (size // 29 + 1))[:size]
        started = time.process_time()
        extract(text)
        print(f"one sentence of {size:,} characters: {time.process_time() - started:.2f} s")


def false_flags(count: int) -> None:
    """Captions that claim something, and answers whose texts are set against their ratings."""
    captions = (DATA / "captions.txt").read_text(encoding="utf-8").splitlines()
    print(f"captions, {len(captions)}: {sum(bool(extract(each)) for each in captions)} claim")
    rows = [
        _annotation(s, a) for s in draw_scenes(count // 4, "train", seed=0) for a in range(1, 5)
    ]
    started = time.process_time()
    flagged = sum(bool(contradictions(row)) for row in rows)
    spent = time.process_time() - started
    print(f"simulated answers, {len(rows)}: {flagged} against their ratings, {spent:.1f} s")


def _annotation(scene: Scene, annotator: int) -> Annotation:
    said = answer(scene, annotator, seed=0)
    return Annotation(
        image_id="sha256:1",
        name=scene.name,
        annotator=f"{annotator}@x",
        project="p",
        ratings=dict(said.ratings),
        notes={name: said.notes.get(name) for name in said.ratings},
        caption=said.caption,
        reasoning=said.reasoning,
        overall=said.overall,
        seconds=said.seconds,
        created="2026-01-01T10:00:00Z",
        updated="2026-01-01T11:00:00Z",
        form_version="f",
    )


def figures() -> None:
    second = load_second_tier()
    for path in sorted(DATA.glob("triples_*.jsonl")) + sorted(DATA.glob("probes_*.jsonl")):
        rows = _rows(path)
        for name, tier in (("lexicon", None), ("both tiers", second)):
            decided = right = 0
            for row in rows:
                good = compare(row["paraphrase"], row["reference"], second=tier).score
                bad = compare(row["contradiction"], row["reference"], second=tier).score
                decided += good != bad
                right += good > bad
            print(f"{path.stem}, {name}: {len(rows)}, decided {decided}, right {right}")
    for path in sorted(DATA.glob("texts_*.jsonl")):
        hits = found = labelled = 0
        for row in _rows(path):
            said = {key: each.polarity for key, each in stances(row["text"]).items()}
            said.pop("overall", None)
            hits += sum(row["labels"].get(key) == value for key, value in said.items())
            found, labelled = found + len(said), labelled + len(row["labels"])
        print(f"{path.stem}: polarity F1 {2 * hits / (found + labelled):.3f}")


def _rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--answers", type=int, default=20_000)
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    speed(options.repetitions)
    inverted(options.count)
    simulated(options.count)
    false_flags(options.answers)
    figures()


if __name__ == "__main__":
    main()
