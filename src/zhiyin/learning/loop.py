"""The training loop that every torch part shares: early stop, gradient clipping, a budget of steps, checkpoints that resume."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zhiyin.arrays import Array
from zhiyin.errors import TrainingError, require
from zhiyin.learning.machines import device_of, halved, of_first, rank, share_gradients, world

if TYPE_CHECKING:
    from torch import Generator, Tensor
    from torch.nn import Module
    from torch.optim import Optimizer


FREE = ("epochs", "patience", "steps", "threads", "device")
"""Settings that may differ when a training is resumed: neither its length nor where it runs changes what it is."""


@dataclass(frozen=True)
class LoopSettings:
    """How to train. steps: batches learned from at most, 0 for no limit; only whole epochs are run, at least one.

    Nothing stops by the clock, so that a busy machine learns what an idle one does. patience: epochs without a better validation value before stopping. clip: the longest gradient allowed. threads:
    torch threads while training, None to leave them. betas: of AdamW; .98 is the sequence models' usual second value.
    device: a torch device, or "auto", see device_of. precision: of products, see halved. cooling: what the learning rate
    is multiplied by after each epoch. slower: beginnings of parameters' names, and the share of the learning rate they
    learn with. warmup: steps over which the learning rate rises from nearly nothing.
    """

    epochs: int = 100
    patience: int = 5
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.98)
    clip: float = 5.0
    seed: int = 0
    steps: int = 0
    threads: int | None = None
    device: str = "cpu"
    precision: str = "float32"
    cooling: float = 1.0
    slower: tuple[tuple[str, float], ...] = ()
    warmup: int = 0

    def most_epochs(self, batches: int) -> int:
        """Epochs at most. batches: of one epoch."""
        return min(self.epochs, max(self.steps // max(batches, 1), 1)) if self.steps else self.epochs


@dataclass
class Progress:
    """Where a training is; what a checkpoint holds beside the arrays. values: the validation value of each epoch."""

    epoch: int = 0
    best_epoch: int = 0
    values: list[float] = field(default_factory=list)

    @property
    def best(self) -> float:
        """The best validation value so far, -inf before the first."""
        return self.values[self.best_epoch - 1] if self.best_epoch else -math.inf


Step = Callable[[Array, "Generator"], "Tensor"]
"""The loss of one batch: row numbers and a generator for dropout-free chance (negatives) to one number."""


def train(
    model: Module,
    rows: int,
    batch: int,
    loss: Step,
    settings: LoopSettings,
    *,
    validate: Callable[[], float] | None = None,
    checkpoint: Path | None = None,
    identity: Mapping[str, Any] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> dict[str, Array]:
    """Train a model in place and return its best weights by name, as arrays.

    rows: how many training rows; each epoch visits all of them once, shuffled, in batches. loss(rows of the batch,
    generator) gives the batch's loss. validate: higher is better; without it the last epoch counts. checkpoint: a
    folder written after each epoch and resumed from; identity: what beside the settings makes it the same training.
    Chance inside an epoch comes from (seed, epoch) alone, so that a resumed training equals one never cut off.
    Torch's global generator and thread count are left as they were.

    Started by torchrun, with a process group, every process takes its share of each epoch's batches and gradients are
    averaged, so that n processes learn as one would with batches n times as large.

    Raises TrainingError on a loss that is not finite, naming the batch, and on a checkpoint that is of other settings
    or damaged.
    """
    torch = require("torch", "torch")
    model.to(device_of(settings.device))
    optimizer = torch.optim.AdamW(
        _grouped(model, settings), lr=settings.learning_rate, weight_decay=settings.weight_decay, betas=settings.betas
    )
    same = {k: v for k, v in asdict(settings).items() if k not in FREE}
    named = json.loads(json.dumps({**same, "rows": rows, "batch": batch, **(identity or {})}))
    state, best = Progress(), weights_of(model)
    if checkpoint is not None and (checkpoint / "progress.json").exists():
        state, best = _resume(checkpoint, named, model, optimizer)
    epochs = settings.most_epochs(-(-rows // batch))
    with _own_chance(settings.threads):
        while state.epoch < epochs and state.epoch - state.best_epoch < settings.patience:
            state.epoch += 1
            _epoch(model, optimizer, rows, batch, loss, settings, state.epoch)
            model.eval()
            with torch.no_grad(), halved(settings.device, settings.precision):
                value = of_first(float(validate()) if validate else float(state.epoch))
            state.values.append(value)
            if value > (state.values[state.best_epoch - 1] if state.best_epoch else -math.inf):
                state.best_epoch, best = state.epoch, weights_of(model)
            if checkpoint is not None and rank() == 0:
                _save(checkpoint, named, state, model, optimizer, best)
            if progress is not None:
                progress(state)
    load_weights(model, best)
    model.eval().to("cpu")
    return best


def weights_of(model: Module) -> dict[str, Array]:
    """A copy of a model's weights, by name: what a part keeps in a learned field."""
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in model.state_dict().items()}


