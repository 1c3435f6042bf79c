"""Models and processors by Hub id or folder, and what can be said about them before loading."""

import json
import math
import re
import struct
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
)
from transformers import AutoModelForImageTextToText, AutoProcessor, Qwen2_5_VLProcessor
from transformers.utils.logging import disable_progress_bar

from qreasoning.errors import SettingsError

LARGE = 1_000_000_000
"""Parameters above which training is not started without a GPU unless that is asked for."""


class ImageOnlyQwen2_5_VLProcessor(Qwen2_5_VLProcessor):
    """Qwen2.5-VL's processor without its video part, which would need torchvision.

    The library reads the parts of a processor from this signature.
    """

    def __init__(
        self,
        image_processor: Any = None,
        tokenizer: Any = None,
        chat_template: str | None = None,
        **_: Any,
    ) -> None:
        super().__init__(image_processor, tokenizer, None, chat_template=chat_template)

    @property
    def model_input_names(self) -> list[str]:
        """Names of the tensors this processor makes."""
        names: list[str] = super().model_input_names
        return [name for name in names if name != "second_per_grid_ts"]


def load_model(name: str, device: str) -> Any:
    """The vision-language model `name` (Hub id or folder) on `device`, ready to evaluate.

    bfloat16 on a GPU, float32 on the CPU. Raises SettingsError where `find_config` does, for
    weights that are not there, and for a model of another kind.
    """
    find_config(name)
    disable_progress_bar()  # a stage reports through `say` alone
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    try:
        model = AutoModelForImageTextToText.from_pretrained(name, dtype=dtype)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise SettingsError(
            f"{name} cannot be loaded as a vision-language model: {reason} "
            "Complete its files, or name another model."
        ) from None
    return model.to(device).eval()


def load_processor(name: str, max_pixels: int | None = None) -> Any:
    """The processor of `name`, on Pillow; pictures above `max_pixels` are scaled down to it."""
    config = json.loads(find_config(name).read_text(encoding="utf-8"))
    kind: Any = (
        ImageOnlyQwen2_5_VLProcessor if config["model_type"] == "qwen2_5_vl" else AutoProcessor
    )
    processor = kind.from_pretrained(name, padding_side="left", backend="pil")
    if max_pixels is not None:
        processor.image_processor.size["longest_edge"] = max_pixels
    return processor


def find_config(name: str) -> Path:
    """The path of a model's config.json, fetched from the Hub if it is not here yet.

    Raises SettingsError for a name that is neither a model's folder, nor in the local cache, nor
    on the Hub, or where the Hub cannot be asked.
    """
    local = Path(name).expanduser() / "config.json"
    if local.is_file():
        return local
    if local.parent.is_dir():
        raise SettingsError(f"{name} is no model: it has no config.json. Name another folder.")
    try:
        return Path(hf_hub_download(name, "config.json"))
    except (HFValidationError, RepositoryNotFoundError, EntryNotFoundError) as error:
        if isinstance(error, LocalEntryNotFoundError):
            raise SettingsError(
                f"The model '{name}' is not on this machine and the Hugging Face Hub cannot be "
                "reached. Connect, or give a folder that holds the model."
            ) from None
        raise SettingsError(
            f"There is no model '{name}', neither a folder here nor on the Hugging Face Hub. "
            "Correct 'model', or log in if it is gated."
        ) from None
    except HfHubHTTPError as error:
        raise SettingsError(
            f"The Hugging Face Hub refused the model '{name}' ({error}). Try again later."
        ) from None


def parameter_count(name: str) -> int | None:
    """Parameters of a model: counted in its weights on disk, else read off a name like `7B`.

    None where neither tells.
    """
    folder = Path(name).expanduser()
    if not folder.is_dir():
        cached = try_to_load_from_cache(name, "config.json") if "/" in name else None
        folder = Path(cached).parent if isinstance(cached, str) else folder
    counted = sum(_parameters(weights) for weights in folder.glob("*.safetensors"))
    if counted:
        return counted
    named = re.search(r"(?<![A-Za-z0-9.])(\d+(?:\.\d+)?)[Bb](?![A-Za-z])", Path(name).name)
    return round(float(named.group(1)) * 1e9) if named else None


def _parameters(weights: Path) -> int:
    """Sum over the shapes in a safetensors header: 8 bytes of length, then JSON."""
    with weights.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    return sum(math.prod(each["shape"]) for key, each in header.items() if key != "__metadata__")


def choose_device(name: str, device: str | None) -> str:
    """`device` if given, else the GPU, else the CPU if the model is small enough for it.

    Raises SettingsError for a device that is not here, and for a model above 1 B parameters where
    no GPU is found and none was named.
    """
    if device not in (None, "cpu", "cuda"):
        raise SettingsError(f"There is no device '{device}'. Choose cpu or cuda.")
    if device == "cuda" and not torch.cuda.is_available():
        raise SettingsError("No GPU is found on this machine. Use --device cpu.")
    if device is not None:
        return device
    if torch.cuda.is_available():
        return "cuda"
    parameters = parameter_count(name)
    if parameters is not None and parameters > LARGE:
        raise SettingsError(
            f"No GPU is found and {name} has about {parameters / 1e9:.1f} billion parameters. "
            "Try the loop with: qr train tiny, or add --device cpu to wait for it."
        )
    return "cpu"
