"""The context gate: what a place looks like changes what a sentence means there.

Two forms, one call: texts (N, D) and scenes (T, S) to texts as each scene sees them (T, N, D). Both are the
identity until they are trained, to the last bit. Where a scene comes from belongs in `scene`, which side of
the bank is gated in `scoring`.

Notes
-----
Source: arXiv 2508.18463 modulates the text embedding by a residual sigmoid gate with a learnable strength
and layer normalisation, and names FiLM (arXiv 1709.07871) as well; it gives no equations. Those here are
ours. Layer normalisation is inside the branch: on the sum it would move every sentence before anything was
learned.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from traces_core.context_aware.settings import GateKind
from traces_core.fusion.adapters import zero_linear


class TextGate(nn.Module, ABC):
    """Texts as scenes see them; what every form has in common.

    Parameters
    ----------
    dimensions : int
        D, width of a text vector.
    scene_dimensions : int
        S, width of a scene vector.
    """

    def __init__(self, dimensions: int, scene_dimensions: int) -> None:
        super().__init__()
        self.dimensions, self.scene_dimensions = dimensions, scene_dimensions

    @abstractmethod
    def changed(self, texts: Tensor, scenes: Tensor) -> Tensor:
        """Give texts (N, D) under scenes (T, S) as (T, N, D), of any length."""

    def forward(self, texts: Tensor, scenes: Tensor) -> Tensor:
        """Give each text under each scene.

        Parameters
        ----------
        texts : tensor of shape (N, D).
        scenes : tensor of shape (T, S).

        Returns
        -------
        tensor of shape (T, N, D)
            Each vector is as long as the text it comes from, so unit vectors stay unit vectors.
        """
        changed = self.changed(texts, scenes)
        # One call for both lengths: where nothing changed they are equal to the last bit, their ratio is 1.
        both = torch.cat([texts.expand_as(changed), changed]).norm(dim=-1, keepdim=True)
        before, after = both.chunk(2)
        gated: Tensor = changed * (before / after.clamp_min(1e-12))
        return gated


class SigmoidGate(TextGate):
    """`t + strength · sigmoid(A LN(t) + B LN(s)) · C LN(s)`: the scene adds, the gate decides where.

    The strength is one learnable number per gate and starts at 0.

    Examples
    --------
    >>> texts = nn.functional.normalize(torch.randn(3, 4), dim=-1)
    >>> gated = SigmoidGate(4, 5)(texts, torch.randn(2, 5))
    >>> gated.shape, bool(torch.equal(gated[1], texts))
    (torch.Size([2, 3, 4]), True)
    """

    def __init__(self, dimensions: int, scene_dimensions: int) -> None:
        super().__init__(dimensions, scene_dimensions)
        self.text_norm, self.scene_norm = nn.LayerNorm(dimensions), nn.LayerNorm(scene_dimensions)
        self.text_opens = nn.Linear(dimensions, dimensions)
        self.scene_opens = nn.Linear(scene_dimensions, dimensions, bias=False)
        self.adds = nn.Linear(scene_dimensions, dimensions)
        self.strength = nn.Parameter(torch.zeros(()))

    def changed(self, texts: Tensor, scenes: Tensor) -> Tensor:
        """Give texts plus what the scene adds where the gate is open, (T, N, D)."""
        scene = self.scene_norm(scenes)  # (T, S)
        opens = self.text_opens(self.text_norm(texts))[None] + self.scene_opens(scene)[:, None]  # (T, N, D)
        added: Tensor = texts + self.strength * opens.sigmoid() * self.adds(scene)[:, None]
        return added


class FilmGate(TextGate):
    """`t · (1 + G LN(s)) + H LN(s)`: the scene scales and shifts every text alike; G and H start at 0.

    Examples
    --------
    >>> texts = nn.functional.normalize(torch.randn(3, 4), dim=-1)
    >>> bool(torch.equal(FilmGate(4, 5)(texts, torch.randn(1, 5))[0], texts))
    True
    """

    def __init__(self, dimensions: int, scene_dimensions: int) -> None:
        super().__init__(dimensions, scene_dimensions)
        self.scene_norm = nn.LayerNorm(scene_dimensions)
        self.film = zero_linear(scene_dimensions, 2 * dimensions)

    def changed(self, texts: Tensor, scenes: Tensor) -> Tensor:
        """Give texts scaled and shifted, (T, N, D)."""
        scale, shift = self.film(self.scene_norm(scenes))[:, None].chunk(2, dim=-1)  # each (T, 1, D)
        filmed: Tensor = texts * (1.0 + scale) + shift
        return filmed


class NoGate(TextGate):
    """Every text as it is, whatever the scene.

    Examples
    --------
    >>> NoGate(2, 2)(torch.tensor([[0.6, 0.8]]), torch.zeros(1, 2)).tolist()
    [[[0.6000000238418579, 0.800000011920929]]]
    """

    def changed(self, texts: Tensor, scenes: Tensor) -> Tensor:
        """Give the texts, once a scene; nothing is copied."""
        return texts.expand(len(scenes), *texts.shape)

    def forward(self, texts: Tensor, scenes: Tensor) -> Tensor:
        """Give `changed`: there is no length to keep."""
        return self.changed(texts, scenes)


GATES: dict[GateKind, type[TextGate]] = {"sigmoid": SigmoidGate, "film": FilmGate, "none": NoGate}
"""Every form by the name it has in the settings."""
