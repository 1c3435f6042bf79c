"""Where a run's metrics go besides its own files: TensorBoard, or what else transformers knows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers.integrations import TensorBoardCallback
from transformers.integrations.integration_utils import (
    INTEGRATION_TO_CALLBACK,
    get_available_reporting_integrations,
)

from qreasoning.errors import SettingsError

EVENTS = "tensorboard"
"""The folder of a run with its event files."""
UNLISTED = frozenset({"azure_ml", "flyte"})
"""Names that transformers takes but does not look for; it says itself what they miss."""


def check_reporting(names: Sequence[str]) -> None:
    """Raises SettingsError for a name in `report_to` that is unknown or cannot be used here."""
    usable = get_available_reporting_integrations()
    for name in names:
        if name not in INTEGRATION_TO_CALLBACK:
            known = ", ".join(sorted(INTEGRATION_TO_CALLBACK))
            raise SettingsError(
                f"report_to: there is no '{name}', choose from {known}, or give []."
            )
        if name not in usable and name not in UNLISTED:
            raise SettingsError(
                f"report_to: the package of {name} is not installed. Install it, or take the name "
                "out of the recipe (report_to: [])."
            )


def report_into(trainer: Any, run: Path, first_step: int) -> None:
    """Let TensorBoard's event files land in the run; what an interrupted run had written there
    after `first_step` no longer counts."""
    for callback in trainer.callback_handler.callbacks:
        if isinstance(callback, TensorBoardCallback) and trainer.accelerator.is_main_process:
            from torch.utils.tensorboard import SummaryWriter

            callback.tb_writer = SummaryWriter(run / EVENTS, purge_step=first_step + 1)
