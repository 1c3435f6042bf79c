"""Which optional extra brings which modules, for sentences that name the remedy."""

from collections.abc import Mapping
from importlib.util import find_spec
from types import MappingProxyType

from qreasoning.errors import SettingsError

EXTRAS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "annotate": ("label_studio_sdk", "httpx", "markdown_it"),
        "train": (
            *("torch", "transformers", "trl", "peft", "accelerate", "datasets", "tensorboard"),
            *("safetensors", "tokenizers", "optuna"),
        ),
        "report": ("jinja2", "markupsafe", "matplotlib"),
        "semantic": ("bert_score",),
        "scale": ("ray",),
        "demo": ("skimage",),
        "hub": ("huggingface_hub", "httpx2"),
        "gpu": ("vllm", "bitsandbytes", "deepspeed"),
    }
)
"""Extra to the modules that it brings. One that several bring stands with the lightest of them."""


def extra_of(module: str) -> str | None:
    """The extra that brings a module (dotted or not), or None for one of the core."""
    top = module.partition(".")[0]
    return next((extra for extra, modules in EXTRAS.items() if top in modules), None)


def lacking(extra: str) -> list[str]:
    """The modules of an extra that are not installed; nothing is imported to find out."""
    return [module for module in EXTRAS[extra] if find_spec(module) is None]


def need(*extras: str) -> None:
    """Raise a SettingsError that names the last of the extras where modules of any are missing.

    For commands that would otherwise find out late, after minutes of work.
    """
    missing = [module for extra in extras for module in lacking(extra)]
    if missing:
        raise SettingsError(how_to_install(missing[0], extras[-1]))


def how_to_install(module: str, extra: str) -> str:
    """The sentence for a module that is missing."""
    return f"The package '{module}' is missing. Install it: pip install 'qreasoning[{extra}]'"
