"""The clips that pocket encoders learn from: planned, captioned, drawn, compressed and resized to fit them.

Plans and captions cost nothing to make again, so their digest in the recipe proves what the weights were
trained on. How pixels are disturbed in training belongs in `augmentation`.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from av.video.reformatter import VideoReformatter

from traces_core.encoders.base import Pixels
from traces_core.encoders.pixels import Preprocess
from traces_core.encoders.pocket_models import SAMPLE_FPS
from traces_core.practice import KINDS, Plan, captions, frames, plan_clip, plan_video
from traces_core.store.digest import digest

CLIPS_S = (3.0, 5.0)
"""Lengths of the drawn clips in seconds, in turn: long events look different when they have lasted."""
FRAMES = int(min(CLIPS_S) * SAMPLE_FPS)
"""Frames that are kept of a clip, its last ones."""
HELD_BACK = 1_000_000
"""Clips with seeds from here on are never trained on: they measure."""


@dataclass(frozen=True, slots=True)
class PretrainingClipSettings:
    """Which clips are drawn."""

    clips_per_kind: int = 96
    """Clips of each kind of event, spread evenly over the contexts where it happens."""
    captions_per_clip: int = 16
    """Sentences that tell each clip; one of them is drawn at each step."""
    open_set: bool = True
    """Whether kinds are among them that no trace of the bank names, as anything is among web data."""


def plan_footage(
    seed: int, settings: PretrainingClipSettings, *, held_back: bool = False
) -> tuple[Plan, ...]:
    """The clips of one pre-training, in their order.

    Parameters
    ----------
    seed : of the pre-training; two seeds share no clip.
    settings : how many.
    held_back : the clips that measure instead of those that teach.
    """
    first = (HELD_BACK if held_back else 0) + seed * 10_000
    kinds = [kind for kind in KINDS.values() if settings.open_set or not kind.open_set]
    return tuple(
        plan_clip(
            kind.name,
            kind.contexts[index % len(kind.contexts)],
            pool="generic",
            seed=first + index,
            duration_s=CLIPS_S[index // len(kind.contexts) % len(CLIPS_S)],
            rate=Fraction(SAMPLE_FPS),
        )
        for kind in kinds
        for index in range(settings.clips_per_kind)
    )


@dataclass(frozen=True, slots=True)
class VideoSettings:
    """Which untrimmed videos are drawn."""

    videos_per_kind: int = 40
    """Videos in which each anomalous kind interrupts normal life, spread over the contexts."""
    video_s: float = 14.0
    """Length of each in seconds."""


def plan_videos(seed: int, settings: VideoSettings, *, held_back: bool = False) -> tuple[Plan, ...]:
    """Untrimmed videos of a pre-training: one anomaly each, of every kind but the open set.

    Parameters
    ----------
    seed : of the pre-training; two seeds share no video.
    settings : how many and how long.
    held_back : the videos that measure instead of those that teach.
    """
    first = (HELD_BACK if held_back else 0) + seed * 10_000 + 5_000
    return tuple(
        plan_video(
            kind.contexts[index % len(kind.contexts)],
            pool="generic",
            seed=first + index,
            duration_s=settings.video_s,
            anomalies=(kind.name,),
            rate=Fraction(SAMPLE_FPS),
        )
        for kind in KINDS.values()
        if kind.is_anomalous and not kind.open_set
        for index in range(settings.videos_per_kind)
    )


def footage_captions(plans: Sequence[Plan], per_clip: int) -> list[list[str]]:
    """The sentences that describe each clip; they follow from the plan alone."""
    return [
        [caption.text for caption in captions(plan, np.random.default_rng([plan.seed, per_clip]), per_clip)]
        for plan in plans
    ]


def footage_digest(
    seed: int, settings: PretrainingClipSettings, sentences: Sequence[Sequence[str]] | None
) -> dict[str, Any]:
    """What a recipe says about its clips: digests of all plans, all sentences and a few drawn frames.

    `sentences` are those of `footage_captions`; None for a tower that reads none.
    """
    plans = plan_footage(seed, settings)
    some = plans[:: max(1, len(plans) // 4)]
    drawn = [[pixels.tobytes().hex() for pixels, _ in islice(frames(plan), 3)] for plan in some]
    return {
        "settings": asdict(settings),
        "clips": len(plans),
        "plans": digest([asdict(plan) for plan in plans]),
        "captions": digest(sentences) if sentences is not None else None,
        "drawing": digest(drawn),
    }


def video_digest(seed: int, settings: VideoSettings) -> dict[str, Any]:
    """What a recipe says about its untrimmed videos."""
    plans = plan_videos(seed, settings)
    return {
        "settings": asdict(settings),
        "videos": len(plans),
        "plans": digest([asdict(plan) for plan in plans]),
    }


def draw_footage(
    plans: Sequence[Plan], sizes: Mapping[str, tuple[Preprocess, int]], folder: Path, *, workers: int = 1
) -> dict[str, Path]:
    """Draw clips, compress and decompress them with H.264, and keep them at the encoders' sizes.

    Parameters
    ----------
    plans : N clips of the same length.
    sizes : for each name, the encoder's preprocessing (its resize; normalisation comes after augmentation)
        and the step between frames that are kept.
    folder : where the arrays go.
    workers : processes that draw; the result does not depend on it.

    Returns
    -------
    For each name, a `.npy` file with a uint8 array of shape (N, F, 3, h, w).
    """
    files = {name: folder / f"{name}.npy" for name in sizes}
    arrays: dict[str, Pixels] = {}
    with _mapper(workers) as spread:
        for index, clip in enumerate(spread(partial(_draw_clip, sizes=dict(sizes)), plans)):
            for name, pixels in clip.items():
                if name not in arrays:
                    arrays[name] = np.lib.format.open_memmap(
                        files[name], "w+", np.uint8, (len(plans), *pixels.shape)
                    )
                arrays[name][index] = pixels
    return files


@contextmanager
def _mapper(workers: int) -> Iterator[Callable[..., Iterable[dict[str, Pixels]]]]:
    if workers < 2:
        yield map
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield partial(pool.map, chunksize=16)


def _draw_clip(plan: Plan, sizes: Mapping[str, tuple[Preprocess, int]]) -> dict[str, Pixels]:
    torch.set_num_threads(1)
    count = FRAMES if len(plan.frame_times_s) <= max(CLIPS_S) * SAMPLE_FPS else len(plan.frame_times_s)
    pixels = np.stack(list(_compressed(plan, count)))  # (F, H, W, 3)
    return {
        name: np.ascontiguousarray(preprocess.resize(pixels[::step]).numpy())  # (F / step, 3, h, w)
        for name, (preprocess, step) in sizes.items()
    }


def _compressed(plan: Plan, count: int) -> Iterator[Pixels]:
    """The last `count` frames of a plan after a trip through H.264, as real footage has been."""
    stored = io.BytesIO()
    with av.open(stored, "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=plan.rate, options={"crf": "23", "preset": "veryfast"})
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1
        for pixels, _ in islice(frames(plan), len(plan.frame_times_s) - count, None):
            if not stream.codec_context.is_open:
                stream.width, stream.height = pixels.shape[1], pixels.shape[0]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    stored.seek(0)
    with av.open(stored) as container:
        reformatter = VideoReformatter()
        for frame in container.decode(video=0):
            yield reformatter.reformat(frame, format="rgb24").to_ndarray().astype(np.uint8, copy=False)