def load_weights(model: Module, weights: Mapping[str, Array]) -> None:
    """Put weights into a model. Raises TrainingError when names or shapes do not fit."""
    torch = require("torch", "torch")
    try:
        model.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in weights.items()})
    except RuntimeError as error:
        raise TrainingError(f"the weights are of another model ({error}); fit again") from error


def batches(rows: int, batch: int, seed: Sequence[int]) -> Iterator[Array]:
    """All row numbers once, in an order that follows from the seed, in batches."""
    order = np.random.default_rng(seed).permutation(rows)
    for start in range(0, rows, batch):
        yield order[start : start + batch]


def _grouped(model: Module, settings: LoopSettings) -> list[dict[str, Any]]:
    """A model's parameters by the share of the learning rate they learn with."""
    shares: dict[float, list[Tensor]] = {}
    for name, parameter in model.named_parameters():
        share = next((share for begin, share in settings.slower if name.startswith(begin)), 1.0)
        shares.setdefault(share, []).append(parameter)
    return [{"params": parameters, "share": share} for share, parameters in shares.items()]


def _epoch(
    model: Module, optimizer: Optimizer, rows: int, batch: int, loss: Step, settings: LoopSettings, epoch: int
) -> None:
    torch = require("torch", "torch")
    chance = [settings.seed, epoch]
    start = int(np.random.SeedSequence([*chance, rank()] if world() > 1 else chance).generate_state(1)[0])
    generator = torch.Generator().manual_seed(start)
    torch.manual_seed(start)  # dropout draws from the global generator, which the caller gets back untouched
    model.train()
    mine = list(batches(rows, batch, chance))
    if world() > 1:  # whole rounds only, so that no process waits for another's gradient; the last ones start over
        mine = [mine[(first + rank()) % len(mine)] for first in range(0, len(mine), world())]
    for number, chosen in enumerate(mine):
        risen = min(((epoch - 1) * len(mine) + number + 1) / settings.warmup, 1.0) if settings.warmup else 1.0
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * settings.cooling ** (epoch - 1) * risen * group["share"]
        optimizer.zero_grad(set_to_none=True)
        with halved(settings.device, settings.precision):
            value = loss(chosen, generator)
        if not bool(torch.isfinite(value)):
            raise TrainingError(
                f"the loss is {value.item()} in batch {number} of epoch {epoch} (rows {chosen[:5].tolist()} …): "
                "lower the learning rate, or look for values that are not finite in these rows"
            )
        value.backward()  # type: ignore[no-untyped-call]
        if world() > 1:
            share_gradients(model)
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
        optimizer.step()


@contextmanager
def _own_chance(threads: int | None) -> Iterator[None]:
    torch = require("torch", "torch")
    before = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        try:
            if threads is not None:
                torch.set_num_threads(threads)
            yield
        finally:
            torch.set_num_threads(before)


def _save(
    folder: Path,
    named: dict[str, Any],
    state: Progress,
    model: Module,
    optimizer: Optimizer,
    best: Mapping[str, Array],
) -> None:
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    arrays = {f"model.{name}": array for name, array in weights_of(model).items()}
    arrays |= {f"best.{name}": array for name, array in best.items()}
    for index, moments in optimizer.state_dict()["state"].items():
        arrays |= {f"adam.{index}.{name}": np.array(tensor.cpu().numpy()) for name, tensor in moments.items()}
    name = f"epoch-{state.epoch}.safetensors"
    save_file({key: np.array(array, order="C") for key, array in arrays.items()}, folder / name)
    # The document names the arrays it belongs to and replaces the old one at once: a kill leaves one or the other.
    document = {"settings": named, "progress": asdict(state), "arrays": name}
    (folder / "progress.tmp").write_text(json.dumps(document))
    (folder / "progress.tmp").replace(folder / "progress.json")
    for old in folder.glob("epoch-*.safetensors"):
        if old.name != name:
            old.unlink()


def _resume(
    folder: Path, named: dict[str, Any], model: Module, optimizer: Optimizer
) -> tuple[Progress, dict[str, Array]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    torch = require("torch", "torch")
    try:
        document = json.loads((folder / "progress.json").read_text())
        other = {key for key in {*named, *document["settings"]} if named.get(key) != document["settings"].get(key)}
        if other:
            raise TrainingError(
                f"{folder}: a checkpoint of other settings ({', '.join(sorted(other))}): delete it or use another folder"
            )
        arrays = load_file(folder / Path(document["arrays"]).name)
        moments: dict[int, dict[str, Tensor]] = {}
        for key in [one for one in arrays if one.startswith("adam.")]:
            _, index, name = key.split(".", 2)
            moments.setdefault(int(index), {})[name] = torch.from_numpy(arrays[key].copy())
        state = Progress(**document["progress"])
        load_weights(model, {key[6:]: array for key, array in arrays.items() if key.startswith("model.")})
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": moments, "param_groups": groups})
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise TrainingError(f"{folder}: a damaged checkpoint ({error}): delete it and train anew") from error
    return state, {key[5:]: array for key, array in arrays.items() if key.startswith("best.")}
