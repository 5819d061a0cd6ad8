"""Fine-tuning: a local instruct model learns from what people did which title comes next (LoRA), with a report before and after.

The weights stay as they are; what is learned is a small change beside each matrix (Hu et al., 2021), saved as an adapter that
llm/huggingface reads. Small enough for two cores with a 135 M model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zhiyin.arrays import Array, Ints
from zhiyin.data.dataset import Dataset
from zhiyin.data.split import last_event_cases
from zhiyin.errors import DataError, require
from zhiyin.learning.loop import LoopSettings, train
from zhiyin.learning.machines import device_of, halved
from zhiyin.llm.guard import clean, scrubbed
from zhiyin.llm.huggingface import load
from zhiyin.llm.messages import as_chat
from zhiyin.llm.prompts import prompt
from zhiyin.llm.tuning_report import OTHERS, Measured, Report
from zhiyin.progress import Progress, silent

LETTERS = 100
"""Of one item's line; the rest of a long title says little more."""

ROUND = 25
"""Batches between two looks at held-out users."""

WATCHED = 24
"""Held-out users looked at between rounds; all of them are measured before and after."""


@dataclass(frozen=True)
class Tuning:
    """How to tune. steps: batches to learn from. rank: of the change. history: titles told. users: held out to measure on."""

    steps: int = 200
    batch: int = 8
    rank: int = 8
    history: int = 5
    learning_rate: float = 3e-4
    users: int = 60
    seed: int = 0
    device: str = "cpu"
    precision: str = "auto"


@dataclass(frozen=True)
class Example:
    """Token ids of what is told and of the title to say."""

    told: list[int]
    title: list[int]


def finetune(
    dataset: Dataset, out: Path, model: str = "", tuning: Tuning | None = None, progress: Progress = silent
) -> Report:
    """Tune, measure before and after on events nobody learned from, write adapter and report.json to a folder.

    Each user's last event is held out. Raises DataError when items have no titles, ModelError, TrainingError.
    """
    tuning = tuning or Tuning()
    progress("load the language model")
    bare, tokenizer = load(model)
    chance = np.random.default_rng(tuning.seed)
    world = _World(dataset, tokenizer, tuning.history)
    asked = world.questions(tuning.users, chance)
    examples = world.examples(dataset.without_last(1), tuning.steps * tuning.batch, chance)
    device = device_of(tuning.device)
    with _adapted(bare, tuning) as tuned:
        tuned.to(device)
        head = _Head(tuned, tokenizer.pad_token_id or 0, device, tuning)
        progress(f"measure before, on {len(asked)} users")
        before = head.measure(asked)
        losses, seen = _learn(head, tuned, examples, asked, tuning, progress)
        progress("measure after")
        after = head.measure(asked)
        tuned.to("cpu")
        out.mkdir(parents=True, exist_ok=True)
        tuned.save_pretrained(out, safe_serialization=True)
        count = sum(one.numel() for one in tuned.parameters() if one.requires_grad)
    popular = float(np.mean([one.popular for one in asked]))
    report = Report(
        model or "SmolLM2-135M-Instruct", before, after, popular, 1 / (OTHERS + 1), len(asked), len(examples), seen, count, losses
    )  # fmt: skip
    (out / "report.json").write_text(
        json.dumps({**asdict(report), "helps": report.helps, "tuning": asdict(tuning)}, indent=2) + "\n"
    )
    return report


# -- what is told ------------------------------------------------------------------------------------------------------


_NOBODY: Ints = np.empty(0, np.int32)


@dataclass(frozen=True)
class Question:
    """A held-out user: what is told, ten titles of which the first is right, and whether popularity finds it."""

    told: list[int]
    titles: list[list[int]]
    popular: float


