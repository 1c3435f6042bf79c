"""A sentence encoder for the semantic metrics: token embeddings of one layer and pooled vectors.

One forward pass per text gives both. Texts are sorted by length and run in small batches that stay
in the processor's cache, one batch per core; bert-score's own batches of 64 are slower.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qreasoning.errors import SettingsError
from qreasoning.files import sha256_bytes, sha256_file

# Encoders whose hidden states are what bert-score gets by cutting the upper layers off.
FAMILIES = (
    *("albert", "bert", "camembert", "convbert", "deberta", "deberta-v2", "distilbert"),
    *("electra", "longformer", "mpnet", "roberta", "squeezebert", "xlm-roberta"),
)


class Identity(NamedTuple):
    """Which model made a score, and from which layer.

    `layer_from` says who chose the layer: "given", "bert-score" (its table) or "last". `name` is
    the hub id or the folder's name, `revision` the hub's commit (None for a folder),
    `weights_sha256` the hash of the weights' file (of the hashes of its parts where there are
    several), `files_sha256` that of configuration and tokenizer, `max_tokens` the length texts are
    cut to.
    """

    name: str
    revision: str | None
    weights_sha256: str
    files_sha256: str
    layer: int
    layer_from: str
    max_tokens: int


class Encoded(NamedTuple):
    """One text: normed token embeddings (tokens, width), which of them count, its pooled vector.

    Special tokens do not count. A text without a word has the vector 0. `cut`: it was too long.
    """

    tokens: Any
    counted: Any
    vector: NDArray[np.float32]
    cut: bool


def load(
    model: str | Path,
    *,
    layer: int | None = None,
    revision: str | None = None,
    device: str | None = None,
    batch_tokens: int = 2048,
) -> "Encoder":
    """An encoder from a hub id or a folder; its weights are read when they are first needed.

    `layer` is the one whose token embeddings BERTScore compares: by default the one in bert-score's
    table, and for a model that is not in it the last. Raises SettingsError for a model that is not
    there or not of a family in `FAMILIES`, and for a layer that it does not have.
    """
    folder, commit = _folder(model, revision)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    family = config.get("model_type")
    if family not in FAMILIES:
        raise SettingsError(
            f"{model} is a model of type '{family}', which BERTScore is not defined for here. "
            f"Give an encoder of one of these: {', '.join(FAMILIES)}."
        )
    layers = int(config.get("num_hidden_layers") or config.get("n_layers"))
    if layer is None:
        layer, chosen = _best_layer(model, config, layers)
    else:
        chosen = "given"
    if not 0 <= layer <= layers:
        raise SettingsError(f"{model} has layers 0 to {layers}, not {layer}. Give one of them.")
    weights = _weights(folder)
    if not weights:
        raise SettingsError(
            f"{model} has no weights as safetensors; others can run code and are not read. "
            "Convert them, or give another model."
        )
    name = Path(model).name if commit is None else str(model)
    identity = Identity(
        name,
        commit,
        _hash(weights),
        _hash(sorted({*folder.glob("*.json"), *folder.glob("*.txt"), *folder.glob("*.model")})),
        layer,
        chosen,
        _max_tokens(folder, config),
    )
    return Encoder(folder, identity, device, batch_tokens)


@dataclass(frozen=True)
class Encoder:
    """A model in `folder`, loaded at the first text. Make one with `load`."""

    folder: Path
    identity: Identity
    device: str | None
    batch_tokens: int

    def encode(self, texts: Sequence[str], *, tokens: bool = True) -> list[Encoded]:
        """Encode `texts`, in their order; without `tokens` only the pooled vectors are kept."""
        full = self._tokenizer([_readable(text) for text in texts])["input_ids"]
        limit = self.identity.max_tokens
        found: list[Encoded | None] = [None] * len(texts)
        batches = _batches([min(len(ids), limit) for ids in full], self.batch_tokens)

        def run(batch: list[int]) -> None:
            cut = [self._shortened(full[place]) for place in batch]
            for place, encoded in zip(batch, self._forward(cut, tokens), strict=True):
                found[place] = encoded._replace(cut=len(full[place]) > limit)

        self._model  # noqa: B018  loaded here, not by every thread
        with _one_thread_each(self._device) as workers, ThreadPoolExecutor(workers) as pool:
            list(pool.map(run, batches))
        return [each for each in found if each is not None]

    def _shortened(self, ids: list[int]) -> list[int]:
        """A text's tokens, the last of them its closing special token, no longer than allowed."""
        limit = self.identity.max_tokens
        return ids if len(ids) <= limit else [*ids[: limit - 1], ids[-1]]

    def _forward(self, batch: list[list[int]], tokens: bool) -> list[Encoded]:
        import torch

        width = max(map(len, batch))
        ids = torch.full((len(batch), width), self._tokenizer.pad_token_id, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, text in enumerate(batch):
            ids[row, : len(text)] = torch.tensor(text)
            mask[row, : len(text)] = 1
        special = [self._tokenizer.cls_token_id, self._tokenizer.sep_token_id]
        counted = (mask == 1) & ~torch.isin(ids, torch.tensor(special))
        with torch.inference_mode():
            states = self._model(
                input_ids=ids.to(self._device),
                # A batch of one length needs no mask, and attention is faster without.
                attention_mask=None if mask.all() else mask.to(self._device),
                output_hidden_states=True,
            ).hidden_states
            weight = mask.to(self._device)[..., None]
            mean = (states[-1] * weight).sum(1) / weight.sum(1)
            mean = torch.nn.functional.normalize(mean, dim=1) * counted.any(1)[:, None].to(mean)
            vectors = mean.cpu().numpy()
            chosen = states[self.identity.layer] if tokens else states[-1][:, :0]
            normed = (chosen / chosen.norm(dim=-1, keepdim=True)).cpu()
        return [
            # Cloned, so that a text does not hold on to its whole batch.
            Encoded(normed[row, : len(text)].clone(), counted[row, : len(text)], vector, False)
            for row, (text, vector) in enumerate(zip(batch, vectors, strict=True))
        ]

    @cached_property
    def _device(self) -> str:
        import torch

        return self.device or ("cuda" if torch.cuda.is_available() else "cpu")

    @cached_property
    def _model(self) -> Any:
        import torch
        from transformers import AutoModel
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()
        model = AutoModel.from_pretrained(
            self.folder, dtype=torch.float32, local_files_only=True, use_safetensors=True
        )
        return model.eval().to(self._device)

    @cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer, GPT2Tokenizer, RobertaTokenizer

        tokenizer = AutoTokenizer.from_pretrained(self.folder, local_files_only=True)
        if isinstance(tokenizer, GPT2Tokenizer | RobertaTokenizer):
            # As bert-score means it: the first word of a text is a word like any other. It asks
            # for that when encoding, where tokenizers of transformers 5 no longer listen.
            tokenizer = AutoTokenizer.from_pretrained(
                self.folder, add_prefix_space=True, local_files_only=True
            )
        # Longer texts are cut, and counted, here.
        tokenizer.model_max_length = 10**9
        return tokenizer


def _readable(text: str) -> str:
    """The text without outer white space, as bert-score has it; lone surrogates become '?'."""
    return text.strip().encode("utf-8", "replace").decode()


def _batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Places of texts in batches of like length, longest first, at most `budget` tokens each."""
    batches: list[list[int]] = []
    widest = 0
    for place in sorted(range(len(lengths)), key=lambda each: -lengths[each]):
        if not batches or widest * (len(batches[-1]) + 1) > budget:
            batches.append([])
            widest = lengths[place]
        batches[-1].append(place)
    return batches


@contextmanager
def _one_thread_each(device: str) -> Iterator[int]:
    """How many batches to run at once: one per core, each on one thread; on a GPU one."""
    import torch

    before = torch.get_num_threads()
    if not device.startswith("cpu"):
        yield 1
        return
    torch.set_num_threads(1)
    try:
        yield before
    finally:
        torch.set_num_threads(before)


def _folder(model: str | Path, revision: str | None) -> tuple[Path, str | None]:
    """Where the model's files lie, and the hub's commit if it came from there."""
    if Path(model).is_dir():
        return Path(model), None
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    small = ["*.json", "*.txt", "*.model"]
    try:
        found = Path(snapshot_download(str(model), revision=revision, allow_patterns=small))
        if not _weights(found):
            snapshot_download(str(model), revision=found.name, allow_patterns=["*.safetensors"])
    except (OSError, HfHubHTTPError, HFValidationError, LocalEntryNotFoundError) as error:
        raise SettingsError(
            f"The model {model} was not found ({type(error).__name__}). Give the path of a folder "
            "or a hub id, and mind that HF_HUB_OFFLINE allows only what was downloaded before."
        ) from None
    return found, found.name


def _weights(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors"))


def _hash(files: Sequence[Path]) -> str:
    """SHA-256 of one file, or of the names and hashes of several."""
    if not files:
        return sha256_bytes(b"")
    if len(files) == 1:
        return sha256_file(files[0])
    lines = (f"{sha256_file(each)}  {each.name}\n" for each in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _best_layer(model: str | Path, config: dict[str, Any], layers: int) -> tuple[int, str]:
    """The layer in bert-score's table, by hub id or by the name in the configuration."""
    from bert_score.utils import model2layers

    for name in (str(model), config.get("_name_or_path")):
        if name in model2layers:
            return int(model2layers[name]), "bert-score"
    return layers, "last"


def _max_tokens(folder: Path, config: dict[str, Any]) -> int:
    """How many tokens a text may have: what the tokenizer says, and what positions there are."""
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    positions = int(config.get("max_position_embeddings") or 512)
    if config["model_type"] in ("camembert", "longformer", "roberta", "xlm-roberta"):
        # Their positions count from the padding token's number on.
        positions -= int(config.get("pad_token_id", 1)) + 1
    return int(min(settings.get("model_max_length") or positions, positions))
