"""Made label pictures with captions, and a CLIP small enough to learn them in a moment."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image, ImageDraw
from tokenizers import Tokenizer, models, pre_tokenizers, processors

INKS = {"red": "#d22", "blue": "#22d", "green": "#2a2", "yellow": "#dd2", "purple": "#92b", "orange": "#f80"}
PAPERS = {"white": "#fff", "black": "#111", "grey": "#999", "pink": "#fac"}
SHAPES = ("circle", "square", "triangle", "bar")
LABELS = [(ink, shape, paper) for ink, shape, paper in product(INKS, SHAPES, PAPERS)]
SIDE = 32


def caption(label: tuple[str, str, str]) -> str:
    """What a person would call a label."""
    return "{} {} on {}".format(*label)


def drawn(label: tuple[str, str, str], chance: np.random.Generator | None = None) -> Image.Image:
    """A label, its shape in the middle or somewhere near it."""
    ink, shape, paper = label
    picture = Image.new("RGB", (SIDE, SIDE), PAPERS[paper])
    x, y, r = (16, 16, 9) if chance is None else (*chance.integers(12, 21, 2), int(chance.integers(7, 11)))
    box, pen = (int(x - r), int(y - r), int(x + r), int(y + r)), ImageDraw.Draw(picture)
    if shape == "circle":
        pen.ellipse(box, INKS[ink])
    elif shape == "square":
        pen.rectangle(box, INKS[ink])
    elif shape == "triangle":
        pen.polygon([(box[0], box[3]), (box[2], box[3]), (int(x), box[1])], INKS[ink])
    else:
        pen.rectangle((box[0], int(y) - 2, box[2], int(y) + 2), INKS[ink])
    return picture


def saved_clip(folder: Path, seed: int = 0) -> tuple[Any, Any, Any]:
    """An untrained CLIP from a config, saved as any CLIP is: model, tokenizer, image processor."""
    torch.manual_seed(seed)
    words = ["[PAD]", "[BOS]", "[EOS]", "[UNK]", "on", *INKS, *SHAPES, *PAPERS]
    tower = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}
    ends = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    config = transformers.CLIPConfig(
        text_config={**tower, **ends, "vocab_size": len(words), "max_position_embeddings": 12},
        vision_config={**tower, "image_size": SIDE, "patch_size": 8},
        projection_dim=32,
    )
    model = transformers.CLIPModel(config)
    spelled = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="[UNK]"))
    spelled.pre_tokenizer = pre_tokenizers.Whitespace()
    spelled.post_processor = processors.TemplateProcessing(
        single="[BOS] $A [EOS]", special_tokens=[("[BOS]", 1), ("[EOS]", 2)]
    )
    names = {"pad_token": "[PAD]", "bos_token": "[BOS]", "eos_token": "[EOS]", "unk_token": "[UNK]"}
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=spelled, **names)
    prepare = transformers.CLIPImageProcessorPil(
        size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}
    )
    for one in (model, tokenizer, prepare):
        one.save_pretrained(folder)
    return model, tokenizer, prepare


def trained_clip(folder: Path, labels: list[tuple[str, str, str]], steps: int = 250, batch: int = 48) -> None:
    """Teach a CLIP captions of labels by its own contrastive loss, and save it."""
    model, tokenizer, prepare = saved_clip(folder)
    chance = np.random.default_rng(0)
    learner = torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=0.05)
    pace = torch.optim.lr_scheduler.OneCycleLR(learner, 3e-3, total_steps=steps)
    for _ in range(steps):
        some = [labels[at] for at in chance.choice(len(labels), batch, replace=False)]
        words = tokenizer([caption(one) for one in some], padding=True, return_tensors="pt")
        pixels = prepare(images=[drawn(one, chance) for one in some], return_tensors="pt")
        shown = {"input_ids": words["input_ids"], "attention_mask": words["attention_mask"]}
        loss = model(**shown, pixel_values=pixels["pixel_values"], return_loss=True).loss
        learner.zero_grad()
        loss.backward()
        learner.step()
        pace.step()
    model.save_pretrained(folder)