class _World:
    """A dataset in a model's tokens."""

    def __init__(self, dataset: Dataset, tokenizer: Any, history: int) -> None:
        self.dataset = dataset
        self.tokenizer = tokenizer
        self.history = history
        self.titles = [scrubbed(clean(item.title, LETTERS)) for item in dataset.items.rows]
        if not any(self.titles):
            raise DataError("fine-tuning needs items with titles; give an items table with a title column")
        self.popularity = dataset.without_last(1).popularity().astype(np.float64)

    def told(self, items: Ints) -> list[int]:
        """The prompt after a history, as token ids."""
        lines = "\n".join(self.titles[item] for item in items[-self.history :])
        said = prompt("next_title").messages(liked=lines)
        ids = self.tokenizer.apply_chat_template(as_chat(said), add_generation_prompt=True, tokenize=True)
        return list(ids["input_ids"] if hasattr(ids, "keys") else ids)

    def title(self, item: int) -> list[int]:
        """A title as the model would say it."""
        ids = self.tokenizer(self.titles[item], add_special_tokens=False)["input_ids"]
        return [*ids, self.tokenizer.eos_token_id]

    def examples(self, dataset: Dataset, count: int, chance: np.random.Generator) -> list[Example]:
        """Random places in people's sequences. Raises DataError when there is none."""
        table = dataset.interactions
        places = np.flatnonzero((np.arange(len(table)) > dataset.offsets[table.users]) & (table.weights > 0))
        places = places[[bool(self.titles[item]) for item in table.items[places]]] if len(places) else places
        if not len(places):
            raise DataError("fine-tuning needs users with at least three events, with titles")
        chosen = chance.permutation(places)[:count]
        starts = dataset.offsets[table.users[chosen]]
        return [
            Example(self.told(table.items[start:place]), self.title(int(table.items[place])))
            for start, place in zip(starts, chosen, strict=True)
        ]

    def questions(self, users: int, chance: np.random.Generator) -> list[Question]:
        """Held-out last events, each beside titles that others met."""
        cases = last_event_cases(self.dataset).sample(users, seed=int(chance.integers(1 << 30)))
        weights = self.popularity * [bool(title) for title in self.titles]
        found = []
        for row in range(len(cases)):
            history, right = cases.known.history(int(cases.users[row])).items, int(cases.targets[row][0])
            odds = weights.copy()
            odds[[*history, right]] = 0
            count = min(OTHERS, int((odds > 0).sum()))
            others = chance.choice(len(odds), count, replace=False, p=odds / odds.sum()) if count else _NOBODY
            if not self.titles[right] or not len(others):
                continue
            better = (self.popularity[others] > self.popularity[right]).sum()
            ties = (self.popularity[others] == self.popularity[right]).sum()
            first = 0.0 if better else 1 / (1 + ties)
            found.append(Question(self.told(history), [self.title(int(one)) for one in (right, *others)], first))
        if not found:
            raise DataError("fine-tuning needs users with at least two events, with titles, to measure on")
        return found


# -- what is learned ---------------------------------------------------------------------------------------------------


