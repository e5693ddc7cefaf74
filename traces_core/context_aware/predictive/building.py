"""A coder as the settings want it."""

from __future__ import annotations

import torch
from torch import nn

from traces_core.context_aware.predictive.coder import PredictiveCoder
from traces_core.context_aware.predictive.encoder3d import ARCHITECTURES, BlockChannels, Encoder3d
from traces_core.context_aware.predictive.settings import PredictorSettings


def build_coder(settings: PredictorSettings, *, tokens: int | None = None) -> PredictiveCoder:
    """An untrained coder; its weights come from the seed of the settings.

    Parameters
    ----------
    settings : of the predictor.
    tokens : width of the token grids where `settings.source` is `tokens`; not needed for pixels.

    Raises
    ------
    ValueError
        If the width of the tokens is missing.

    Examples
    --------
    >>> build_coder(PredictorSettings(source="pixels", dimensions=8, hidden=8))(
    ...     torch.zeros(1, 4, 3, 4, 32, 32)
    ... ).predicted.shape
    torch.Size([1, 2, 8, 4, 4])
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        encoder: nn.Module | None = None
        inputs = tokens
        if settings.source == "pixels":
            network = Encoder3d(
                len(settings.channels), settings.block_frames, ARCHITECTURES[settings.encoder]
            )
            encoder, inputs = nn.Sequential(BlockChannels(settings.channels), network), network.dimensions
        if inputs is None:
            raise ValueError("build_coder: predictor.source is 'tokens'; say how wide the tokens are.")
        return coder_of(settings, inputs, encoder)


def coder_of(settings: PredictorSettings, inputs: int, encoder: nn.Module | None = None) -> PredictiveCoder:
    """An untrained coder of grids with this many channels; its weights come from torch's generator."""
    return PredictiveCoder(
        inputs=inputs,
        dimensions=settings.dimensions,
        hidden=settings.hidden,
        steps_ahead=settings.steps_ahead,
        layers=settings.layers,
        reach=settings.reach,
        encoder=encoder,
    )
