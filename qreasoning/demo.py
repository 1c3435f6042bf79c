"""The whole loop on simulation: pictures, people, dataset, training, predictions, report.

Real parts throughout (Label Studio, the dataset, GRPO with LoRA on a tiny vision-language model,
the report); what is simulated are the distortions' MOS and the people, and everything made from
them says so. Test pictures come from regions of the photographs that training never sees.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from threading import Thread
from typing import TYPE_CHECKING, Any

from qreasoning.analysis.report import AlignReport, align_report
from qreasoning.annotation import answers
from qreasoning.annotation.accounts import LOGINS
from qreasoning.annotation.collected import pull_project
from qreasoning.annotation.log import Log
from qreasoning.annotation.pictures import KNOWN, Pictures, collect
from qreasoning.annotation.project import load_project
from qreasoning.annotation.server import embedded
from qreasoning.annotation.submit import Submission, submit_answers
from qreasoning.annotation.sync import sync
from qreasoning.errors import SettingsError
from qreasoning.files import write_text
from qreasoning.simulation import annotators
from qreasoning.simulation.photographs import Scene, Split
from qreasoning.simulation.study import SCORES, write_pictures
from qreasoning.workspace import Workspace, cache_folder, make_study

if TYPE_CHECKING:
    from qreasoning.simulation.warm_up import WarmUp
    from qreasoning.training.recipe import Recipe

Say = Callable[[str], None]
PROJECT = "simulated"
DATASET = "demo-simulated"
REPORT = "demo"
PICTURES = "pictures/simulated"
MARKER = "demo-simulated.json"


@dataclass(frozen=True)
class Size:
    """How much of everything: pictures per split, how many of them people annotate, steps."""

    pictures: Mapping[Split, int]
    annotated: Mapping[Split, int]
    people: int = 3
    per_picture: int = 2
    """How many people annotate each of those; with two the report can say how near is near."""
    steps: int | None = None
    """GRPO steps; None is the recipe's own number."""
    warm_up: "WarmUp | None" = None
    """How the base model is made; None is the full warm-up."""


FULL = Size(
    pictures={"train": 800, "validation": 40, "test": 200},
    annotated={"train": 160, "test": 80},
)


@dataclass(frozen=True)
class DemoReport:
    """What the demo measured before and after GRPO, by the names of its table's columns."""

    before: Mapping[str, float]
    after: Mapping[str, float]
    report: Path
    seconds: float


def run_demo(folder: Path, *, seed: int, size: Size, say: Say) -> DemoReport:
    """Run the loop in a study of its own at `folder`; run again, it goes on where it was.

    Raises SettingsError if `folder` holds something else, or a demo with another seed.
    """
    started = time.monotonic()
    stage = _stages(say, started)
    stage("simulate: photographs with graded distortions and their simulated MOS")
    study = _study(folder, seed, size)
    scenes = write_pictures(study.root / PICTURES, size.pictures, seed)
    with _warming_up(size, say):
        stage(f"annotate: {size.people} simulated people answer through Label Studio")
        _annotate(study, scenes, seed, size, say)
        stage("build-dataset")
        dataset = _build(study, say)
        stage("warm up the tiny base model (cached for the next time)")
    base = _base(size, say)
    stage("train: GRPO with LoRA")
    recipe = _recipe(study, base, seed, size)
    run = _train(recipe, dataset, study, say)
    stage("predict: before and after")
    models = [_predict(model, dataset, study, recipe, say) for model in (base, run)]
    stage("align-report")
    report = align_report(study, dataset=dataset, predictions=models, name=REPORT, say=say)
    before, after = (_measured(report, model) for model in models)
    return DemoReport(before, after, report.folder / "index.html", time.monotonic() - started)


def _stages(say: Say, started: float) -> Say:
    def announce(text: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - started), 60)
        say(f"[{minutes:02d}:{seconds:02d}] {text}")

    return announce


def _study(folder: Path, seed: int, size: Size) -> Workspace:
    facts = {"seed": seed, "pictures": dict(size.pictures), "annotated": dict(size.annotated)}
    marker = folder / MARKER
    if not marker.is_file():
        return make_study(folder, _texts(facts, size))
    if json.loads(marker.read_text(encoding="utf-8")) != facts:
        raise SettingsError(
            f"{folder} holds a demo with another seed or size. Remove it, or name another folder."
        )
    return Workspace(folder.resolve())


def _texts(facts: Mapping[str, Any], size: Size) -> dict[str, str]:
    project = {
        "title": "Simulated annotations",
        "images": PICTURES,
        "manifest": f"{PICTURES}/annotated-simulated.txt",
        "annotators": size.people,
        "annotators_per_image": size.per_picture,
        "simulated": True,
        # Simulated texts come from templates.
        "rules": {"alike": None},
    }
    scores = {
        "name": "simulated-mos",
        "file": f"{PICTURES}/{SCORES}",
        "images": PICTURES,
        "columns": {"mos_std": "mos_std", "split": "split", "reference": "reference"},
        "range": [1, 5],
    }
    dataset = {"name": DATASET, "projects": [PROJECT], "score_sets": [scores], "simulated": True}
    # JSON is YAML; what a person would edit is short enough to read in it.
    return {
        MARKER: json.dumps(facts, indent=1) + "\n",
        f"annotation/{PROJECT}.yaml": json.dumps(project, indent=1) + "\n",
        "annotation/dataset.yaml": json.dumps(dataset, indent=1) + "\n",
    }


