import contextlib
import io
import shutil

import numpy as np
import pytest

from qreasoning.errors import DataError, SettingsError
from qreasoning.metrics import encoder as encoder_module
from qreasoning.metrics import semantic as semantic_module
from qreasoning.metrics.semantic import load, semantic, vectors

PREDICTIONS = [
    "The image is slightly blurry, and the colours are dull.",
    "Sharp focus on the bird; the background is smooth.",
    "Heavy noise in the shadows.",
    "A nice, bright photograph with vivid colours and a well balanced composition overall.",
    "blurry",
]
REFERENCES = [
    "A soft picture with muted colours.",
    "The bird is crisp against a creamy background.",
    "Very clean shadows without any noise at all.",
    "Overexposed.",
    "Noise; blur; JPEG blocks [SEP] and banding",
]


@pytest.fixture(scope="module")
def small(minilm):
    return load(minilm)


def _bert_score(predictions, references, folder, layer):
    from bert_score import score

    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        found = score(predictions, references, model_type=str(folder), num_layers=layer)
    return [each.numpy() for each in found]


def _columns(found):
    return np.stack([found.precision, found.recall, found.fmeasure, found.cosine])


@pytest.mark.parametrize("layer", [6, 4])
def test_semantic_equals_bert_score(minilm, layer):
    ours = semantic(PREDICTIONS, REFERENCES, load(minilm, layer=layer))
    theirs = _bert_score(PREDICTIONS, REFERENCES, minilm, layer)
    for mine, other in zip((ours.precision, ours.recall, ours.fmeasure), theirs, strict=True):
        assert mine == pytest.approx(other, abs=1e-5)
    assert ours.identity.layer == layer and ours.identity.layer_from == "given"


def test_cosine_is_that_of_mean_pooled_last_states(minilm, small):
    import torch
    from transformers import AutoModel, AutoTokenizer

    model, tokenizer = AutoModel.from_pretrained(minilm), AutoTokenizer.from_pretrained(minilm)
    expected = []
    for pair in zip(PREDICTIONS, REFERENCES, strict=True):
        pooled = []
        for text in pair:
            with torch.no_grad():
                states = model(**tokenizer(text, return_tensors="pt")).last_hidden_state
            pooled.append(states[0].mean(dim=0).numpy())
        left, right = pooled
        expected.append(left @ right / np.linalg.norm(left) / np.linalg.norm(right))
    assert semantic(PREDICTIONS, REFERENCES, small).cosine == pytest.approx(expected, abs=1e-5)
    table = vectors(PREDICTIONS + REFERENCES, small)
    assert np.diag(table[:5] @ table[5:].T) == pytest.approx(expected, abs=1e-5)


def test_an_empty_text_scores_0_and_spares_the_others(small):
    found = semantic(["", "sharp", " \n"], ["sharp", "", ""], small)
    assert (_columns(found) == 0).all() and found.empty == 4
    beside = semantic(["", PREDICTIONS[0]], ["x", REFERENCES[0]], small)
    alone = semantic(PREDICTIONS[:1], REFERENCES[:1], small)
    assert _columns(beside)[:, 1] == pytest.approx(_columns(alone)[:, 0], abs=2e-6)


def test_the_same_text_scores_1_and_sides_exchange_precision_and_recall(small):
    same = semantic(REFERENCES, REFERENCES, small)
    assert _columns(same) == pytest.approx(1, abs=1e-5)
    forth = semantic(PREDICTIONS, REFERENCES, small)
    back = semantic(REFERENCES, PREDICTIONS, small)
    assert forth.precision == pytest.approx(back.recall, abs=2e-6)
    assert forth.fmeasure == pytest.approx(back.fmeasure, abs=2e-6)


def test_a_first_word_of_roberta_is_a_word_like_any_other(roberta):
    from transformers import AutoTokenizer

    encoder = load(roberta)
    found = semantic(["blurry", "sharp"], ["a blurry", "the sharp"], encoder)
    # With the prefix space "blurry" alone is the one token that it is in "a blurry"; without, the
    # tokenizer has never seen it and takes it to pieces.
    assert encoder.encode(["blurry"])[0].counted.sum() == 1
    plain = AutoTokenizer.from_pretrained(roberta)
    assert len(plain("blurry", add_special_tokens=False)["input_ids"]) > 1
    assert encoder.identity.layer == 2 and np.isfinite(_columns(found)).all()


