"""An optimiser's state among the tensors of a checkpoint: what every training here keeps the same way."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

_OPTIMIZER = "optimizer."


def with_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Name every tensor below a prefix; `below` takes it off again.

    Examples
    --------
    >>> list(with_prefix({"bias": torch.zeros(1)}, "best."))
    ['best.bias']
    """
    return {prefix + name: value for name, value in tensors.items()}


def below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Give the tensors whose names begin with a prefix, without it.

    Examples
    --------
    >>> list(below({"best.bias": torch.zeros(1), "last.bias": torch.zeros(1)}, "best."))
    ['bias']
    """
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Everything that an optimiser remembers of its steps, by names below `optimizer.`."""
    return {
        f"{_OPTIMIZER}{place}.{name}": value
        for place, values in optimizer.state_dict()["state"].items()
        for name, value in values.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Restore an optimiser from what `optimizer_tensors` gave; its rates and groups stay as they are."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in below(tensors, _OPTIMIZER).items():
        place, name = key.split(".", 1)
        state.setdefault(int(place), {})[name] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