@contextmanager
def _adapted(bare: Any, tuning: Tuning) -> Iterator[Any]:
    """The model with an untrained adapter, and as it was before in the end."""
    torch, peft = require("torch", "hf"), require("peft", "hf")
    config = peft.LoraConfig(
        r=tuning.rank, lora_alpha=2 * tuning.rank, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(tuning.seed)
        tuned = peft.get_peft_model(bare, config)
    try:
        yield tuned
    finally:
        tuned.unload()


class _Head:
    """The loss and the ranking of titles by a model."""

    def __init__(self, model: Any, pad: int, device: str, tuning: Tuning) -> None:
        self.torch = require("torch", "hf")
        self.model, self.pad, self.device, self.tuning = model, pad, device, tuning

    def logs(self, rows: Sequence[tuple[list[int], list[int]]]) -> tuple[Any, Any]:
        """Log probabilities of the titles' tokens [rows, longest title], and which are real.

        Rows are filled up on the left, so that all titles end at the end and the rest needs no scores.
        """
        torch = self.torch
        longest = max(len(told) + len(title) for told, title in rows)
        tail = max(len(title) for _, title in rows)
        ids = np.full((len(rows), longest), self.pad, np.int64)
        real = np.zeros((len(rows), longest), np.int64)
        right = np.zeros((len(rows), tail), np.bool_)
        for row, (told, title) in enumerate(rows):
            ids[row, longest - len(told) - len(title) :] = [*told, *title]
            real[row, longest - len(told) - len(title) :] = 1
            right[row, tail - len(title) :] = True
        places = np.maximum(real.cumsum(1) - 1, 0)
        given = {"input_ids": ids, "attention_mask": real, "position_ids": places}
        out = self.model(
            **{name: torch.from_numpy(one).to(self.device) for name, one in given.items()},
            use_cache=False,
            logits_to_keep=tail + 1,
        )
        logs = out.logits[:, :-1].float().log_softmax(-1)
        said = torch.from_numpy(ids[:, -tail:]).to(self.device)
        return logs.gather(2, said[:, :, None])[:, :, 0], torch.from_numpy(right).to(self.device)

    def loss(self, rows: Sequence[tuple[list[int], list[int]]]) -> Any:
        """Mean loss over the titles' tokens."""
        logs, right = self.logs(rows)
        return -(logs * right).sum() / right.sum()

    def means(self, one: Question) -> Array:
        """The mean log probability a token of each of a question's titles; what is told is read once for all."""
        torch = self.torch
        told = torch.tensor([one.told], device=self.device)
        first = self.model(input_ids=told, use_cache=True, logits_to_keep=1)
        first.past_key_values.batch_repeat_interleave(len(one.titles))
        longest = max(map(len, one.titles))
        ids = torch.full((len(one.titles), longest), self.pad, device=self.device)
        for row, title in enumerate(one.titles):
            ids[row, : len(title)] = torch.tensor(title)
        real = torch.arange(longest, device=self.device) < torch.tensor(
            [[len(title)] for title in one.titles], device=self.device
        )
        mask = torch.cat([torch.ones(len(ids), told.shape[1], dtype=torch.long, device=self.device), real.long()], 1)
        rest = self.model(input_ids=ids, attention_mask=mask, past_key_values=first.past_key_values, use_cache=True)
        logits = torch.cat([first.logits.expand(len(ids), -1, -1), rest.logits[:, :-1]], 1).float()
        logs = logits.log_softmax(-1).gather(2, ids[:, :, None])[:, :, 0]
        return np.asarray(((logs * real).sum(1) / real.sum(1)).cpu().numpy())

    def measure(self, asked: Sequence[Question]) -> Measured:
        """Loss of the right titles, and where they stand among ten by their mean log probability a token."""
        losses, ranks = [], []
        with self.torch.no_grad(), halved(self.device, self.tuning.precision):
            for one in asked:
                means = self.means(one)
                losses.append(-float(means[0]))
                ranks.append(1 + int((means[1:] > means[0]).sum()) + int((means[1:] == means[0]).sum()) / 2)
        return Measured(
            float(np.mean(losses)),
            float(np.mean([rank == 1 for rank in ranks])),
            float(np.mean([1 / rank for rank in ranks])),
        )


def _learn(
    head: _Head, tuned: Any, examples: Sequence[Example], asked: Sequence[Question], tuning: Tuning, progress: Progress
) -> tuple[tuple[float, ...], int]:
    """Train the adapter; returns the validation loss after each round, and how many examples were learned from."""
    torch = require("torch", "hf")
    # Only what is learned goes through the loop: it copies weights, and the model's own do not change.
    learned = {name.replace(".", ":"): one for name, one in tuned.named_parameters() if one.requires_grad}
    valid = [(one.told, one.titles[0]) for one in asked[:WATCHED]]
    # A round is an epoch of the loop, over the next examples: 25 batches, or all of them where there are fewer.
    size = min(ROUND * tuning.batch, len(examples))
    steps = -(-size // tuning.batch)
    rounds = max(round(tuning.steps / steps), 1)
    losses: list[float] = []
    done = [0]

    def loss(rows: Array, generator: Any) -> Any:
        start = done[0] // steps * size
        done[0] += 1
        progress("learn which title comes next", done[0], rounds * steps)
        some = [examples[(start + int(row)) % len(examples)] for row in rows]
        return head.loss([(one.told, one.title) for one in some])

    def validate() -> float:
        parts = [valid[start : start + tuning.batch] for start in range(0, len(valid), tuning.batch)]
        losses.append(float(np.average([float(head.loss(part)) for part in parts], weights=[len(p) for p in parts])))
        return -losses[-1]

    settings = LoopSettings(
        epochs=rounds, patience=3, learning_rate=tuning.learning_rate, clip=1.0, seed=tuning.seed, betas=(0.9, 0.999),
        device=tuning.device, precision=tuning.precision,
    )  # fmt: skip
    train(torch.nn.ParameterDict(learned), size, tuning.batch, loss, settings, validate=validate)
    if tuning.device != "cpu":
        tuned.to(head.device)
    return tuple(losses), min(done[0] * tuning.batch, len(examples))
