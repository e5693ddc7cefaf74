"""The two small trainable maps in front of the fusion: A_vis for frames, A_temp for temporal tokens.

How the two paths meet belongs in `fusion.py`.
"""

from __future__ import annotations

from torch import Tensor, nn


def zero_linear(inputs: int, outputs: int) -> nn.Linear:
    """Give a linear layer that starts as the zero map: a residual path that begins silent.

    Examples
    --------
    >>> import torch
    >>> zero_linear(3, 2)(torch.ones(1, 3)).tolist()
    [[0.0, 0.0]]
    """
    layer = nn.Linear(inputs, outputs)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class AppearanceAdapter(nn.Module):
    """A_vis: frame embeddings to frame embeddings, in CLIP's space; starts as the identity.

    `x + B gelu(A LayerNorm(x))` with B = 0 at the start, so that the cosine with a sentence is
    CLIP's own until training changes it.

    Parameters
    ----------
    dimensions : int
        Width of CLIP's space.
    hidden : int
        Width of the hidden layer.
    dropout : float
        Share of hidden units dropped in training.

    Notes
    -----
    Source: TRACES (arXiv 2511.00580) names A_vis and not its layers; this form is ours.

    Examples
    --------
    >>> import torch
    >>> x = torch.tensor([[0.6, 0.8]])
    >>> bool(torch.equal(AppearanceAdapter(2, 4)(x), x))
    True
    """

    def __init__(self, dimensions: int, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.LayerNorm(dimensions),
            nn.Linear(dimensions, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            zero_linear(hidden, dimensions),
        )

    def forward(self, frames: Tensor) -> Tensor:
        """Map (T, W, D) to (T, W, D)."""
        change: Tensor = self.change(frames)
        return frames + change


class TemporalAdapter(nn.Module):
    """A_temp: TimeSformer tokens into the width of CLIP's space.

    `B gelu(A LayerNorm(x))`. It starts at random: what mutes it is the zero output
    projection of the fusion, not this adapter.

    Parameters
    ----------
    token_dimensions : int
        Width of the tokens.
    dimensions : int
        Width of CLIP's space.
    hidden : int
        Width of the hidden layer.
    dropout : float
        Share of hidden units dropped in training.

    Notes
    -----
    Source: TRACES (arXiv 2511.00580) names A_temp and not its layers; this form is ours.

    Examples
    --------
    >>> import torch
    >>> tuple(TemporalAdapter(6, 4, 8)(torch.zeros(2, 3, 6)).shape)
    (2, 3, 4)
    """

    def __init__(self, token_dimensions: int, dimensions: int, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.map = nn.Sequential(
            nn.LayerNorm(token_dimensions),
            nn.Linear(token_dimensions, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, dimensions),
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (T, K, D_time) to (T, K, D)."""
        mapped: Tensor = self.map(tokens)
        return mapped
