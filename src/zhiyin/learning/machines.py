"""Where a training runs: device, precision, and the processes that share it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zhiyin.errors import SettingError, require

if TYPE_CHECKING:
    from torch.nn import Module


def device_of(wish: str) -> str:
    """The torch device for "auto": this process's GPU where there is one, else the CPU; any other wish as it is."""
    torch = require("torch", "torch")
    if wish != "auto":
        return wish
    return f"cuda:{rank() % torch.cuda.device_count()}" if torch.cuda.is_available() else "cpu"


def halved(device: str, precision: str) -> Any:
    """A context in which products are bfloat16. precision: "bfloat16", "float32", or "auto" for whichever is faster here.

    Sums, norms and weights stay float32, so that no loss scaling is needed.
    """
    torch = require("torch", "torch")
    kind = torch.device(device_of(device)).type
    if precision not in ("auto", "float32", "bfloat16"):
        raise SettingError(f"precision = {precision!r}: must be one of 'auto', 'float32', 'bfloat16'")
    if kind == "cuda":
        fast = torch.cuda.is_bf16_supported()
    else:
        fast = bool(torch.cpu.get_capabilities().get("avx512_bf16", False))
    return torch.autocast(kind, torch.bfloat16, enabled=precision == "bfloat16" or (precision == "auto" and fast))


def rank() -> int:
    """This process's number among those that train together; 0 alone."""
    group = require("torch.distributed", "torch")
    return int(group.get_rank()) if group.is_available() and group.is_initialized() else 0


def world() -> int:
    """How many processes train together; 1 alone."""
    group = require("torch.distributed", "torch")
    return int(group.get_world_size()) if group.is_available() and group.is_initialized() else 1


def of_first(value: float) -> float:
    """The first process's value in all of them, so that they stop at the same epoch."""
    if world() == 1:
        return value
    box = [value]
    require("torch.distributed", "torch").broadcast_object_list(box)
    return float(box[0])


def share_gradients(model: Module) -> None:
    """Give every process the mean of all processes' gradients."""
    group, torch = require("torch.distributed", "torch"), require("torch", "torch")
    for weights in model.parameters():
        if weights.grad is None:  # every process must take part, whatever its batch touched
            weights.grad = torch.zeros_like(weights)
        group.all_reduce(weights.grad)
        weights.grad /= world()