def test_roberta_equals_bert_score_where_bert_score_is_given_the_prefix_space(roberta, tmp_path):
    # bert-score asks for the space when encoding, which tokenizers of transformers 5 ignore; put
    # into the folder's own settings, it is what bert-score means.
    folder = tmp_path / "prefixed"
    shutil.copytree(roberta, folder)
    settings = folder / "tokenizer_config.json"
    prefixed = '{"add_prefix_space": true, '
    settings.write_text(settings.read_text().replace("{", prefixed, 1).replace("512", "40"))
    sides = ["blurry image", "sharp picture"], ["a dark noise", "the image is clean"]
    theirs = _bert_score(*sides, folder, 2)
    ours = semantic(*sides, load(roberta))
    assert ours.precision == pytest.approx(theirs[0], abs=1e-5)
    assert ours.recall == pytest.approx(theirs[1], abs=1e-5)


def test_long_texts_are_cut_to_the_model_and_counted(roberta, minilm):
    # 42 positions, of which RoBERTa does not use the first two.
    encoder = load(roberta)
    assert encoder.identity.max_tokens == 40
    long = "noise " * 100
    found = semantic([long, "noise"], ["noise", long + "blurry"], encoder)
    assert found.cut == 2 and np.isfinite(_columns(found)).all()
    tokens = encoder.encode([long])[0]
    assert tokens.tokens.shape[0] == 40 and tokens.counted.sum() == 38
    assert load(minilm).identity.max_tokens == 512


def test_long_texts_equal_bert_score(minilm, small):
    long = " ".join(REFERENCES * 25)
    ours = semantic([long], [PREDICTIONS[0]], small)
    theirs = _bert_score([long], [PREDICTIONS[0]], minilm, 6)
    assert ours.cut == 1
    assert ours.precision == pytest.approx(theirs[0], abs=1e-5)
    assert ours.fmeasure == pytest.approx(theirs[2], abs=1e-5)


def test_many_pairs_in_small_windows_score_as_in_one(small, monkeypatch):
    texts = PREDICTIONS + REFERENCES
    pairs = [(a, b) for a in texts for b in texts]
    left, right = [a for a, _ in pairs], [b for _, b in pairs]
    whole = semantic(left, right, small)
    monkeypatch.setattr(semantic_module, "_WINDOW", 3)
    assert _columns(semantic(left, right, small)) == pytest.approx(_columns(whole), abs=2e-6)


def test_windows_hold_every_pair_once_and_keep_pictures_together(monkeypatch):
    monkeypatch.setattr(semantic_module, "_WINDOW", 7)
    # Pictures of three texts, a prediction and two references, in any order.
    pairs = [(3 * each, 3 * each + other) for other in (1, 2) for each in range(10)]
    windows = list(semantic_module._together(pairs))
    assert sorted(pair for window in windows for pair in window) == sorted(pairs)
    texts = [{place for pair in window for place in pair} for window in windows]
    assert sum(map(len, texts)) == 30 and max(map(len, texts)) <= 7


class _Counting:
    """An encoder that counts the texts it is given."""

    def __init__(self, encoder):
        self.identity, self._encoder, self.seen = encoder.identity, encoder, []

    def encode(self, texts, *, tokens=True):
        self.seen += texts
        return self._encoder.encode(texts, tokens=tokens)


def test_each_distinct_text_is_encoded_once_and_from_the_cache_never(small, tmp_path):
    counting = _Counting(small)
    twice = semantic(PREDICTIONS * 2, REFERENCES * 2, counting, cache=tmp_path)
    assert sorted(counting.seen) == sorted(PREDICTIONS + REFERENCES)
    again = _Counting(small)
    cached = semantic(PREDICTIONS, REFERENCES, again, cache=tmp_path)
    assert again.seen == []
    assert (_columns(cached) == _columns(twice)[:, :5]).all()
    # A pair that is new, of texts that are known, needs their tokens; the others' are not needed.
    semantic(PREDICTIONS, REFERENCES[1:] + REFERENCES[:1], again, cache=tmp_path)
    assert len(again.seen) == 10
    assert (vectors(PREDICTIONS, again, cache=tmp_path) == vectors(PREDICTIONS, small)).all()
    assert len(again.seen) == 10


def test_the_cache_holds_neither_texts_nor_token_embeddings(small, tmp_path):
    semantic(PREDICTIONS, REFERENCES, small, cache=tmp_path)
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    assert b"blurry" not in content
    # Ten vectors of 384 floats take 15 kB; the tokens' embeddings would take 200 kB.
    assert len(content) < 100_000


