"""Pictures inside a page: frames and attention as data addresses, so that a report is one file."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from traces_core.report.model import Pixels, Weights

_WIDEST = 480
_GLOW = (255, 122, 24)
_DARKEST, _BRIGHTEST = 0.50, 0.55


def data_uri(picture: bytes, kind: str = "image/png") -> str:
    """A picture as an address that carries it.

    Examples
    --------
    >>> data_uri(b"abc")
    'data:image/png;base64,YWJj'
    """
    return f"data:{kind};base64,{base64.b64encode(picture).decode('ascii')}"


def frame_uri(frame: Pixels) -> str:
    """A frame of shape (H, W, 3), at most 480 pixels wide, as a JPEG inside its address."""
    image = Image.fromarray(np.ascontiguousarray(frame))
    if image.width > _WIDEST:
        image = image.resize(
            (_WIDEST, max(1, round(image.height * _WIDEST / image.width))), Image.Resampling.LANCZOS
        )
    written = io.BytesIO()
    image.save(written, "JPEG", quality=88)
    return data_uri(written.getvalue(), "image/jpeg")


def contact_sheet(frames: Sequence[Pixels], *, height: int = 120, columns: int = 4) -> bytes:
    """Frames of shape (H, W, 3) side by side, row by row, each of one height, as a JPEG.

    Examples
    --------
    >>> sheet = contact_sheet([np.zeros((48, 64, 3), np.uint8)] * 5)
    >>> Image.open(io.BytesIO(sheet)).size
    (640, 240)
    """
    sizes = [(max(1, round(frame.shape[1] * height / frame.shape[0])), height) for frame in frames]
    width = max(size[0] for size in sizes)
    rows = -(-len(frames) // columns)
    sheet = Image.new("RGB", (width * min(columns, len(frames)), height * rows))
    for number, (frame, size) in enumerate(zip(frames, sizes, strict=True)):
        place = (number % columns * width, number // columns * height)
        sheet.paste(Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS), place)
    written = io.BytesIO()
    sheet.save(written, "JPEG", quality=80)
    return written.getvalue()


def attention_layer(attention: Weights, size: tuple[int, int]) -> Pixels:
    """What to lay over a frame so that it shows where the model looked.

    Parameters
    ----------
    attention : array of shape (G, G), at least 0
    size : (H, W) of the layer, in pixels

    Returns
    -------
    uint8 array of shape (H, W, 4): a warm glow where the attention is high, a veil where it is low,
    nothing in between; clear everywhere where the attention is the same everywhere.

    Examples
    --------
    >>> layer = attention_layer(np.array([[0.0, 1.0], [0.0, 0.0]]), (8, 8))
    >>> layer.shape, bool(layer[0, 7, 0] > layer[7, 0, 0])
    ((8, 8, 4), True)
    >>> int(attention_layer(np.full((2, 2), 0.25), (8, 8)).max())
    0
    """
    spread = float(attention.max() - attention.min())
    layer = np.zeros((*size, 4), np.uint8)
    if spread <= 1e-6 * float(attention.max()):
        return layer
    grid = ((attention - attention.min()) / spread).astype(np.float32)
    smooth = Image.fromarray(grid).resize((size[1], size[0]), Image.Resampling.BICUBIC)
    level = np.clip(np.asarray(smooth, np.float32), 0, 1)
    bright = np.clip((level - 0.45) / 0.55, 0, 1)
    dark = np.clip((0.45 - level) / 0.45, 0, 1)
    layer[..., :3] = (bright[..., None] > 0) * np.array(_GLOW, np.uint8)
    layer[..., 3] = np.rint(255 * (_BRIGHTEST * bright + _DARKEST * dark**1.5)).astype(np.uint8)
    return layer


def laid_over(frame: Pixels, weights: Weights) -> Pixels:
    """A frame (H, W, 3) with the layer of weights (G, G) on it, as one picture of the same shape."""
    below = Image.fromarray(np.ascontiguousarray(frame)).convert("RGBA")
    above = Image.fromarray(attention_layer(weights, frame.shape[:2]))
    return np.asarray(Image.alpha_composite(below, above).convert("RGB"))


def attention_uri(attention: Weights, frame: Pixels) -> str:
    """The layer for a frame, small (the browser stretches it), as a PNG inside its address."""
    height, width = frame.shape[:2]
    size = (96, max(1, round(96 * width / height)))
    written = io.BytesIO()
    Image.fromarray(attention_layer(attention, size)).save(written, "PNG")
    return data_uri(written.getvalue())