@contextmanager
def _warming_up(size: Size, say: Say) -> Iterator[None]:
    """Make the base model in a process of its own while the block runs, then wait for it."""
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    # A daemon ends with this process, also after Ctrl-C.
    process = context.Process(target=_make_base, args=(size, sender), daemon=True)
    process.start()
    sender.close()
    listener = Thread(target=_forward, args=(receiver, say), daemon=True)
    listener.start()
    try:
        yield
        process.join()
    finally:
        process.terminate()
        process.join()
        listener.join()


def _make_base(size: Size, sender: Connection) -> None:
    # Label Studio wants the cores as well: threads that wait must not spin. Read by torch's import.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    _base(size, sender.send)


def _forward(receiver: Connection, say: Say) -> None:
    """Say what the other process says until it ends."""
    while True:
        try:
            say(receiver.recv())
        except EOFError:
            return


def _base(size: Size, say: Say) -> Path:
    from qreasoning.simulation.warm_up import WarmUp, ensure_base

    return ensure_base(cache_folder(), say, size.warm_up or WarmUp())


def _annotate(study: Workspace, scenes: Sequence[Scene], seed: int, size: Size, say: Say) -> None:
    chosen = _chosen(scenes, seed, size)
    project = load_project(PROJECT, study)
    lines = "".join(f"{scene.name}\n" for scene in chosen)
    if project.manifest is not None:
        write_text(project.manifest, lines)
    folder = study.annotations / project.slug
    pictures = collect(project, folder / KNOWN, say)
    data = study.root / "outputs" / "label-studio"
    # The server is ended before the people are waited for, so an error ends them too.
    with (
        ThreadPoolExecutor(size.people) as people,
        embedded(data, project.document_root, cache_folder(), say) as server,
    ):
        synced = sync(server, project, pictures, folder / LOGINS, say)
        jobs = [
            people.submit(
                submit_answers,
                server,
                login,
                synced.project_id,
                _submissions(_given(chosen, number, size), number + 1, seed, pictures),
                say,
            )
            for number, login in enumerate(synced.logins)
        ]
        for job in jobs:
            job.result()
        pull_project(server, project, synced, Log(folder))


def _chosen(scenes: Sequence[Scene], seed: int, size: Size) -> list[Scene]:
    """The scenes that people annotate; the others have a MOS only."""
    random = Random(f"annotated {seed}")
    return [
        scene
        for split, count in size.annotated.items()
        for scene in random.sample([each for each in scenes if each.split == split], count)
    ]


def _given(chosen: Sequence[Scene], number: int, size: Size) -> list[Scene]:
    """What one person annotates: everybody gets the same share, each picture goes to several."""
    return [
        scene
        for place, scene in enumerate(chosen)
        if (number - place) % size.people < size.per_picture
    ]


def _submissions(
    scenes: Sequence[Scene], person: int, seed: int, pictures: Pictures
) -> dict[str, Submission]:
    # A crop that equals another one to the byte is one picture, under the first one's name.
    ids = {each.name: each.image_id for each in pictures.pictures}
    made = {}
    for scene in (each for each in scenes if each.name in ids):
        simulated = annotators.answer(scene, person, seed)
        answer = answers.Answer(
            ratings=simulated.ratings,
            notes=simulated.notes,
            caption=simulated.caption,
            reasoning=simulated.reasoning,
            overall=simulated.overall,
        )
        made[ids[scene.name]] = Submission(answer, simulated.seconds)
    return made


def _build(study: Workspace, say: Say) -> Path:
    from qreasoning.data.build import build_dataset
    from qreasoning.data.spec import read_spec

    return build_dataset(read_spec(study), study, say).folder


def _recipe(study: Workspace, base: Path, seed: int, size: Size) -> "Recipe":
    from qreasoning.training.recipe import load_recipe

    recipe = load_recipe(study.settings("training", "tiny", "recipe"))
    grpo = {"seed": seed, "steps": size.steps or recipe.grpo.steps}
    return recipe.model_copy(
        update={"model": str(base), "grpo": recipe.grpo.model_copy(update=grpo)}
    )


def _train(recipe: "Recipe", dataset: Path, study: Workspace, say: Say) -> Path:
    from qreasoning.training.run import train

    return train(recipe, dataset, study.runs, device="cpu", say=say).run


def _predict(model: Path, dataset: Path, study: Workspace, recipe: "Recipe", say: Say) -> str:
    from qreasoning.training.predict import predict

    report = predict(
        model,
        dataset,
        study.predictions,
        max_new_tokens=recipe.grpo.max_completion_length,
        batch_size=50,
        device="cpu",
        say=say,
    )
    return report.model


def _measured(report: AlignReport, model: str) -> dict[str, float]:
    return {
        "ROUGE-1 with human chains": report.value(model, "rouge1"),
        "SRCC, image condition": report.value(model, "srcc"),
        "SRCC, caption condition": report.value(model, "srcc", "caption"),
        "format rate, image condition": report.value(model, "format_rate"),
        "format rate, caption condition": report.value(model, "format_rate", "caption"),
    }
