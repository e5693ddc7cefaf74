"""Steps that join the two sides: the fusion, the scores, scales and thresholds, the alarms."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from traces_core.bank.folder import parts_in
from traces_core.detector.loading import bank_scorer
from traces_core.detector.pipeline import EpisodeStage
from traces_core.detector.saved import PARTS, SECTIONS
from traces_core.detector.sinks import TableSink
from traces_core.errors import TrainingCorpusError
from traces_core.fusion.saved import save_fusion
from traces_core.fusion.training import Trained, train_fusion
from traces_core.fusion.window_fusion import MeanFusion, WindowFusion
from traces_core.project import Project
from traces_core.steps.footage import SEEING, captions, clocks_of, load_features, normal_of_training
from traces_core.store import Artifact
from traces_core.store.digest import code_digest, digest, file_digest
from traces_core.streams.calibration import Calibration, with_late
from traces_core.streams.episodes import EpisodeRules
from traces_core.streams.late import LateFusion
from traces_core.streams.scorer import BankScorer
from traces_core.streams.table import LATE, STREAMS, streams_of
from traces_core.streams.thresholds import calibrate_threshold
from traces_core.types import ScoreTrack

_HERE = "traces_core.steps.detection"
_TEXT = ["traces_core.encoders.clip", "traces_core.encoders.text_tower"]
LEARNING = code_digest(
    [
        "traces_core.fusion",
        "traces_core.encoders.features:Features",
        "traces_core.steps.footage:captions",
        *_TEXT,
        "traces_core.steps.detection:adapters",
        "traces_core.steps.detection:_training_captions",
        "traces_core.steps.detection:_train",
        "traces_core.steps.detection:_readout_s",
        f"{_HERE}:_training_report",
    ]
)
SCORING = code_digest(
    [f"traces_core.streams.{name}" for name in ("table", "base", "scorer", "appearance", "fused", "action")]
    + [
        "traces_core.scoring",
        "traces_core.bank",
        "traces_core.fusion.window_fusion",
        "traces_core.fusion.windows",
        "traces_core.fusion.saved",
    ]
    + ["traces_core.encoders.features:Features", "traces_core.encoders.evidence", *_TEXT]
    + ["traces_core.detector.loading:bank_scorer"]
    + [
        "traces_core.steps.detection:SCORES",
        "traces_core.steps.detection:anomaly_scores",
        "traces_core.steps.detection:scores_table",
    ]
)
CALIBRATING = code_digest(
    [f"traces_core.streams.{name}" for name in ("thresholds", "episodes", "late", "calibration", "table")]
    + ["traces_core.detector.pipeline", "traces_core.detector.sinks"]
    + [
        "traces_core.steps.detection:thresholds",
        "traces_core.steps.detection:_threshold",
        "traces_core.steps.detection:episode_rules",
        "traces_core.steps.detection:alarms",
    ]
    + ["traces_core.steps.detection:by_video", "traces_core.steps.detection:tracks_of"]
)

SCORES = pl.Schema(
    {
        "video_id": pl.String(),
        "stream": pl.String(),
        "time_s": pl.Float64(),
        "score": pl.Float32(),
        "causal": pl.Boolean(),
    }
)
"""One row a score."""

Progress = Callable[[int, Mapping[str, float]], None]


def adapters(
    project: Project,
    practice: Artifact,
    listed: Artifact,
    manifest: pl.DataFrame,
    *,
    progress: Progress | None = None,
) -> Artifact:
    """The fusion that ships: a folder with `fusion.safetensors`, `candidate.safetensors`, `training.json`.

    Parameters
    ----------
    manifest
        The feature manifests of all shards, joined.
    progress
        Told (step, metrics) at every validation.
    """
    settings = project.settings.training
    told = _training_captions(project, practice, listed, manifest)
    features = manifest.filter(pl.col("video_id").is_in(told["video_id"].unique().to_list()))

    def learn(folder: Path) -> tuple[Path, dict[str, Any]]:
        if settings.fusion.kind == "mean":
            shape = (project.clip.dimensions, project.windows.dimensions, project.windows.window_frames)
            fusion: WindowFusion = MeanFusion(*shape, settings.fusion.readout_frames)
            candidate = fusion
            said: dict[str, Any] = {"shipped": False, "reason": "the identity was asked for", "curve": []}
        else:
            trained = _train(project, told, progress)
            fusion, candidate, said = trained.fusion, trained.candidate, _training_report(trained)
        folder.mkdir()
        about = {"space": project.clip.space, "window_encoder": project.windows.fingerprint}
        save_fusion(folder / "fusion.safetensors", fusion, settings.fusion, **about)
        save_fusion(folder / "candidate.safetensors", candidate, settings.fusion, **about)
        (folder / "training.json").write_text(json.dumps(said, indent=1), encoding="utf-8")
        return folder, {"shipped": said["shipped"], "reason": said["reason"]}

    made_from = {
        "training": settings.model_dump(),
        "captions": told.write_ndjson(),
        "features": sorted(features["fingerprint"].drop_nulls().to_list()),
        "space": project.clip.space,
        "text_encoder": project.clip.fingerprint,
        "window_encoder": project.windows.fingerprint,
    }
    return project.store.remember_path("adapters", code=LEARNING, made_from=made_from, write=learn)


def _training_captions(
    project: Project, practice: Artifact, listed: Artifact, manifest: pl.DataFrame
) -> pl.DataFrame:
    """The captions of the clips to train on, with the ids of their videos; sorted."""
    told = captions(project, practice, "training")
    known = listed.read().filter(pl.col("set") == "training").select("video", "video_id", "context")
    usable = manifest.filter(pl.col("fingerprint").is_not_null()).select("video_id")
    told = told.join(known, on="video").join(usable, on="video_id", how="semi")
    if project.settings.training.footage == "normal":
        told = told.join(normal_of_training(project, practice, listed), on="video", how="semi")
    return told.sort("video", "start_s", "end_s", "caption")


def _train(project: Project, told: pl.DataFrame, progress: Progress | None) -> Trained:
    """One fusion, trained on the windows whose end lies within a captioned stretch."""
    frames, tokens, sentences, groups, clips = [], [], [], [], []
    for (video_id,), rows in told.group_by("video_id", maintain_order=True):
        features = load_features(project, str(video_id))
        ends = features.window_times_s
        for (start_s, end_s), stretch in rows.group_by("start_s", "end_s", maintain_order=True):
            # The frames that are read out all show what the words say; those before them may not.
            inside = (ends >= float(start_s) + _readout_s(project)) & (ends < float(end_s) + 1e-6)
            frames.append(features.window_frames[inside])
            tokens.append(features.tokens[inside])
            sentences += [tuple(stretch["caption"].to_list())] * int(inside.sum())
            groups += [f"{stretch['label'][0]}|{stretch['context'][0]}"] * int(inside.sum())
            clips += [str(video_id)] * int(inside.sum())
    if not sentences:
        raise TrainingCorpusError(
            "adapters: no captioned window to train on. Give footage.training a folder with captions.csv, "
            "or set training.fusion.kind to mean."
        )
    texts = sorted({text for some in sentences for text in some})
    vectors = dict(zip(texts, project.clip.encode_texts(texts), strict=True))
    return train_fusion(
        np.concatenate(frames),
        np.concatenate(tokens),
        [np.stack([vectors[text] for text in some]) for some in sentences],
        groups=groups,
        clips=clips,
        settings=project.settings.training.fusion,
        progress=progress,
        checkpoints=project.store.root / "adapters" / "unfinished",
    )


def _readout_s(project: Project) -> float:
    return project.settings.training.fusion.readout_frames / project.settings.sampling.sample_fps


def _training_report(trained: Trained) -> dict[str, Any]:
    return {
        "shipped": trained.shipped,
        "reason": trained.reason,
        "best_step": trained.best_step,
        "steps": trained.steps,
        "identity": asdict(trained.identity),
        "validation": asdict(trained.validation),
        "windows": {"training": len(trained.training_windows), "validation": len(trained.validation_windows)},
        "curve": [{"step": point.step, **point.metrics()} for point in trained.curve],
    }


def anomaly_scores(
    project: Project,
    listed: Artifact,
    manifest: Artifact,
    index: Artifact,
    learned: Artifact,
    *,
    which: str = "fusion",
) -> Artifact:
    """The scores of one shard's videos, every stream; columns as in `SCORES`. One recipe a video."""
    usable = manifest.read().filter(pl.col("fingerprint").is_not_null())
    contexts = _contexts_asked(project, listed)
    answers = _answers(index)
    judge: BankScorer | None = None

    def score(video_id: str) -> pl.DataFrame:
        nonlocal judge
        judge = judge or bank_scorer(project, index, learned, which)
        return scores_table(
            video_id, judge.score(load_features(project, video_id).evidence(), contexts[video_id])
        )

    parts = [
        project.store.remember(
            "video_scores",
            video_id,
            code=SCORING,
            made_from={
                "features": fingerprint,
                "context": contexts[video_id],
                "bank": answers.get(contexts[video_id], index.fingerprint),
                "fusion": file_digest(learned.path / f"{which}.safetensors"),
                "scoring": project.settings.scoring.model_dump(),
                "text_encoder": project.clip.fingerprint,
                "labels": list(project.windows.labels),
                "streams": [name for name in streams_of("traces") if STREAMS[name].start is not None],
            },
            make=partial(score, video_id),
        )
        for video_id, fingerprint in usable.select("video_id", "fingerprint").rows()
    ]
    scored = {part.key: part.fingerprint for part in parts}

    def join(path: Path) -> tuple[Path, dict[str, Any]]:
        path = path.with_suffix(".parquet")
        pl.concat([SCORES.to_frame(), *(part.read() for part in parts)]).write_parquet(path)
        return path, {"videos": scored}

    made_from = {"videos": scored}
    return project.store.remember_path(
        "anomaly_scores", manifest.key, code=SCORING, made_from=made_from, write=join
    )


