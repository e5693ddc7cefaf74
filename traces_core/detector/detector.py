"""The detector as one object: a video in, scores, episodes and explanations out.

    Detector.load().score("clip.mp4")

It uses what the graph made (bank, fusion, thresholds) and makes none of it. One video at a time; footage
that comes in numbers goes through the graph.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from traces_core.context_aware.scoring import ContextScores
from traces_core.detector.context import ContextDetector, ContextSystem
from traces_core.detector.explanation import Explainer
from traces_core.detector.loading import bank_scorer
from traces_core.detector.pipeline import EpisodeStage, Pipeline, System, TraceSystem
from traces_core.detector.saved import current_parts
from traces_core.detector.scored import ScoredVideo
from traces_core.detector.sinks import Sink
from traces_core.disk import temporary_folder
from traces_core.encoders.evidence import Evidence
from traces_core.encoders.features import Features, extract_features
from traces_core.errors import StreamScaleError
from traces_core.project import Project
from traces_core.report.model import ExplainedMoment
from traces_core.store import Artifact
from traces_core.store.code import made_with
from traces_core.streams.calibration import Calibration
from traces_core.streams.scorer import BankScorer
from traces_core.streams.table import LATE, STREAMS, in_order, streams_of
from traces_core.streams.thresholds import Threshold
from traces_core.types import Array, Episode, Interval, ScoreTrack, as_text
from traces_core.video import End, Gap


@dataclass(frozen=True)
class Detector:
    """Encoders, bank, fusion, scales and thresholds, ready to score."""

    project: Project
    """Settings and encoders."""
    judge: BankScorer
    """From evidence to scores against the traces."""
    calibration: Calibration
    """The scale of each stream on normal footage, and when it raises an alarm."""
    context_aware: ContextDetector | None = None
    """Adds the streams of the Context-Aware system; None leaves them out."""
    parts: tuple[Artifact, ...] = ()
    """What it was made of."""

    @classmethod
    def load(cls, project: Project | None = None, *, context_aware: bool = False) -> Detector:
        """The detector that the graph of this checkout made last.

        Parameters
        ----------
        project
            Another store or other settings; this checkout's by default.
        context_aware
            Whether it adds the streams `alignment`, `surprise` and `context_aware`, in -log10 of their
            p-values on normal footage.

        Raises
        ------
        MissingArtifactError
            If the graph has not made its parts yet: `make demo` does.
        MixedVersionsError
            If the parts do not belong together, since the graph is being rebuilt.
        """
        project = project or Project.here()
        detector = cls.of(project, *current_parts(project.store))
        return replace(detector, context_aware=ContextDetector.load(project)) if context_aware else detector

    @classmethod
    def of(
        cls, project: Project, trace_index: Artifact, adapters: Artifact, thresholds: Artifact
    ) -> Detector:
        """The detector of these artifacts, without the Context-Aware system.

        Raises
        ------
        StreamScaleError
            If this version scores a stream that the thresholds lack.
        """
        calibration = Calibration.load(thresholds)
        scored = {name for name, row in STREAMS.items() if row.start is not None}
        if unknown := in_order(scored - set(calibration.thresholds)):
            raise StreamScaleError(
                f"{thresholds.path}: made without the stream {', '.join(unknown)}, which this version of "
                "TRACES scores. Make the detector again: `make demo`."
            )
        judge = bank_scorer(project, trace_index, adapters)
        parts = (trace_index, adapters, thresholds)
        return cls(project, judge, calibration, parts=parts)

    @property
    def identity(self) -> dict[str, Any]:
        """What its scores rest on beside the code: equal for two that score alike."""
        further = () if self.context_aware is None else self.context_aware.parts
        settings, project = self.project.settings, self.project
        return {
            "parts": {part.name: part.fingerprint for part in (*self.parts, *further)},
            "settings": [settings.sampling.model_dump(), settings.scoring.model_dump()],
            "encoders": [made_with(project.clip), made_with(project.windows)],
        }

    @property
    def contexts(self) -> tuple[str, ...]:
        """The contexts that the bank knows."""
        return self.judge.bank.contexts

    @property
    def explainer(self) -> Explainer:
        """What explains its scores."""
        return Explainer(self.project, self.judge.bank, self.judge.fusion)

    @property
    def thresholds(self) -> dict[str, Threshold]:
        """When each stream raises an alarm."""
        further = {} if self.context_aware is None else self.context_aware.calibration.thresholds
        return {**self.calibration.thresholds, **further}

    def start(
        self, video: str, context: str | None = None, sinks: Sequence[Sink] = ()
    ) -> tuple[Pipeline, Sequence[System]]:
        """The push pipeline of one video or camera, and the systems in it.

        Parameters
        ----------
        video
            Its name in episodes.
        context
            The kind of place it shows; None compares it with all of them.
        sinks
            Called with every episode that opens, grows or closes.
        """
        systems: list[System] = [TraceSystem(self.judge, self.calibration, context)]
        if self.context_aware is not None:
            systems.append(self.context_aware.start(context))
        return Pipeline(systems, EpisodeStage(video, self.thresholds, sinks)), systems

    def score(
        self,
        video: Path | str,
        context: str | None = None,
        *,
        sinks: Sequence[Sink] = (),
        progress: Callable[[float], None] | None = None,
        stream: int | None = None,
    ) -> ScoredVideo:
        """Scores, episodes and features of one video; the file is opened once.

        Parameters
        ----------
        video
            Any file that PyAV decodes.
        context
            The kind of place it shows, one of `contexts`; None compares it with all of them.
        sinks
            Called with episodes while the file is read, and with the whole video at its end.
        progress
            Called with the time in seconds of the last frame seen.
        stream
            Which video stream of the file, from 0; None chooses as FFmpeg does.

        Raises
        ------
        VideoError
            If no frame can be read. A file that breaks later is scored up to there; `broken` says why.
        UnknownNameError
            If the bank has no such context.
        """
        if context is not None:
            self.judge.bank.trace_ids("normal", [context])  # refuses an unknown name, with the nearest one
        run = _Run(self, Path(video), context, sinks, stream)
        sampling, further = self.project.settings.sampling, self.context_aware
        with temporary_folder() as folder:
            file = folder / "features.safetensors"
            extract_features(
                run.path,
                self.project.clip,
                self.project.windows,
                file,
                sample_fps=sampling.sample_fps,
                hop_frames=sampling.hop_frames,
                block_encoder=None if further is None else further.blocks,
                scene_encoder=None if further is None else further.scenes,
                take=run.take,
                progress=progress,
                stream=stream,
            )
            features = Features.load(file)
        return run.ended(features)

    def judged(
        self,
        video: Path,
        features: Features,
        context: str | None = None,
        *,
        length_s: float | None,
        broken: str | None = None,
        sinks: Sequence[Sink] = (),
    ) -> ScoredVideo:
        """`score` for a video whose features are there already: all of them pushed at once.

        Parameters
        ----------
        features
            What the encoders of this detector saw of it.
        length_s
            The length that its file states, in seconds; None where it states none.
        broken
            Why they end early; None for a whole file.

        Raises
        ------
        ValueError
            If the Context-Aware system is on: it needs more than the features.
        """
        if self.context_aware is not None:
            raise ValueError("the Context-Aware system scores files, not features: call score")
        run = _Run(self, video, context, sinks)
        for piece in features.pieces():
            run.take(piece)
        run.take(End(length_s, broken))
        return run.ended(features)

    def explain(self, scored: ScoredVideo, at_s: float, stream: str = LATE) -> ExplainedMoment:
        """Why one moment has its score: the frame, where the model looked, the nearest traces.

        Parameters
        ----------
        scored
            What `score` gave.
        at_s
            The moment in seconds; the last window that ended by then is explained.
        stream
            The stream whose score is explained. The traces are those of the fused vector, on both sides;
            `surprise` and `context_aware` show where the frame was predicted badly.

        Raises
        ------
        ValueError
            If the moment lies outside the video.
        """
        return self.explainer.explain(scored, [at_s], stream)[0]


class _Run:
    """One file through the pipeline: keeps the pieces, for a caller who wants the whole."""

    def __init__(
        self,
        detector: Detector,
        path: Path,
        context: str | None,
        sinks: Sequence[Sink],
        stream: int | None = None,
    ) -> None:
        self._stream = stream
        self.path, self._context, self._sinks = path, context, sinks
        self._thresholds = detector.thresholds
        self._pipeline, self._systems = detector.start(as_text(path), context, sinks)
        self._pieces: dict[str, list[ScoreTrack]] = defaultdict(list)
        self._episodes: dict[str, list[Episode]] = defaultdict(list)
        self._maps: list[Array] = []
        self._unknown: list[Interval] = []
        self._end = End(None)

    def take(self, piece: Evidence | Gap | End) -> None:
        tracks, events = self._pipeline.take(piece)
        for name, track in tracks.items():
            self._pieces[name].append(track)
        for system in self._systems:
            if tracks and isinstance(system, ContextSystem) and system.maps is not None:
                self._maps.append(system.maps)
        for event in events:
            if event.kind == "closed":
                self._episodes[event.stream].append(event.episode)
        if isinstance(piece, Gap):
            self._unknown.append(Interval(piece.start_s, piece.end_s))
        elif isinstance(piece, End):
            self._end = piece

    def ended(self, features: Features) -> ScoredVideo:
        """The whole, after the end was taken."""
        gaps = tuple(self._unknown)
        tracks = {name: ScoreTrack.joined(self._pieces[name], gaps) for name in in_order(self._pieces)}
        scored = ScoredVideo(
            path=self.path,
            context=self._context,
            tracks=tracks,
            thresholds={name: self._thresholds[name].value for name in tracks},
            episodes={name: tuple(self._episodes[name]) for name in tracks},
            features=features,
            broken=self._end.broken,
            notes=self._end.notes,
            stream=self._stream,
            context_aware=self._context_scores(tracks),
        )
        for sink in self._sinks:
            sink.on_end(scored)
        return scored

    def _context_scores(self, tracks: Mapping[str, ScoreTrack]) -> ContextScores | None:
        if not any(isinstance(one, ContextSystem) for one in self._systems):
            return None
        mine = {name: tracks[name] for name in streams_of("context_aware") if name in tracks}
        return ContextScores(mine, np.concatenate(self._maps) if self._maps else None)
