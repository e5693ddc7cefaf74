"""The model: evidence about a video joins CLIP's vector of it, and a gate changes the texts it meets.

    appearance (B, N, D) ────────────────────────── + ── unit norm ──> video (B, N, D)
    time (B, N, D_time) ──────┐                     │
                              ├─ head ─ zero output ┘
    grids ── coder ── state ──┘

Untrained, the video's vector is CLIP's and the gate is the identity: the model IS the CLIP baseline. Learning
is in `training`, the file in `saved`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from traces_core.context_aware.gate import GATES, TextGate
from traces_core.context_aware.predictive.coder import Predictions, PredictiveCoder
from traces_core.context_aware.settings import GateKind, HeadKind, JointSettings
from traces_core.errors import ContextAwareError
from traces_core.fusion.adapters import zero_linear


@dataclass(frozen=True)
class BlockEvidence:
    """What the frozen encoders saw at the ends of N consecutive blocks of B clips."""

    appearance: Tensor
    """(B, N, D): unit mean of the last frames, in CLIP's space."""
    time: Tensor
    """(B, N, D_time): mean of the TimeSformer's tokens of the same frames."""
    scenes: Tensor
    """(B, N, S): the place, seen so far."""
    grids: Tensor | None
    """(B, N, C, G, G): the blocks themselves; None where nothing is predicted."""


class VideoHead(nn.Module):
    """Evidence (…, E) as a change of CLIP's vector (…, D); zero until it is trained.

    Parameters
    ----------
    kind : str
        `linear`: one matrix. `residual_mlp`: a projection, a residual hidden layer, a projection.
    inputs : int
        E.
    dimensions : int
        D.
    hidden : int
        Width of the MLP.
    dropout : float
        Share of hidden units dropped in training.

    Notes
    -----
    Source: the residual MLP head over concatenated features of arXiv 2508.18463. The skip from CLIP's own
    vector and the zero at the end are ours: without them, learning begins from a random space.

    Examples
    --------
    >>> VideoHead("residual_mlp", 5, 3, hidden=8)(torch.ones(2, 5)).tolist()
    [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """

    def __init__(
        self, kind: HeadKind, inputs: int, dimensions: int, *, hidden: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        if kind == "residual_mlp":
            self.project: nn.Module = nn.Linear(inputs, hidden)
            self.residual: nn.Module | None = nn.Sequential(
                nn.LayerNorm(hidden),
                nn.Linear(hidden, hidden),
                nn.GELU(),
                nn.Dropout(dropout),
                nn.Linear(hidden, hidden),
            )
            self.output = zero_linear(hidden, dimensions)
        else:
            self.project, self.residual = nn.Identity(), None
            self.output = zero_linear(inputs, dimensions)

    def forward(self, evidence: Tensor) -> Tensor:
        """Give the change of CLIP's vector, (…, E) to (…, D)."""
        inside = self.project(evidence)
        if self.residual is not None:
            inside = inside + self.residual(inside)
        change: Tensor = self.output(inside)
        return change


class ContextAware(nn.Module):
    """Coder, head and gate.

    Parameters
    ----------
    coder : PredictiveCoder or None
        Predicts blocks; None where the evidence is time alone.
    joint : JointSettings
        Which head, which evidence.
    gate : str
        Which gate.
    dimensions, token_dimensions, scene_dimensions : int
        D, D_time and S.
    """

    def __init__(
        self,
        coder: PredictiveCoder | None,
        joint: JointSettings,
        gate: GateKind,
        *,
        dimensions: int,
        token_dimensions: int,
        scene_dimensions: int,
    ) -> None:
        super().__init__()
        if (coder is None) == ("prediction" in joint.evidence):
            raise ContextAwareError(
                f"joint.evidence is {joint.evidence}, but {'no' if coder is None else 'a'} predictor came "
                "with it. Train the predictor first (.venv/bin/traces make 'predictor+'), or leave it out."
            )
        self.coder = coder
        self.evidence = joint.evidence
        widths = {"time": token_dimensions, "prediction": 0 if coder is None else coder.aggregate.hidden}
        self.norms = nn.ModuleDict({name: nn.LayerNorm(widths[name]) for name in sorted(joint.evidence)})
        inputs = sum(widths[name] for name in joint.evidence)
        self.head = (
            None
            if joint.head == "none"
            else VideoHead(joint.head, inputs, dimensions, hidden=joint.hidden, dropout=joint.dropout)
        )
        self.gate: TextGate = GATES[gate](dimensions, scene_dimensions)
        self.shape = {
            "dimensions": dimensions,
            "token_dimensions": token_dimensions,
            "scene_dimensions": scene_dimensions,
        }

    def predict(self, grids: Tensor, before: Tensor | None = None) -> tuple[Predictions, Tensor, Tensor]:
        """What was predicted for every block that has one before it, and what was known at the end of each.

        Parameters
        ----------
        grids : tensor of shape (B, N, C, G, G).
        before : the state that the call for the blocks before gave; None at the start of the clips.

        Returns
        -------
        Predictions
            Each from the blocks before it: of the N - 1 last blocks at the start, else of all N.
        tensor of shape (B, N, hidden)
            The state after each block, averaged over its places. Row n rests on blocks 0 to n.
        tensor of shape (B, layers, hidden, G, G)
            The state after the last block, for the next call.
        """
        if self.coder is None:
            raise ContextAwareError("this model has no predictor: joint.evidence leaves `prediction` out.")
        embedded = self.coder.embed(grids)  # (B, N, D, G, G)
        state = self.coder.aggregate.start(embedded[:, 0]) if before is None else before
        states = [] if before is None else [before[:, -1]]
        for block in range(embedded.shape[1]):
            state = self.coder.advance(embedded[:, block], state)
            states.append(state[:, -1])
        known = torch.stack(states, dim=1)  # (B, N or N + 1, hidden, G, G)
        earlier = known[:, :-1]
        predicted = self.coder.head(earlier.flatten(0, 1)).unflatten(0, earlier.shape[:2])
        target = embedded[:, embedded.shape[1] - earlier.shape[1] :]
        after = known[:, known.shape[1] - embedded.shape[1] :]
        return Predictions(predicted, target, earlier), after.mean(dim=(3, 4)), state

    def video(self, seen: BlockEvidence, known: Tensor | None) -> Tensor:
        """The video's vector at the end of each block, unit norm.

        Parameters
        ----------
        seen : what the encoders saw.
        known : tensor of shape (B, N, hidden), as `predict` gives it; None without a predictor.

        Returns
        -------
        tensor of shape (B, N, D)
        """
        if self.head is None:
            return seen.appearance
        parts = {"time": seen.time, "prediction": known}
        evidence = [norm(parts[name]) for name, norm in self.norms.items()]
        joined: Tensor = seen.appearance + self.head(torch.cat(evidence, dim=-1))
        return F.normalize(joined, dim=-1)

    def forward(self, seen: BlockEvidence) -> tuple[Tensor, Predictions | None]:
        """The video's vectors (B, N, D), and what was predicted; None without a predictor."""
        video, predictions, _ = self.observe(seen)
        return video, predictions

    def observe(
        self, seen: BlockEvidence, before: Tensor | None = None
    ) -> tuple[Tensor, Predictions | None, Tensor | None]:
        """`forward` for the next blocks: `before` is the last thing that the call before gave."""
        if self.coder is None or seen.grids is None:
            return self.video(seen, None), None, None
        predictions, known, state = self.predict(seen.grids, before)
        return self.video(seen, known), predictions, state
