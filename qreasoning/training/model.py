"""Models and processors by Hub id or folder, and what can be said about them before loading."""

import json
import math
import re
import struct
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import torch
from huggingface_hub import hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from safetensors import SafetensorError
from transformers import (
    AutoModelForImageTextToText,
    AutoProcessor,
    BitsAndBytesConfig,
    Qwen2_5_VLProcessor,
    Qwen3VLProcessor,
)
from transformers.utils.logging import disable_progress_bar

from qreasoning.errors import SettingsError

LARGE = 1_000_000_000
"""Parameters above which training is not started without a GPU unless that is asked for."""


class _ImageOnly:
    """Takes the video part out of a processor, which would need torchvision.

    The library reads the parts of a processor from this signature.
    """

    def __init__(
        self,
        image_processor: Any = None,
        tokenizer: Any = None,
        chat_template: str | None = None,
        **_: Any,
    ) -> None:
        parts: Any = super()
        parts.__init__(image_processor, tokenizer, None, chat_template=chat_template)

    @property
    def model_input_names(self) -> list[str]:
        """Names of the tensors this processor makes."""
        parts: Any = super()
        return [name for name in parts.model_input_names if name != "second_per_grid_ts"]


class ImageOnlyQwen2_5_VLProcessor(_ImageOnly, Qwen2_5_VLProcessor):
    """Qwen2.5-VL's processor for pictures and text."""


class ImageOnlyQwen3VLProcessor(_ImageOnly, Qwen3VLProcessor):
    """Qwen3-VL's processor for pictures and text."""


PROCESSORS = {
    "qwen2_5_vl": ImageOnlyQwen2_5_VLProcessor,
    "qwen3_vl": ImageOnlyQwen3VLProcessor,
}
"""The families whose own processor wants torchvision, by the model type in config.json."""


def load_model(
    name: str,
    device: str,
    *,
    revision: str | None = None,
    quantization: Literal["4bit"] | None = None,
    dtype: Literal["auto"] | None = None,
) -> Any:
    """The vision-language model `name` (Hub id or folder) on `device`, ready to evaluate.

    bfloat16 on a GPU, float32 on the CPU; with `auto` as its weights are stored. Raises
    SettingsError where `find_config` does, for weights that are not there, for a model of another
    kind, and for 4 bits without their package.
    """
    find_config(name, revision)
    disable_progress_bar()  # a stage reports through `say` alone
    usual = torch.bfloat16 if device == "cuda" else torch.float32
    # Weights in pickles run what whoever made them wrote.
    options: dict[str, Any] = {
        "dtype": dtype or usual,
        "revision": revision,
        "use_safetensors": True,
        "trust_remote_code": False,
    }
    if quantization is not None:
        options |= {"quantization_config": _four_bits(device), "device_map": device}
    try:
        model = AutoModelForImageTextToText.from_pretrained(name, **options)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise SettingsError(
            f"{name} cannot be loaded as a vision-language model: {reason} "
            "Complete its files, or name another model."
        ) from None
    return (model if quantization else model.to(device)).eval()


def _four_bits(device: str) -> BitsAndBytesConfig:
    """NF4 with a second quantization of its scales, as in QLoRA (arXiv 2305.14314)."""
    problem = without_4_bits(device)
    if problem is not None:
        raise SettingsError(problem)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def without_4_bits(device: str) -> str | None:
    """Why weights cannot be in 4 bits here, and what to do; None where they can."""
    if device == "cuda" and torch.cuda.is_available() and find_spec("bitsandbytes") is not None:
        return None
    return (
        "quantization: 4bit needs a GPU and the package bitsandbytes. Install it: "
        "pip install 'qreasoning[gpu]', or take quantization out of the recipe."
    )


def save_model(model: Any, folder: Path) -> None:
    """Write a model, or the adapter of one, into `folder`. Raises OSError where the disk is full:
    what writes the weights says so in its text only."""
    try:
        model.save_pretrained(str(folder))
    except SafetensorError as error:
        # What the disk says is only in its text: "… (os error 28)".
        code = re.search(r"os error (\d+)", str(error))
        if code is None:
            raise
        raise OSError(int(code.group(1)), str(error), str(folder)) from None


def load_processor(name: str, max_pixels: int | None = None, *, revision: str | None = None) -> Any:
    """The processor of `name`, on Pillow; pictures above `max_pixels` are scaled down to it."""
    config = json.loads(find_config(name, revision).read_text(encoding="utf-8"))
    kind: Any = PROCESSORS.get(config["model_type"], AutoProcessor)
    processor = kind.from_pretrained(name, revision=revision, padding_side="left", backend="pil")
    if max_pixels is not None:
        processor.image_processor.size["longest_edge"] = max_pixels
    return processor


def commit_of(name: str, revision: str | None = None) -> str | None:
    """The commit that a Hub model's revision stands for; None for a model's folder.

    Raises SettingsError where `find_config` does.
    """
    config = find_config(name, revision)
    # The Hub's cache keeps each commit in snapshots/<commit>.
    return config.parent.name if config.parent.parent.name == "snapshots" else None


def weights_of(name: str, revision: str | None = None) -> list[str]:
    """What tells a model's weights from others without reading them: its commit, or of a folder
    the names, sizes and times of its files. For this machine only."""
    commit = commit_of(name, revision)
    if commit is not None:
        return [commit]
    files = sorted(Path(name).expanduser().glob("*.safetensors"))
    facts = ((file.name, file.stat()) for file in files)
    return [f"{file} {stat.st_size} {stat.st_mtime_ns}" for file, stat in facts]


def find_config(name: str, revision: str | None = None) -> Path:
    """The path of a model's config.json, fetched from the Hub if it is not here yet.

    Raises SettingsError for a name that is neither a model's folder, nor in the local cache, nor
    on the Hub, for a revision that it does not have, or where the Hub cannot be asked.
    """
    local = Path(name).expanduser() / "config.json"
    if local.parent.is_dir() and revision is not None:
        raise SettingsError(f"{name} is a folder, which has no revisions. Take 'revision' out.")
    if local.is_file():
        return local
    if local.parent.is_dir():
        raise SettingsError(f"{name} is no model: it has no config.json. Name another folder.")
    try:
        return Path(hf_hub_download(name, "config.json", revision=revision))
    except RevisionNotFoundError:
        raise SettingsError(
            f"The model '{name}' has no revision '{revision}'. Name a branch, a tag or a commit."
        ) from None
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
    problem = without_gpu(name, device)
    if problem is not None:
        raise SettingsError(problem)
    return device or ("cuda" if torch.cuda.is_available() else "cpu")


def without_gpu(name: str, device: str | None) -> str | None:
    """Why a model cannot be run for want of a GPU, and what to do; None where it can."""
    if torch.cuda.is_available() or device == "cpu":
        return None
    if device == "cuda":
        return "No GPU is found on this machine. Use --device cpu."
    parameters = parameter_count(name)
    if parameters is None or parameters <= LARGE:
        return None
    return (
        f"No GPU is found and {name} has about {parameters / 1e9:.1f} billion parameters. "
        "Try the loop with: qr train tiny, or add --device cpu to wait for it."
    )
