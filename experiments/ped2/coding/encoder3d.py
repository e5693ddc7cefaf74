"""Pixels of a block to a grid: 3D residual networks, a small one and ResNet-34 as in DPC-RNN.

Which channels a block has belongs in `traces_core.encoders.motion`; what is predicted, in the
product's `coder`.

Notes
-----
DPC-RNN's "2d3d" ResNet (Han et al. 2019): early stages convolve within each frame, later ones over time as
well; the last stage keeps the width of the one before it (256), and what is left of time is averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from experiments.ped2.settings import CoderSettings
from traces_core.context_aware.predictive.coder import PredictiveCoder, coder_of
from traces_core.encoders.motion import window_channels


@dataclass(frozen=True)
class Architecture:
    """A 3D residual network by its numbers."""

    widths: tuple[int, ...]
    """Channels of each stage; the last is that of the grid."""
    depths: tuple[int, ...]
    """Residual blocks of each stage."""
    timed: tuple[bool, ...]
    """Which stages convolve over time as well."""
    strides: tuple[int, ...]
    """How much each stage shrinks rows and columns."""
    time_strides: tuple[int, ...]
    """How much each stage shrinks time."""
    stem_edge: int
    """Rows and columns of the first convolution."""
    stem_stride: int
    """How much it shrinks them."""
    stem_frames: int | None
    """Frames it sees; None takes all of the block at once, and no time is left after it."""
    stem_pool: bool = False
    """Whether the stem halves rows and columns once more, as ResNets do."""


SMALL = Architecture(
    widths=(24, 32),
    depths=(1, 1),
    timed=(False, False),
    strides=(1, 2),
    time_strides=(1, 1),
    stem_edge=7,
    stem_stride=4,
    stem_frames=None,
)
"""For CPUs: time is read at once by the first convolution; 8 pixels a place."""
RESNET34 = Architecture(
    widths=(64, 128, 256, 256),
    depths=(3, 4, 6, 3),
    timed=(False, False, True, True),
    strides=(1, 2, 2, 2),
    time_strides=(1, 1, 2, 2),
    stem_edge=7,
    stem_stride=2,
    stem_frames=1,
    stem_pool=True,
)
"""DPC-RNN's ResNet-34: 32 pixels a place: 4 x 4 places at 112 pixels, 7 x 7 at 224."""
FINE = replace(SMALL, strides=(1, 1))
"""As the small one, but 4 pixels a place: for figures a few pixels wide."""
ARCHITECTURES = {"small": SMALL, "fine": FINE, "resnet34": RESNET34}
"""By the name in the settings."""


class BlockChannels(nn.Module):
    """Pixels of blocks to the channels that a network sees; each block by itself."""

    def __init__(self, names: Sequence[str]) -> None:
        """Take these channels of `traces_core.encoders.motion`."""
        super().__init__()
        self.names = tuple(names)

    def forward(self, blocks: Tensor) -> Tensor:
        """(M, 3 or 1, L, H, W), RGB or luminance from 0 to 1, to (M, C, L, H, W)."""
        frames = blocks.expand(-1, 3, -1, -1, -1).transpose(1, 2)  # (M, L, 3, H, W)
        return window_channels(frames, self.names).transpose(1, 2)


class ResidualBlock3d(nn.Module):
    """Two convolutions and a shortcut."""

    def __init__(self, inputs: int, outputs: int, strides: tuple[int, int], *, timed: bool) -> None:
        """Strides are those of time, and of rows and columns."""
        super().__init__()
        time, steps = (3 if timed else 1), (strides[0], strides[1], strides[1])
        shape: dict[str, tuple[int, ...]] = {
            "kernel_size": (time, 3, 3),
            "padding": (time // 2, 1, 1),
        }
        self.body = nn.Sequential(
            nn.Conv3d(inputs, outputs, stride=steps, bias=False, **shape),  # type: ignore[arg-type]
            nn.BatchNorm3d(outputs),
            nn.ReLU(),
            nn.Conv3d(outputs, outputs, bias=False, **shape),  # type: ignore[arg-type]
            nn.BatchNorm3d(outputs),
        )
        self.shortcut: nn.Module = nn.Identity()
        if inputs != outputs or max(steps) > 1:
            self.shortcut = nn.Sequential(
                nn.Conv3d(inputs, outputs, 1, stride=steps, bias=False), nn.BatchNorm3d(outputs)
            )

    def forward(self, seen: Tensor) -> Tensor:
        """(M, inputs, L, h, w) to (M, outputs, L', h', w')."""
        after: Tensor = (self.body(seen) + self.shortcut(seen)).relu()
        return after


class Encoder3d(nn.Module):
    """Blocks of frames (M, C, L, H, W) to grids (M, D, G, G).

    Examples
    --------
    >>> import torch
    >>> Encoder3d(channels=3, frames=4, architecture=SMALL)(torch.zeros(2, 3, 4, 32, 48)).shape
    torch.Size([2, 32, 4, 6])
    """

    def __init__(self, channels: int, frames: int, architecture: Architecture) -> None:
        """Build it for blocks of so many channels and frames."""
        super().__init__()
        time = architecture.stem_frames or frames
        edge, stride, width = architecture.stem_edge, architecture.stem_stride, architecture.widths[0]
        around = (0 if architecture.stem_frames is None else time // 2, edge // 2, edge // 2)
        layers: list[nn.Module] = [
            nn.Conv3d(channels, width, (time, edge, edge), (1, stride, stride), around, bias=False),
            nn.BatchNorm3d(width),
            nn.ReLU(),
        ]
        if architecture.stem_pool:
            layers.append(nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)))
        for stage, outputs in enumerate(architecture.widths):
            for place in range(architecture.depths[stage]):
                strides = (architecture.time_strides[stage], architecture.strides[stage])
                strides = strides if place == 0 else (1, 1)
                layers.append(ResidualBlock3d(width, outputs, strides, timed=architecture.timed[stage]))
                width = outputs
        self.dimensions = width
        self.layers = nn.Sequential(*layers)

    def forward(self, blocks: Tensor) -> Tensor:
        """Grids of blocks: the mean over what is left of time; G is an edge over all strides, rounded up."""
        grids: Tensor = self.layers(blocks).mean(dim=2)
        return grids


def build_coder(settings: CoderSettings) -> PredictiveCoder:
    """An untrained coder of pixel blocks; its weights come from the seed of the settings.

    Examples
    --------
    >>> from experiments.ped2.settings import CoderSettings
    >>> coder = build_coder(CoderSettings(dimensions=8, hidden=8))
    >>> coder(torch.zeros(1, 4, 3, 4, 32, 32)).predicted.shape
    torch.Size([1, 2, 8, 4, 4])
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = Encoder3d(len(settings.channels), settings.block_frames, ARCHITECTURES[settings.encoder])
        encoder = nn.Sequential(BlockChannels(settings.channels), network)
        return coder_of(settings, network.dimensions, encoder)
