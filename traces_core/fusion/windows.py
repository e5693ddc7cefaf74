"""Arrays through a fusion: windows checked, fused in batches, and where the attention went.

The modules themselves belong in `fusion.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from traces_core.errors import NotFiniteError, WindowShapeError
from traces_core.fusion.window_fusion import WindowFusion
from traces_core.types import Array


def check_windows(frames: Array, tokens: Array, *, where: str) -> None:
    """Refuse frames and tokens that do not describe the same windows, or hold NaN or infinity.

    Parameters
    ----------
    frames : float array of shape (T, W, D)
    tokens : float array of shape (T, K, D_time), K a multiple of W
    where : str
        Named in the error.

    Raises
    ------
    WindowShapeError
        If the shapes do not fit together.
    NotFiniteError
        If a value is not finite.
    """
    fits = frames.ndim == 3 and tokens.ndim == 3 and len(frames) == len(tokens)
    if not fits or not frames.shape[1] or not tokens.shape[1] or tokens.shape[1] % frames.shape[1]:
        raise WindowShapeError(
            where,
            actual=f"frames {frames.shape} and tokens {tokens.shape}",
            expected="frames (T, W, D) and tokens (T, K, D_time) of the same T, K a multiple of W",
        )
    for name, values in (("frames", frames), ("tokens", tokens)):
        bad = ~np.isfinite(values).all(axis=(1, 2))
        if bad.any():
            raise NotFiniteError(
                f"{where}: the {name} of {int(bad.sum())} windows hold NaN or infinity, first window "
                f"{int(np.argmax(bad))}. Extract the features of that video again."
            )


def _tensors(fusion: WindowFusion, frames: Array, tokens: Array, where: str) -> tuple[Tensor, Tensor]:
    check_windows(frames, tokens, where=where)
    shape = (frames.shape[1], frames.shape[2], tokens.shape[2])
    expected = (fusion.window_frames, fusion.dimensions, fusion.token_dimensions)
    if shape != expected:
        raise WindowShapeError(
            where, actual=f"(W, D, D_time) = {shape}", expected=f"{expected}, which this fusion was built for"
        )
    return torch.from_numpy(np.asarray(frames, np.float32)), torch.from_numpy(np.asarray(tokens, np.float32))


@contextmanager
def _inferring(fusion: WindowFusion) -> Iterator[None]:
    """Without dropout and gradients; a module that is trained is left as it was."""
    is_training = fusion.training
    if is_training:  # switching walks through every module: longer than fusing one window
        fusion.eval()
    with torch.inference_mode():
        yield
    if is_training:
        fusion.train()


def fuse_windows(fusion: WindowFusion, frames: Array, tokens: Array, *, batch: int = 512) -> Array:
    """Give the fused vector of every window.

    Parameters
    ----------
    fusion : WindowFusion
        Trained or not; dropout is off.
    frames : float array of shape (T, W, D)
        Unit-norm CLIP embeddings of the frames of each window.
    tokens : float array of shape (T, K, D_time)
        TimeSformer tokens of each window; K is W, or W x G x G in the order frame, row, column.
    batch : int
        Windows at once; bounds the memory, not the result.

    Returns
    -------
    float32 array of shape (T, D)
        Unit norm, in CLIP's text space.

    Raises
    ------
    WindowShapeError
        If the windows do not fit together, or not the fusion.
    NotFiniteError
        If a value is not finite.

    Examples
    --------
    >>> from traces_core.fusion.window_fusion import MeanFusion
    >>> frames, tokens = np.ones((2, 4, 8), np.float32), np.zeros((2, 4, 6), np.float32)
    >>> fuse_windows(MeanFusion(8, 6, 4), frames, tokens).shape
    (2, 8)
    """
    x, y = _tensors(fusion, frames, tokens, "fuse_windows")
    fused = np.zeros((len(x), fusion.dimensions), np.float32)
    with _inferring(fusion):
        for start in range(0, len(x), batch):
            part = slice(start, start + batch)
            fused[part] = fusion(x[part], y[part]).numpy()
    return fused


def attention_maps(fusion: WindowFusion, frames: Array, tokens: Array) -> Array | None:
    """Give where each frame of each window looked, for an explanation.

    Parameters
    ----------
    fusion, frames, tokens
        As in `fuse_windows`.

    Returns
    -------
    float32 array of shape (T, heads, W, K), or None
        Each row sums to 1. With grid tokens K unfolds to (W, G, G). None where the fusion has no
        attention (concatenation, mean).

    Raises
    ------
    WindowShapeError, NotFiniteError
        As in `fuse_windows`.

    Examples
    --------
    >>> from traces_core.fusion.window_fusion import MeanFusion
    >>> attention_maps(MeanFusion(8, 6, 4), np.ones((2, 4, 8)), np.zeros((2, 4, 6))) is None
    True
    """
    x, y = _tensors(fusion, frames, tokens, "attention_maps")
    with _inferring(fusion):
        weights = fusion.attention(x, y)
    return None if weights is None else weights.numpy()