def _contexts_asked(project: Project, listed: Artifact) -> dict[str, str | None]:
    """By video id: the context whose traces answer; None where all do."""
    by_context = project.settings.scoring.by_context
    rows = listed.read().select("video_id", "context").rows()
    return {video_id: context if by_context else None for video_id, context in rows}


def _answers(index: Artifact) -> dict[str | None, Any]:
    """By context: what a bank says there rests on. A search in one context is exact, and reads no other."""
    settings = json.loads((index.path / "bank.json").read_text(encoding="utf-8"))["settings"]
    return {name: [parts, settings] for name, parts in parts_in(index.path).items()}


def fingerprints_of(scores: Iterable[Artifact], videos: Iterable[str]) -> dict[str, str]:
    """Fingerprints of the scores of some videos, out of those of all shards."""
    known = {video: one for entry in scores for video, one in entry.facts["videos"].items()}
    return {video: known[video] for video in sorted(videos) if video in known}


def scores_table(video_id: str, tracks: Mapping[str, ScoreTrack]) -> pl.DataFrame:
    """The tracks of one video as rows of `SCORES`."""
    return pl.concat(
        [
            pl.DataFrame(
                {
                    "video_id": [video_id] * len(track),
                    "stream": [stream] * len(track),
                    "time_s": track.times_s,
                    "score": np.asarray(track.values, np.float32),
                    "causal": [track.causal] * len(track),
                },
                schema=SCORES,
            )
            for stream, track in tracks.items()
        ]
    )


