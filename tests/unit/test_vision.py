"""Picture encoders: real weights, a real CLIP learned on made labels, videos, and files that nobody should trust."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from labels import LABELS, SIDE, caption, drawn, trained_clip
from PIL import Image

from zhiyin.encoders.cache import encode_items
from zhiyin.encoders.clip import CLIP
from zhiyin.encoders.efficientnet import EfficientNet, _pixels, network
from zhiyin.encoders.fused import Fused
from zhiyin.encoders.pictures import pictures_of, spread
from zhiyin.encoders.vit import ViT
from zhiyin.errors import ModelError, SettingError
from zhiyin.item import Item, Items
from zhiyin.stages import ItemEncoder

DOCS = Path(__file__).parents[2] / "docs" / "images"
ORDER = np.random.default_rng(0).permutation(len(LABELS))
UNSEEN = [LABELS[at] for at in ORDER[:24]]
SEEN = [LABELS[at] for at in ORDER[24:]]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for label in LABELS:
        drawn(label).save(folder / f"{'-'.join(label)}.png")
    return folder


@pytest.fixture(scope="module")
def clip(tmp_path_factory, shelf: Path) -> CLIP:
    folder = tmp_path_factory.mktemp("clip")
    trained_clip(folder, SEEN, steps=150)
    return CLIP(model=str(folder), root=str(shelf), frames=3)


def wine(label: tuple[str, str, str], **fields) -> Item:
    return Item("-".join(label), images=(f"{'-'.join(label)}.png",), **fields)


# -- files nobody should trust ---------------------------------------------------------------------------------------


def test_a_picture_that_cannot_be_used_is_left_out_and_named(tmp_path: Path, caplog) -> None:
    root = tmp_path / "images"
    root.mkdir()
    Image.new("RGB", (8, 8), "red").save(root / "good.png")
    Image.new("RGB", (8, 8), "red").save(tmp_path / "outside.png")
    (root / "link.png").symlink_to(tmp_path / "outside.png")
    (root / "text.png").write_text("not a picture")
    (root / "cut.png").write_bytes((root / "good.png").read_bytes()[:40])
    Image.new("RGB", (8, 8), "red").save(root / "other.ppm")
    Image.new("1", (10_000, 6_000)).save(root / "huge.png")
    (root / "film.mp4").write_bytes(b"\x00\x00\x00\x18ftypmp42")
    (root / "folder.png").mkdir()
    wrong = ["text.png", "cut.png", "other.ppm", "huge.png", "film.mp4", "folder.png", "nowhere.png", "link.png", ""]
    wrong += [
        "../outside.png",
        str(tmp_path / "outside.png"),
        "http://example.org/a.png",
        "file:///etc/passwd",
        "a\x00",
    ]
    with caplog.at_level(logging.WARNING):
        found = pictures_of(["good.png", *wrong], root, 4)
    assert [len(one) for one in found] == [1] + [0] * len(wrong)
    assert f"{len(wrong)} of {len(wrong) + 1} pictures cannot be read; first: text.png" in caplog.text


def test_frames_are_spread_evenly_and_never_more_than_there_are() -> None:
    assert spread(10, 2) == [2, 7]
    assert spread(3, 8) == [0, 1, 2]
    assert spread(0, 8) == []


def test_a_video_is_seen_by_frames_from_all_its_scenes(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "film.mp4"), "w") as film:
        stream = film.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        for colour in ("red", "green", "blue"):
            for _ in range(20):
                film.mux(stream.encode(av.VideoFrame.from_image(Image.new("RGB", (64, 64), colour))))
        film.mux(stream.encode(None))
    (frames,) = pictures_of(["film.mp4"], tmp_path, 3)
    assert [int(np.asarray(one).mean((0, 1)).argmax()) for one in frames] == [0, 1, 2], "red, green, blue in turn"


def test_an_animation_is_seen_by_its_frames(tmp_path: Path) -> None:
    scenes = [Image.new("RGB", (16, 16), colour) for colour in ("red", "green", "blue")]
    scenes[0].save(tmp_path / "film.gif", save_all=True, append_images=scenes[1:])
    (frames,) = pictures_of(["film.gif"], tmp_path, 3)
    assert [int(np.asarray(one).mean((0, 1)).argmax()) for one in frames] == [0, 1, 2]


# -- CLIP ------------------------------------------------------------------------------------------------------------


def test_words_find_pictures_of_combinations_never_seen(clip: CLIP) -> None:
    looks = clip.encode_items([wine(label) for label in UNSEEN])
    words = clip.encode([caption(label) for label in UNSEEN])
    better = (words @ looks.T > np.diag(words @ looks.T)[:, None]).sum(1)
    assert (better < 5).mean() >= 0.8, "chance is .21"
    assert (better < 1).mean() >= 0.5, "chance is .04"


def test_an_item_without_a_readable_picture_has_zeros(clip: CLIP) -> None:
    broken = [Item("none"), Item("gone", images=("gone.png",)), wine(LABELS[0])]
    looks = clip.encode_items(broken)
    assert not looks[:2].any()
    assert np.linalg.norm(looks[2]) == pytest.approx(1, abs=1e-5)


def test_one_good_picture_of_two_is_enough(clip: CLIP) -> None:
    good = wine(LABELS[0])
    both = Item("both", images=("gone.png", *good.images))
    np.testing.assert_allclose(clip.encode_items([both]), clip.encode_items([good]), atol=1e-5)


def test_pictures_alone_equal_pictures_in_a_batch(clip: CLIP) -> None:
    some = [wine(label) for label in LABELS[:40]]
    together = clip.encode_items(some)
    for row in (0, 15, 16, 39):
        np.testing.assert_allclose(clip.encode_items([some[row]])[0], together[row], atol=1e-5)


def test_a_changed_picture_is_seen_again_and_an_unchanged_one_is_not(clip: CLIP, shelf: Path, tmp_path: Path) -> None:
    mine = CLIP(model=clip.model, root=str(tmp_path / "images"), frames=3)
    (tmp_path / "images").mkdir()
    for name in ("a.png", "b.png"):
        drawn(LABELS[0]).save(tmp_path / "images" / name)

    def looks() -> tuple[int, np.ndarray]:
        table = Items([Item("a", images=("a.png",)), Item("b", images=("b.png",)), Item("c", images=("c.png",))])
        return encode_items(table, "image", mine, tmp_path / "vectors.db"), table.vectors["image"]

    first, before = looks()
    assert first == 3
    drawn(LABELS[9]).save(tmp_path / "images" / "b.png")
    again, after = looks()
    assert again == 1
    assert np.allclose(before[0], after[0])
    assert not np.allclose(before[1], after[1])
    drawn(LABELS[9]).save(tmp_path / "images" / "c.png")
    assert looks()[0] == 1, "a picture that appears is seen"
    assert looks()[0] == 0


@pytest.mark.parametrize("kind", [CLIP, ViT])
def test_a_folder_that_holds_no_such_model_is_refused(kind, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="hub id or a folder"):
        kind()
    with pytest.raises(ModelError, match=r"no \*\.safetensors"):
        kind(model=str(tmp_path)).encode(["red"])
    (tmp_path / "model.safetensors").write_bytes(b"\x00" * 64)
    with pytest.raises(ModelError, match="cannot be loaded"):
        kind(model=str(tmp_path)).encode(["red"])


def test_a_vit_folder_works_the_same_way(tmp_path: Path, shelf: Path) -> None:
    transformers = pytest.importorskip("transformers")
    tower = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    transformers.ViTModel(transformers.ViTConfig(**tower, image_size=SIDE, patch_size=8)).save_pretrained(tmp_path)
    transformers.ViTImageProcessorPil(size={"height": SIDE, "width": SIDE}).save_pretrained(tmp_path)
    vit = ViT(model=str(tmp_path), root=str(shelf))
    looks = vit.encode_items([wine(LABELS[0]), wine(LABELS[0]), wine(LABELS[-1]), Item("none")])
    assert looks.shape == (4, 32)
    assert looks[0] @ looks[1] == pytest.approx(1, abs=1e-5)
    assert looks[0] @ looks[2] < 0.999
    assert not looks[3].any()
    assert not vit.encode_query("red").any(), "it knows no words"


# -- EfficientNet, real weights ----------------------------------------------------------------------------------------


def test_the_real_network_knows_a_web_page_when_it_sees_one() -> None:
    import torch

    page = Image.open(DOCS / "page-desktop.png").convert("RGB")
    with torch.inference_mode():
        chances = network()(torch.from_numpy(_pixels(page)[None])).softmax(1)[0]
    assert int(chances.argmax()) == 916, "ImageNet's class for a web site"
    assert float(chances.max()) > 0.5


def test_pages_look_more_like_pages_than_like_labels(shelf: Path, tmp_path: Path) -> None:
    for name in ("page-desktop.png", "page-zh.png"):
        (tmp_path / name).write_bytes((DOCS / name).read_bytes())
    drawn(LABELS[0]).save(tmp_path / "label.png")
    eyes = EfficientNet(root=str(tmp_path))
    page, chinese, label = eyes.encode_items(
        [Item(n, images=(n,)) for n in ("page-desktop.png", "page-zh.png", "label.png")]
    )
    assert page @ chinese > page @ label + 0.2


# -- late fusion -------------------------------------------------------------------------------------------------------


def fused(shelf: Path, **weights: float) -> Fused:
    return Fused(text="hashing", image="efficientnet", root=str(shelf), **weights)


def test_likeness_is_the_weighted_mean_of_the_senses(shelf: Path) -> None:
    a = wine(LABELS[0], title="Alpha one", attributes={"kind": "red", "land": "Italy"})
    b = wine(LABELS[50], title="Beta one", attributes={"kind": "red", "land": "France"})
    alone = [
        fused(shelf, **{"text_weight": 0.0, "image_weight": 0.0, "attribute_weight": 0.0, name: 1.0}).encode_items(
            [a, b]
        )
        for name in ("text_weight", "image_weight", "attribute_weight")
    ]
    likeness = [float(one[0] @ one[1]) for one in alone]
    assert likeness[2] == pytest.approx(0.5, abs=1e-5), "one of two attributes is the same"
    joined = fused(shelf, text_weight=1.0, image_weight=2.0, attribute_weight=0.5).encode_items([a, b])
    assert float(joined[0] @ joined[1]) == pytest.approx(np.average(likeness, weights=[1, 2, 0.5]), abs=1e-4)


def test_a_missing_sense_leaves_its_say_to_the_others(shelf: Path) -> None:
    both = fused(shelf, text_weight=1.0, image_weight=1.0, attribute_weight=0.0)
    blind = fused(shelf, text_weight=1.0, image_weight=0.0, attribute_weight=0.0)
    a, b = Item("a", "Alpha red"), Item("b", "Alpha white", images=("gone.png",))
    seen, unseen = both.encode_items([a, b]), blind.encode_items([a, b])
    assert float(seen[0] @ seen[1]) == pytest.approx(float(unseen[0] @ unseen[1]), abs=1e-5)
    assert np.linalg.norm(seen, axis=1) == pytest.approx(1, abs=1e-5)


def test_the_key_changes_with_each_sense_that_is_on(shelf: Path, tmp_path: Path) -> None:
    drawn(LABELS[0]).save(tmp_path / "a.png")
    eyes = fused(tmp_path)
    assert isinstance(eyes, ItemEncoder)
    plain = Item("a", "Alpha", attributes={"kind": "red"}, images=("a.png",))
    keys = {eyes.key_of(plain), eyes.key_of(Item("a", "Beta", attributes={"kind": "red"}, images=("a.png",)))}
    keys.add(eyes.key_of(Item("a", "Alpha", attributes={"kind": "white"}, images=("a.png",))))
    drawn(LABELS[9]).save(tmp_path / "a.png")
    keys.add(eyes.key_of(plain))
    assert len(keys) == 4


def test_something_must_be_on() -> None:
    with pytest.raises(SettingError, match="all weights are 0"):
        Fused(text_weight=0.0, image_weight=0.0, attribute_weight=0.0)
