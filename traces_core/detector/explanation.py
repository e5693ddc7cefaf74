"""Why one moment has its score: the frame, where the model looked, the nearest traces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traces_core.bank.bank import Bank
from traces_core.detector.scored import ScoredVideo
from traces_core.encoders.base import Pixels
from traces_core.fusion.window_fusion import WindowFusion
from traces_core.fusion.windows import attention_maps, fuse_windows
from traces_core.project import Project
from traces_core.report.model import ExplainedMoment, NearTrace
from traces_core.scoring import Explanation, explain
from traces_core.streams.table import CONTEXT_AWARE, SURPRISE
from traces_core.types import Times
from traces_core.video import frames_at

MOST_PIXELS = 2**19
"""Pixels of a frame that is explained or put on a page, at most: 4K for a page took 2 GiB."""


@dataclass(frozen=True)
class Explainer:
    """Explains moments of scored videos, by the encoders and the bank that scored them."""

    project: Project
    """Settings and encoders."""
    bank: Bank
    """The traces that are near."""
    fusion: WindowFusion
    """What joins a window's frames and tokens."""

    def peaks(self, scored: ScoredVideo, stream: str, most: int = 3) -> list[ExplainedMoment]:
        """The highest moments, one an episode; the highest of all where there is no episode."""
        episodes = sorted(scored.episodes[stream], key=lambda one: -one.peak_score)[:most]
        track = scored.tracks[stream]
        times = [one.peak_s for one in episodes] or [float(track.times_s[int(np.argmax(track.values))])]
        return self.explain(scored, sorted(times), stream)

    def explain(self, scored: ScoredVideo, times_s: Sequence[float], stream: str) -> list[ExplainedMoment]:
        """One moment for each time (seconds), with one pass over the file.

        Raises
        ------
        ValueError
            If a moment lies outside the video.
        """
        for at_s in times_s:
            if not 0 <= at_s <= scored.end_s + 1 / self.project.settings.sampling.sample_fps:
                raise ValueError(
                    f"{scored.path}: no moment at {at_s} s; the video ends at {scored.end_s:.3f} s"
                )
        features = scored.features
        chosen = _last(features.window_times_s, times_s)
        within = features.positions_of(features.ends[chosen])  # (M, W)
        now = _last(features.frame_times_s, times_s)
        frame_rows = np.column_stack([within, now])  # (M, W + 1): the window, then the frame of the moment
        wanted, where = np.unique(frame_rows, return_inverse=True)
        times = list(features.frame_times_s[wanted] + 1e-6)
        pixels = frames_at(scored.path, times, stream=scored.stream, most_pixels=MOST_PIXELS).pixels
        windows = pixels[where.reshape(frame_rows.shape)]  # (M, W + 1, H, W', 3)
        places = zip(times_s, chosen, within, windows, strict=True)
        return [
            self._moment(scored, stream, at_s, int(window), frames, seen)
            for at_s, window, frames, seen in places
        ]

    def _moment(
        self,
        scored: ScoredVideo,
        stream: str,
        at_s: float,
        window: int,
        within: NDArray[np.int64],
        pixels: Pixels,
    ) -> ExplainedMoment:
        frames = scored.features.frames[within][None]  # (1, W, D)
        tokens = scored.features.tokens[window][None]
        seen = self.project.windows.encode_windows(pixels[None, :-1], with_attention=True)
        attention = attention_maps(self.fusion, frames, tokens)
        why = explain(
            fuse_windows(self.fusion, frames, tokens)[0],
            self.bank,
            k=self.project.settings.scoring.k,
            space=self.project.clip.space,
            contexts=self.bank.contexts_of(scored.context),
        )
        track = scored.tracks[stream]
        place = int(_last(track.times_s, [at_s])[0])
        return ExplainedMoment(
            time_s=float(track.times_s[place]),
            stream=stream,
            score=float(track.values[place]),
            frame=pixels[-1],
            anomalous=_near(why, "anomalous"),
            normal=_near(why, "normal"),
            attention=None if seen.attention is None else seen.attention[0, -1],
            surprise=scored.context_aware.map_at(at_s)
            if scored.context_aware is not None and stream in (SURPRISE, CONTEXT_AWARE)
            else None,
            window_attention=None if attention is None else attention[0].mean(axis=(0, 1)),
        )


def _last(times_s: Times, moments_s: Sequence[float]) -> NDArray[np.intp]:
    """Place of the last time at or before each moment; the first where it lies before all."""
    return np.maximum(np.searchsorted(times_s, np.asarray(moments_s) + 1e-9, side="right") - 1, 0)


def _near(why: Explanation, side: str) -> tuple[NearTrace, ...]:
    return tuple((match.trace.text, match.similarity, match.trace.label) for match in getattr(why, side))