def tracks_of(scores: pl.DataFrame) -> dict[str, dict[str, ScoreTrack]]:
    """Tracks by stream, then by video id, from rows of `SCORES`."""
    found: dict[str, dict[str, ScoreTrack]] = {}
    for (stream, video_id), rows in scores.group_by("stream", "video_id", maintain_order=True):
        track = ScoreTrack(
            rows["time_s"].to_numpy(),
            rows["score"].to_numpy(),
            stream=str(stream),
            causal=bool(rows["causal"][0]),
        )
        found.setdefault(str(stream), {})[str(video_id)] = track
    return found


def episode_rules(project: Project) -> EpisodeRules:
    """When a run of high scores is an episode, by the settings."""
    return EpisodeRules(min_gap_s=project.settings.calibration.min_gap_s)


def thresholds(project: Project, listed: Artifact, scores: list[Artifact]) -> Artifact:
    """Scales and thresholds from the calibration set, which holds normal footage only.

    Raises
    ------
    TooLittleFootageError
        If it is too short for the rate that the settings ask for.
    """
    durations = {one: duration_s for _, one, duration_s, _ in clocks_of(listed, "calibration")}
    ids = sorted(durations)

    def calibrate() -> dict[str, Any]:
        table = pl.concat([entry.read() for entry in scores]).filter(pl.col("video_id").is_in(ids))
        tracks = tracks_of(table.sort("video_id", maintain_order=True))
        scales = LateFusion.from_normal_tracks({name: list(by.values()) for name, by in tracks.items()})
        tracks[LATE] = {
            video_id: with_late(scales, {name: by[video_id] for name, by in tracks.items()})[LATE]
            for video_id in ids
        }
        found = {name: _threshold(project, by, durations) for name, by in tracks.items()}
        return {"scales": [asdict(scale) for scale in scales.scales], "thresholds": found}

    made_from = {
        "scores": fingerprints_of(scores, ids),
        "durations_s": durations,
        "settings": project.settings.calibration.model_dump(),
    }
    return project.store.remember("thresholds", code=CALIBRATING, made_from=made_from, make=calibrate)


