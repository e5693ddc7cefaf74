"""ConvGRU: a gated recurrent unit whose matrices are convolutions, so that a place stays a place.

What is put in and what is predicted from its state belongs in `coder`.

Notes
-----
Ballas et al. 2016 (arXiv 1511.06432), as in DPC-RNN (Han et al. 2019): gates from the input and the state
together, the candidate from the input and the reset state.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ConvGRUCell(nn.Module):
    """One step in time of one layer."""

    def __init__(self, inputs: int, hidden: int, reach: int) -> None:
        super().__init__()
        self.gates = nn.Conv2d(inputs + hidden, 2 * hidden, 2 * reach + 1, padding=reach)
        self.candidate = nn.Conv2d(inputs + hidden, hidden, 2 * reach + 1, padding=reach)
        for convolution in (self.gates, self.candidate):
            nn.init.orthogonal_(convolution.weight)
            nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]  # a bias is there by default

    def forward(self, seen: Tensor, state: Tensor) -> Tensor:
        """The next state.

        Parameters
        ----------
        seen : tensor of shape (B, inputs, G, G).
        state : tensor of shape (B, hidden, G, G).

        Returns
        -------
        tensor of shape (B, hidden, G, G): (1 - u) * state + u * candidate, so u says how much is new (some
        papers exchange the two).
        """
        update, reset = self.gates(torch.cat([seen, state], dim=1)).sigmoid().chunk(2, dim=1)
        candidate = self.candidate(torch.cat([seen, reset * state], dim=1)).tanh()
        after: Tensor = (1 - update) * state + update * candidate
        return after


class ConvGRU(nn.Module):
    """Layers of ConvGRU cells; the state of all layers is one tensor (B, layers, hidden, G, G)."""

    def __init__(self, inputs: int, hidden: int, *, layers: int = 1, reach: int = 1) -> None:
        super().__init__()
        self.hidden = hidden
        widths = [inputs] + [hidden] * (layers - 1)
        self.cells = nn.ModuleList(ConvGRUCell(width, hidden, reach) for width in widths)

    def start(self, like: Tensor) -> Tensor:
        """The state before anything was seen: zeros for inputs like (B, inputs, G, G)."""
        return like.new_zeros(like.shape[0], len(self.cells), self.hidden, *like.shape[-2:])

    def forward(self, seen: Tensor, state: Tensor) -> Tensor:
        """The state after one more input; its last layer is the output.

        Parameters
        ----------
        seen : tensor of shape (B, inputs, G, G).
        state : tensor of shape (B, layers, hidden, G, G).

        Returns
        -------
        tensor of shape (B, layers, hidden, G, G).
        """
        states = []
        for layer, cell in enumerate(self.cells):
            seen = cell(seen, state[:, layer])
            states.append(seen)
        return torch.stack(states, dim=1)
