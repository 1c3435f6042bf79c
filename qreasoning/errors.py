"""Errors that a user can cause: what is wrong, where, and what to do, in a sentence or two."""


class QReasoningError(Exception):
    """Base of every error that is shown as one message without a traceback (exit code 2)."""


class SettingsError(QReasoningError):
    """A study file (project, recipe, dimensions, …) that cannot be used as it is."""


class DataError(QReasoningError):
    """Pictures, annotations, datasets or predictions that are missing or damaged."""


class ServerError(QReasoningError):
    """A Label Studio server that cannot be started, reached or used."""


class TrainingError(QReasoningError):
    """A training run that cannot go on."""