def _threshold(
    project: Project, tracks: Mapping[str, ScoreTrack], durations_s: Mapping[str, float]
) -> dict[str, object]:
    settings = project.settings.calibration
    return calibrate_threshold(
        tracks,
        {video: durations_s[video] for video in tracks},
        false_alarms_per_hour=settings.false_alarms_per_hour,
        block_s=settings.block_s,
        rules=episode_rules(project),
    ).to_dict()


def alarms(project: Project, listed: Artifact, scores: Artifact, calibrated: Artifact) -> Artifact:
    """The episodes above the thresholds in one shard's videos, every stream; columns as in `EPISODES`."""
    durations = dict(listed.read().select("video_id", "duration_s").rows())

    def find() -> pl.DataFrame:
        calibration, sink = Calibration.load(calibrated), TableSink()
        for video_id, tracks in by_video(scores.read()).items():
            stage = EpisodeStage(video_id, calibration.thresholds, [sink])
            stage.push(with_late(calibration.scales, tracks))
            stage.close(durations[video_id])
        return sink.table()

    made_from = {
        "scores": scores.fingerprint,
        "thresholds": calibrated.fingerprint,
        "durations_s": {video: durations[video] for video in scores.facts["videos"]},
    }
    return project.store.remember("alarms", scores.key, code=CALIBRATING, made_from=made_from, make=find)


def by_video(scores: pl.DataFrame) -> dict[str, dict[str, ScoreTrack]]:
    """Tracks by video id, then by stream, from rows of `SCORES`."""
    found: dict[str, dict[str, ScoreTrack]] = {}
    for stream, tracks in tracks_of(scores).items():
        for video_id, track in tracks.items():
            found.setdefault(video_id, {})[stream] = track
    return found


DETECTING = digest([SEEING, SCORING, CALIBRATING, code_digest(["traces_core.detector.saved"])])
"""Everything that runs when a saved detector scores a video."""


def detector_card(project: Project) -> Artifact:
    """What the detector is that the graph made last, in words: its recipe tells it from every other.

    Returns
    -------
    Artifact
        JSON with `parts` (fingerprints by name), `settings`, and the encoders by reference: `space`,
        `window_encoder`.

    Raises
    ------
    MissingArtifactError
        If the graph has not made a part yet.
    """
    card = {
        "parts": {name: project.store.current(name).fingerprint for name in PARTS},
        "space": project.clip.space,
        "window_encoder": project.windows.fingerprint,
        "settings": project.settings.model_dump(mode="json", include=set(SECTIONS)),
    }
    return project.store.remember("detector_model", code=DETECTING, made_from=card, make=lambda: card)
