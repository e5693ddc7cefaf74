"""The detector as one object: a video in, scores, episodes and explanations out.

    Detector.load().score("clip.mp4")

It uses what the graph made (bank, fusion, thresholds) and makes none of it. One video at a time; footage
that comes in numbers goes through the graph.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from traces_core.calibration import Threshold
from traces_core.context_aware.scoring import CONTEXT_AWARE, SURPRISE, ContextAwareScores
from traces_core.context_detector import ContextDetector
from traces_core.encoders.base import Pixels
from traces_core.encoders.features import Features, extract_features
from traces_core.fusion.late import LateFusion
from traces_core.fusion.windows import attention_maps
from traces_core.metrics.events import find_episodes
from traces_core.project import Project
from traces_core.report.model import ExplainedMoment, NearTrace
from traces_core.scoring import Explanation, explain
from traces_core.steps.detection import Calibration, scorer, with_late
from traces_core.streams import LATE, Scorer
from traces_core.types import Episode, ScoreTrack, Times
from traces_core.video import frames_at, window_frames_of


@dataclass(frozen=True)
class ScoredVideo:
    """What the detector says about one video."""

    path: Path
    """The file."""
    context: str | None
    """The kind of place it was compared with; None for all of them."""
    tracks: Mapping[str, ScoreTrack]
    """Scores by stream."""
    thresholds: Mapping[str, float]
    """Threshold by stream."""
    episodes: Mapping[str, tuple[Episode, ...]]
    """Runs above the threshold, by stream."""
    features: Features
    """What the encoders saw."""
    broken: str | None
    """Why the file ends early; None for a whole one."""
    context_aware: ContextAwareScores | None = None
    """What the Context-Aware system found, its surprise maps with it; None where it was not asked."""

    @property
    def end_s(self) -> float:
        """Time of the last frame looked at, in seconds."""
        return float(self.features.frame_times_s[-1])

    def table(self) -> pl.DataFrame:
        """The scores as rows `video, time_s, stream, score`, streams one after the other."""
        parts = [
            pl.DataFrame(
                {
                    "video": [str(self.path)] * len(track),
                    "time_s": track.times_s,
                    "stream": [stream] * len(track),
                    "score": np.asarray(track.values, np.float32),
                }
            )
            for stream, track in self.tracks.items()
        ]
        return pl.concat(parts)


@dataclass(frozen=True)
class Detector:
    """Encoders, bank, fusion, scales and thresholds, ready to score."""

    project: Project
    """Settings and encoders."""
    judge: Scorer
    """From features to scores."""
    scales: LateFusion
    """The scale of each stream on normal footage."""
    thresholds: Mapping[str, Threshold]
    """When each stream calls somebody."""
    context_aware: ContextDetector | None = None
    """Adds the streams of the Context-Aware system; None leaves them out."""

    @classmethod
    def load(cls, project: Project | None = None, *, context_aware: bool = False) -> Detector:
        """The detector that the graph of this checkout made last.

        Parameters
        ----------
        project
            Another store or other settings; this checkout's by default.
        context_aware
            Whether it adds the streams `alignment`, `surprise` and `context_aware`, in -log10 of their
            p-values on normal footage; a video is then read twice.

        Raises
        ------
        MissingArtifactError
            If the graph has not made its parts yet: `make demo` does.
        """
        project = project or Project.here()
        store = project.store
        judge = scorer(project, store.current("trace_index"), store.current("adapters"))
        calibration = Calibration.load(store.current("thresholds"))
        found = cls(project, judge, calibration.scales, calibration.thresholds)
        if not context_aware:
            return found
        further = ContextDetector.load(project)
        return replace(found, context_aware=further, thresholds={**found.thresholds, **further.thresholds})

    @property
    def contexts(self) -> tuple[str, ...]:
        """The contexts that the bank knows."""
        return self.judge.bank.contexts

    def score(
        self,
        video: Path | str,
        context: str | None = None,
        *,
        progress: Callable[[float], None] | None = None,
    ) -> ScoredVideo:
        """Scores, episodes and features of one video.

        Parameters
        ----------
        video
            Any file that PyAV decodes.
        context
            The kind of place it shows, one of `contexts`; None compares it with all of them.
        progress
            Told the time in seconds of the last frame seen.

        Raises
        ------
        VideoError
            If no frame can be read. A file that breaks later is scored up to there; `broken` says why.
        UnknownNameError
            If the bank has no such context.
        """
        if context is not None:
            self.judge.bank.trace_ids("normal", [context])  # refuses an unknown name, with the nearest one
        video = Path(video)
        sampling = self.project.settings.sampling
        with tempfile.TemporaryDirectory(prefix="traces-") as folder:
            file = Path(folder) / "features.safetensors"
            facts = extract_features(
                video,
                self.project.clip,
                self.project.windows,
                file,
                sample_fps=sampling.sample_fps,
                hop_frames=sampling.hop_frames,
                progress=progress,
            )
            features = Features.load(file)
        return self.judged(video, features, context, broken=facts["broken"])

    def judged(
        self, video: Path, features: Features, context: str | None = None, *, broken: str | None = None
    ) -> ScoredVideo:
        """`score` for a video whose features are there already.

        Parameters
        ----------
        features
            What the encoders of this detector saw of it.
        broken
            Why they end early; None for a whole file.
        """
        tracks = with_late(self.scales, self.judge.score(features, context))
        further = None
        if self.context_aware is not None:
            further = self.context_aware.judged(video, features, context)
            tracks |= further.tracks
        return ScoredVideo(
            path=video,
            context=context,
            tracks=tracks,
            thresholds={name: self.thresholds[name].value for name in tracks},
            episodes={name: self.episodes_of(track) for name, track in tracks.items()},
            features=features,
            broken=broken,
            context_aware=further,
        )

    def explain(self, scored: ScoredVideo, at_s: float, stream: str = LATE) -> ExplainedMoment:
        """Why one moment has its score: the frame, where the model looked, the nearest traces.

        Parameters
        ----------
        scored
            What `score` gave.
        at_s
            The moment in seconds; the last window that ended by then is explained.
        stream
            Whose score is shown. The traces are those of the fused vector, on both sides; `surprise` and
            `context_aware` show where the frame was predicted badly.

        Raises
        ------
        ValueError
            If the moment lies outside the video.
        """
        return self.explain_many(scored, [at_s], stream)[0]

    def explain_many(
        self, scored: ScoredVideo, times_s: Sequence[float], stream: str = LATE
    ) -> list[ExplainedMoment]:
        """`explain` for several moments, with one pass over the file."""
        for at_s in times_s:
            if not 0 <= at_s <= scored.end_s + 1 / self.project.settings.sampling.sample_fps:
                raise ValueError(
                    f"{scored.path}: no moment at {at_s} s; the video ends at {scored.end_s:.3f} s"
                )
        features = scored.features
        chosen = _last(features.window_times_s, times_s)
        within = window_frames_of(features.ends[chosen], self.project.windows.window_frames)  # (M, W)
        now = _last(features.frame_times_s, times_s)
        shown = np.column_stack([within, now])  # (M, W + 1): the window, then the frame of the moment
        wanted, where = np.unique(shown, return_inverse=True)
        pixels = frames_at(scored.path, list(features.frame_times_s[wanted] + 1e-6)).pixels
        windows = pixels[where.reshape(shown.shape)]  # (M, W + 1, H, W', 3)
        places = zip(times_s, chosen, windows, strict=True)
        return [self._moment(scored, stream, at_s, int(window), seen) for at_s, window, seen in places]

    def _moment(
        self, scored: ScoredVideo, stream: str, at_s: float, window: int, pixels: Pixels
    ) -> ExplainedMoment:
        features = scored.features
        one = slice(window, window + 1)
        frames, tokens = features.window_frames[one], features.tokens[one]
        seen = self.project.windows.encode_windows(pixels[None, :-1], with_attention=True)
        within = attention_maps(self.judge.fusion, frames, tokens)
        why = explain(
            self.judge.fused_vectors(_only(features, window))[0],
            self.judge.bank,
            k=self.judge.k,
            space=self.judge.space,
            contexts=self.judge.contexts_of(scored.context),
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
            window_attention=None if within is None else within[0].mean(axis=(0, 1)),
        )

    def peaks(self, scored: ScoredVideo, stream: str = LATE, most: int = 3) -> list[ExplainedMoment]:
        """The highest moments, one an episode; the highest of all where there is no episode."""
        episodes = sorted(scored.episodes[stream], key=lambda one: -one.peak_score)[:most]
        track = scored.tracks[stream]
        times = [one.peak_s for one in episodes] or [float(track.times_s[int(np.argmax(track.values))])]
        return self.explain_many(scored, sorted(times), stream)

    def episodes_of(self, track: ScoreTrack) -> tuple[Episode, ...]:
        """The runs of a track above its stream's threshold."""
        threshold = self.thresholds[track.stream]
        return tuple(find_episodes(track, threshold.value, threshold.rules))


def _last(times_s: Times, moments_s: Sequence[float]) -> NDArray[np.intp]:
    """Place of the last time at or before each moment; the first where it lies before all."""
    return np.maximum(np.searchsorted(times_s, np.asarray(moments_s) + 1e-9, side="right") - 1, 0)


def _only(features: Features, window: int) -> Features:
    """The features of one window, its frames with it."""
    width = features.tokens.shape[1]
    inside = window_frames_of(features.ends[window : window + 1], width)[0]
    first = int(inside[0])
    span = slice(first, int(inside[-1]) + 1)
    one = slice(window, window + 1)
    return Features(
        features.frame_times_s[span],
        features.frames[span],
        features.ends[one] - first,
        features.tokens[one],
        features.labels[one],
    )


def _near(why: Explanation, side: str) -> tuple[NearTrace, ...]:
    return tuple((match.trace.text, match.similarity, match.trace.label) for match in getattr(why, side))
