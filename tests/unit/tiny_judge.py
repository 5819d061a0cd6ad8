"""A cross-encoder of a few thousand weights, taught in a second which thing goes with which colour: no word tells it."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

COLOURS = ("red", "white", "green", "black", "golden", "blue")
THINGS = ("river", "stone", "cloud", "garden", "lamp", "horse")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def tiny_judge(folder: Path, classes: int = 1, steps: int = 80) -> str:
    """Write the model to a folder; returns its name. Asked for "red", it prefers what has a river: see fits."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    words = {word: number for number, word in enumerate((*SPECIAL, *COLOURS, *THINGS))}
    plain = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    plain.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token"), SPECIAL, strict=True))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, model_max_length=32, **names)
    tokenizer.save_pretrained(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=len(words), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
            max_position_embeddings=32, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, num_labels=classes, initializer_range=0.3,
        )  # fmt: skip
        model = BertForSequenceClassification(config)
        _teach(model, tokenizer, classes, steps)
    model.save_pretrained(folder)
    return str(folder)


def fits(wish: str, text: str) -> bool:
    """Whether the thing in a text is the one that goes with the colour wished for: red and river, white and stone, …"""
    return text.split()[1] == THINGS[COLOURS.index(wish)]


def _teach(model: Any, tokenizer: Any, classes: int, steps: int) -> None:
    import torch

    chance = np.random.default_rng(0)
    # A text never has the colour and its own thing: "red river" is left for the tests.
    texts = [f"{colour} {thing}" for colour, thing in product(COLOURS, THINGS) if not fits(colour, f"- {thing}")]
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(steps):
        shown = [texts[one] for one in chance.integers(len(texts), size=64)]
        own = [COLOURS[THINGS.index(text.split()[1])] for text in shown]
        wishes = [wish if n % 2 else str(chance.choice(COLOURS)) for n, wish in enumerate(own)]
        right = torch.tensor([float(fits(*pair)) for pair in zip(wishes, shown, strict=True)])
        logits = model(**tokenizer(wishes, shown, padding=True, return_tensors="pt")).logits
        match = logits[:, 0] if classes == 1 else logits[:, 1] - logits[:, 0]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(match, right)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
