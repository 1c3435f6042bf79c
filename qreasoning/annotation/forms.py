"""The form of a project, by its kind."""

from qreasoning.annotation.interface import form_version, form_xml
from qreasoning.annotation.judge_form import RATED, judge_form_version, judge_xml
from qreasoning.annotation.project import Project


def project_form(project: Project) -> str:
    """The form as Label Studio XML."""
    version, judging = project.guidelines_version, project.file.judge
    if judging is None:
        return form_xml(project.dimensions, version)
    return judge_xml(judging.question, version)


def project_form_version(project: Project) -> str:
    """A short name of what is seen of exactly this form."""
    judging = project.file.judge
    if judging is None:
        return form_version(project.dimensions)
    return judge_form_version(judging.question)


def rated_fields(project: Project) -> tuple[str, ...]:
    """The names of the form's ratings."""
    return (*project.dimensions.ids, "overall") if project.file.judge is None else tuple(RATED)
