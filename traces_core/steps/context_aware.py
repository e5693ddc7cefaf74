"""Steps in which the Context-Aware system learns: the predictor alone, then all of it jointly.

    patch_grids ──> predictor ──> context_gate

Everything is learned from normal training footage. What is seen of it is in `grids`, what is said about
a video in `context_scores`.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from traces_core.bank.bank import Bank
from traces_core.context_aware.corpus import JointCorpus, NormalVideo
from traces_core.context_aware.saved import Blueprint, load_coder, save_coder, save_model
from traces_core.context_aware.scene import SceneReferences
from traces_core.context_aware.settings import predictor_alone
from traces_core.context_aware.training import JointlyTrained, train_jointly
from traces_core.context_aware.views import Views
from traces_core.detector.loading import block_encoder, is_predicting, origin, scene_encoder
from traces_core.fusion.training_loop import Progress
from traces_core.project import Project
from traces_core.steps import footage as footage_step
from traces_core.steps.footage import joined
from traces_core.steps.grids import load_grids, views_of
from traces_core.store import Artifact
from traces_core.store.code import made_with
from traces_core.store.digest import digest
from traces_core.store.running import code_of_running_step, step
from traces_core.types import Array, Times


@step
def predictor(
    project: Project,
    practice_footage: Artifact,
    videos: Artifact,
    patch_grids: list[Artifact],
    *,
    progress: Progress | None = None,
) -> Artifact:
    """The predictor, trained alone on normal footage: `coder.safetensors`, `training.json`.

    Parameters
    ----------
    patch_grids
        The grid manifests of all shards.
    progress
        Called with (step, metrics) at every validation.
    """
    settings = project.settings.predictor
    usable = joined(patch_grids).filter(pl.col("blocks") > 0).select("video_id", "fingerprint")
    normal = (
        footage_step.normal_of_training(project, practice_footage, videos)
        .join(usable, on="video_id")
        .sort("video")
    )
    made_from = {
        "predictor": settings.model_dump(),
        "grids": normal.select("video", "fingerprint").rows(),
        "block_encoder": made_with(block_encoder(project)),
    }

    def learn(folder: Path) -> tuple[Path, dict[str, Any]]:
        grids = {row["video"]: load_grids(project, row["video_id"]) for row in normal.iter_rows(named=True)}
        some = [
            NormalVideo(name, Views.of_grids(one), [None] * len(one.times_s)) for name, one in grids.items()
        ]
        corpus = JointCorpus(some, {}, settings.blocks)
        alone, channels = predictor_alone(settings), some[0].views.channels
        trained = train_jointly(
            Blueprint(alone, "none", settings, channels, 0, 0, 0).build().to(project.machine.device),
            corpus,
            alone,
            cpc_temperature=settings.temperature,
            progress=progress,
            checkpoint=_unfinished(project, "predictor", made_from),
        )
        folder.mkdir()
        save_coder(folder / "coder.safetensors", trained.candidate, settings, channels)
        report = _report(trained)
        (folder / "training.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
        return folder, {name: report[name]["prediction"] for name in ("begin", "validation")}

    return project.store.remember_path("predictor", made_from=made_from, write=learn)


def _unfinished(project: Project, name: str, made_from: dict[str, Any]) -> Path:
    """Where a training that is killed leaves its state: named after all it depends on."""
    return (
        project.store.root
        / name
        / "unfinished"
        / f"{digest([code_of_running_step(), made_from])}.safetensors"
    )


@step
def context_gate(
    project: Project,
    practice_footage: Artifact,
    videos: Artifact,
    video_features: list[Artifact],
    patch_grids: list[Artifact],
    predictor: Artifact,
    trace_index: Artifact,
    *,
    progress: Progress | None = None,
) -> Artifact:
    """The jointly trained model: `model.safetensors`, `candidate.safetensors`, `training.json`.

    Parameters
    ----------
    video_features, patch_grids
        The manifests of all shards; grids count only where something is predicted.
    predictor
        Where training begins, if anything is predicted.
    trace_index
        The bank: its normal side gives the captions where `joint.captions` is `nearest`.
    progress
        Called with (step, metrics) at every validation.
    """
    predicts = is_predicting(project)
    seen = (
        joined(video_features).filter(pl.col("fingerprint").is_not_null()).select("video_id", "fingerprint")
    )
    normal = (
        footage_step.normal_of_training(project, practice_footage, videos)
        .join(seen, on="video_id")
        .sort("video")
    )
    grids = joined(patch_grids)
    if predicts:
        normal = normal.join(grids.filter(pl.col("blocks") > 0).select("video_id"), on="video_id", how="semi")
    stretches = footage_step.captions(project, practice_footage, "training")
    stretches = stretches.join(normal, on="video", how="semi").sort("video", "start_s", "end_s", "caption")
    made_from = {
        **joint_recipe(project),
        "features": sorted(normal["fingerprint"].to_list()),
        "videos": normal.select("video", "video_id", "context").rows(),
        "grids": sorted(grids["fingerprint"].drop_nulls().to_list()) if predicts else None,
        "predictor": predictor.fingerprint if predicts else None,
        "captions": stretches.write_ndjson()
        if project.settings.joint.captions == "given"
        else trace_index.fingerprint,
    }

    def learn(folder: Path) -> tuple[Path, dict[str, Any]]:
        corpus, references = _joint_corpus(project, normal, stretches, trace_index)
        blueprint = _blueprint(project, corpus)
        model = blueprint.build().to(project.machine.device)
        if model.coder is not None and predicts:
            load_coder(predictor.path / "coder.safetensors", model)
        folder.mkdir()
        if model.head is None and project.settings.context_gate.kind == "none":
            candidate, report = (
                model,
                {"shipped": False, "reason": "nothing to train was asked for", "curve": []},
            )
        else:
            trained = train_jointly(
                model,
                corpus,
                project.settings.joint,
                cpc_temperature=project.settings.predictor.temperature,
                progress=progress,
                checkpoint=_unfinished(project, "context_gate", made_from),
            )
            model, candidate, report = trained.model, trained.candidate, _report(trained)
        for name, one in (("model", model), ("candidate", candidate)):
            save_model(folder / f"{name}.safetensors", one, blueprint, origin(project), references)
        (folder / "training.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
        return folder, {"shipped": report["shipped"], "reason": report["reason"]}

    return project.store.remember_path("context_gate", made_from=made_from, write=learn)


def joint_recipe(project: Project) -> dict[str, Any]:
    """What joint training depends on besides its footage."""
    return {
        "joint": project.settings.joint.model_dump(),
        "gate": project.settings.context_gate.kind,
        "predictor_settings": project.settings.predictor.model_dump() if is_predicting(project) else None,
        "readout_frames": project.settings.training.fusion.readout_frames,
        "origin": vars(origin(project)),
        "encoders": [made_with(one) for one in (project.clip, project.windows, scene_encoder(project))],
    }


def _blueprint(project: Project, corpus: JointCorpus) -> Blueprint:
    one = corpus.videos[0].views
    return Blueprint(
        joint=project.settings.joint,
        gate=project.settings.context_gate.kind,
        predictor=project.settings.predictor,
        grid_channels=one.channels,
        dimensions=one.appearance.shape[1],
        token_dimensions=one.time.shape[1],
        scene_dimensions=one.scenes.shape[1],
    )


def _joint_corpus(
    project: Project, videos: pl.DataFrame, stretches: pl.DataFrame, index: Artifact
) -> tuple[JointCorpus, SceneReferences]:
    """The normal videos with the event of each block, the captions by event, and the scenes by context."""
    normal: list[NormalVideo] = []
    scenes: dict[str, list[Array]] = {}
    captions: dict[str, Array] = {}
    bank = Bank.load(index.path) if project.settings.joint.captions == "nearest" else None
    by_video = {} if bank is not None else stretches.partition_by("video", as_dict=True)
    for row in videos.iter_rows(named=True):
        views = views_of(project, row["video_id"])
        if bank is None:
            own = by_video.get((row["video"],), stretches.clear())
            events = _events(views.times_s, own, row["context"], _readout_s(project))
        else:
            events, vectors = _nearest_normal(bank, views.appearance, row["context"])
            captions |= vectors
        scenes.setdefault(row["context"] or "", []).append(views.scenes[-1])
        normal.append(NormalVideo(row["video"], views, events))
    if bank is None:
        captions = _given_captions(project, stretches, videos)
    references = SceneReferences.from_scenes({name: np.stack(some) for name, some in scenes.items()})
    return JointCorpus(normal, captions, project.settings.predictor.blocks), references


def _readout_s(project: Project) -> float:
    return project.settings.training.fusion.readout_frames / project.settings.sampling.sample_fps


def _events(
    times_s: Times, stretches: pl.DataFrame, context: str | None, readout_s: float
) -> list[str | None]:
    """The event that each block shows: that of the stretch which covers all the frames read out."""
    events: list[str | None] = [None] * len(times_s)
    for row in stretches.unique(["start_s", "end_s"], maintain_order=True).iter_rows(named=True):
        inside = (times_s >= row["start_s"] + readout_s) & (times_s < row["end_s"] + 1e-6)
        for place in np.flatnonzero(inside):
            events[place] = f"{row['label']}|{context}"
    return events


def _given_captions(project: Project, stretches: pl.DataFrame, videos: pl.DataFrame) -> dict[str, Array]:
    """Text vectors of the captions of each event, each sentence once."""
    known = stretches.join(videos.select("video", "context"), on="video")
    texts: dict[str, set[str]] = {}
    for row in known.iter_rows(named=True):
        texts.setdefault(f"{row['label']}|{row['context']}", set()).add(row["caption"])
    sentences = sorted({text for some in texts.values() for text in some})
    vectors = dict(zip(sentences, project.clip.encode_texts(sentences), strict=True))
    return {event: np.stack([vectors[text] for text in sorted(some)]) for event, some in texts.items()}


def _nearest_normal(
    bank: Bank, appearance: Array, context: str | None
) -> tuple[list[str | None], dict[str, Array]]:
    """Pseudo-captions: the nearest normal trace of each block, and the vectors of those that came up."""
    asked = (context,) if context in bank.contexts else None
    nearest = bank.search(appearance, 1, "normal", asked).trace_ids[:, 0]
    ids, vectors = bank.trace_ids("normal", asked), bank.vectors("normal", asked)
    known = {str(one): vectors[place : place + 1] for place, one in enumerate(ids.tolist())}
    events: list[str | None] = [str(one) for one in nearest.tolist()]
    return events, {event: known[event] for event in set(events) if event is not None}


def _report(trained: JointlyTrained) -> dict[str, Any]:
    return {
        "shipped": trained.shipped,
        "reason": trained.reason,
        "best_step": trained.best_step,
        "steps": trained.steps,
        "begin": asdict(trained.begin),
        "validation": asdict(trained.validation),
        "videos": {name: len(some) for name, some in trained.videos.items()},
        "curve": [{"step": point.step, **point.metrics} for point in trained.curve],
    }