def test_the_cache_is_kept_apart_by_layer_and_by_weights(minilm, roberta, tmp_path):
    for encoder in (load(minilm, layer=6), load(minilm, layer=4), load(roberta)):
        semantic(PREDICTIONS[:1], REFERENCES[:1], encoder, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_damaged_cache_is_named(small, tmp_path):
    semantic(PREDICTIONS[:1], REFERENCES[:1], small, cache=tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(b"nonsense" * 1000)
    with pytest.raises(DataError, match=r"\.sqlite: the cache cannot be used .* Delete the file"):
        semantic(PREDICTIONS, REFERENCES, small, cache=tmp_path)


def test_the_layer_is_bert_scores_where_its_table_has_the_model(roberta, minilm, tmp_path):
    assert load(minilm).identity.layer_from == "last"
    folder = tmp_path / "named"
    shutil.copytree(roberta, folder)
    config = folder / "config.json"
    text = config.read_text().replace('"num_hidden_layers": 2', '"num_hidden_layers": 12')
    config.write_text(text.replace("{", '{"_name_or_path": "roberta-base",', 1))
    identity = load(folder).identity
    assert (identity.layer, identity.layer_from) == (10, "bert-score")


def test_rescaling_follows_the_baseline(minilm, small, tmp_path):
    path = tmp_path / "own.tsv"
    rows = [f"{layer},0.1,0.2,0.{layer}" for layer in range(7)]
    path.write_text("\n".join(["LAYER,P,R,F", *rows]))
    raw = semantic(PREDICTIONS, REFERENCES, small)
    scaled = semantic(PREDICTIONS, REFERENCES, small, baseline=path)
    assert scaled.precision == pytest.approx((raw.precision - 0.1) / 0.9, abs=2e-6)
    assert scaled.recall == pytest.approx((raw.recall - 0.2) / 0.8, abs=2e-6)
    assert scaled.fmeasure == pytest.approx((raw.fmeasure - 0.6) / 0.4, abs=3e-6)
    assert (scaled.cosine == raw.cosine).all()
    assert scaled.baseline == str(path) and raw.baseline is None
    with pytest.raises(SettingsError, match="no baseline 'en' for model"):
        semantic(PREDICTIONS, REFERENCES, small, baseline="en")


def test_the_baseline_of_a_hub_model_is_the_packages(small):
    identity = small.identity._replace(name="roberta-large", revision="abc", layer=17)
    found = semantic_module._baseline("en", identity)
    # bert-score 0.3.13, rescale_baseline/en/roberta-large.tsv, the row of layer 17.
    assert found == pytest.approx([0.8315, 0.8315, 0.8312], abs=1e-3)


def test_the_identity_names_weights_and_not_where_they_lie(minilm, roberta, tmp_path):
    folder = tmp_path / "elsewhere"
    shutil.copytree(roberta, folder)
    here, there = load(roberta).identity, load(folder).identity
    assert here._replace(name="") == there._replace(name="")
    assert str(tmp_path) not in repr(there)
    assert load(minilm).identity.weights_sha256.startswith("53aa51172d14")


def test_strange_texts_are_scored(small):
    texts = ["\x00", "\ud800 lone", "清晰的图像", "\u202eRTL", "😀" * 10]
    found = semantic(texts, texts, small)
    counted = [each.counted.any() for each in small.encode(texts)]
    expected = [1.0 if each else 0.0 for each in counted]
    assert found.fmeasure == pytest.approx(expected, abs=1e-5)


def test_no_pairs_give_empty_arrays(small):
    found = semantic([], [], small)
    assert _columns(found).shape == (4, 0) and vectors([], small).shape[0] == 0


def test_what_is_no_text_or_no_model_is_refused(small, tmp_path):
    with pytest.raises(TypeError, match=r"references\[0\] is None"):
        semantic(["a"], [None], small)
    with pytest.raises(TypeError, match="predictions is one str"):
        semantic("a", ["a"], small)
    with pytest.raises(ValueError, match="1 predictions against 2 references"):
        semantic(["a"], ["a", "b"], small)
    with pytest.raises(SettingsError, match="was not found"):
        load(tmp_path / "nowhere")
    with pytest.raises(SettingsError, match="layers 0 to 6, not 7"):
        load(small.folder, layer=7)
    (tmp_path / "config.json").write_text('{"model_type": "t5", "num_hidden_layers": 2}')
    with pytest.raises(SettingsError, match="type 't5'"):
        load(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert", "num_hidden_layers": 2}')
    (tmp_path / "pytorch_model.bin").write_bytes(b"a pickle")
    with pytest.raises(SettingsError, match="no weights as safetensors"):
        load(tmp_path)


def test_threads_are_given_back(small):
    import torch

    before = torch.get_num_threads()
    small.encode(PREDICTIONS)
    assert torch.get_num_threads() == before


def test_batches_hold_every_text_once_and_stay_within_the_budget():
    lengths = np.random.default_rng(0).integers(3, 90, 200).tolist()
    batches = encoder_module._batches(lengths, 300)
    assert sorted(place for batch in batches for place in batch) == list(range(200))
    assert all(len(batch) * max(lengths[each] for each in batch) <= 300 for batch in batches)
    assert encoder_module._batches([500], 300) == [[0]]
