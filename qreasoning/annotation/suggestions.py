"""A model's chains as what annotators find in the form, to be corrected."""

from qreasoning.annotation.answers import Answer
from qreasoning.annotation.pictures import Pictures
from qreasoning.annotation.project import Project
from qreasoning.errors import DataError
from qreasoning.predictions import read_chains


def suggestions(project: Project, pictures: Pictures) -> dict[str, Answer]:
    """By image id, what the model of `prelabel` says; empty without one.

    Dimensions are left to the annotator: a model rates none. Raises DataError where the predictions
    are missing or have none of the pictures.
    """
    if project.file.prelabel is None:
        return {}
    chains = read_chains(project.root / "outputs" / "predictions", project.file.prelabel)
    known = {
        each.image_id: chains[each.image_id]
        for each in pictures.pictures
        if each.image_id in chains
    }
    if not known:
        raise DataError(
            f"{project.path}: the predictions '{project.file.prelabel}' have none of the "
            "project's pictures. Predict them first (qr predict), or correct 'prelabel'."
        )
    none = dict.fromkeys(project.dimensions.ids)
    return {
        image_id: Answer(
            ratings=none,
            notes=none,
            caption=chain.caption or "",
            reasoning=chain.reasoning or "",
            overall=None if chain.rating is None else min(5, max(1, round(chain.rating))),
        )
        for image_id, chain in known.items()
    }
