"""Step of the adapters: the fusion of appearance and time, trained."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from safetensors.numpy import save_file

from traces_core.errors import TrainingCorpusError
from traces_core.fusion.saved import LABELS, save_fusion
from traces_core.fusion.training import Trained, train_fusion
from traces_core.fusion.window_fusion import MeanFusion, WindowFusion
from traces_core.project import Project
from traces_core.report import training_curves
from traces_core.steps.features import load_features
from traces_core.steps.footage import captions, joined, normal_of_training
from traces_core.store import Artifact
from traces_core.store.code import made_with
from traces_core.store.running import step

Progress = Callable[[int, Mapping[str, float]], None]


@step
def adapters(
    project: Project,
    practice_footage: Artifact,
    videos: Artifact,
    video_features: list[Artifact],
    *,
    progress: Progress | None = None,
) -> Artifact:
    """The fusion that ships: a folder with `fusion`, `candidate`, `labels` (safetensors) and `training.json`.

    Parameters
    ----------
    video_features
        The feature manifests of all shards.
    progress
        Called with (step, metrics) at every validation.
    """
    settings, manifest = project.settings.training, joined(video_features)
    training_captions = _training_captions(project, practice_footage, videos, manifest)
    features = manifest.filter(pl.col("video_id").is_in(training_captions["video_id"].unique().to_list()))

    def learn(folder: Path) -> tuple[Path, dict[str, Any]]:
        if settings.fusion.kind == "mean":
            shape = (project.clip.dimensions, project.windows.dimensions, project.windows.window_frames)
            fusion: WindowFusion = MeanFusion(*shape, settings.fusion.readout_frames)
            candidate = fusion
            training: dict[str, Any] = {"shipped": False, "reason": "the identity was asked for", "curve": []}
        else:
            trained = _train(project, training_captions, progress)
            fusion, candidate, training = trained.fusion, trained.candidate, _training_report(trained)
        folder.mkdir()
        about = {"space": project.clip.space, "window_encoder": project.windows.fingerprint}
        save_fusion(folder / "fusion.safetensors", fusion, settings.fusion, **about)
        save_fusion(folder / "candidate.safetensors", candidate, settings.fusion, **about)
        labels = project.clip.encode_texts(list(project.windows.labels))
        save_file({"labels": labels}, folder / LABELS)
        (folder / "training.json").write_text(json.dumps(training, indent=1), encoding="utf-8")
        return folder, {"shipped": training["shipped"], "reason": training["reason"]}

    made_from = {
        "training": settings.model_dump(),
        "captions": training_captions.write_ndjson(),
        "features": sorted(features["fingerprint"].drop_nulls().to_list()),
        "space": project.clip.space,
        "text_encoder": made_with(project.clip),
        "window_encoder": made_with(project.windows),
        "labels": list(project.windows.labels),
    }
    return project.store.remember_path("adapters", made_from=made_from, write=learn)


def _training_captions(
    project: Project, practice_footage: Artifact, videos: Artifact, manifest: pl.DataFrame
) -> pl.DataFrame:
    """The captions of the clips to train on, with the ids of their videos; sorted."""
    stretches = captions(project, practice_footage, "training")
    known = videos.read().filter(pl.col("set") == "training").select("video", "video_id", "context")
    usable = manifest.filter(pl.col("fingerprint").is_not_null()).select("video_id")
    stretches = stretches.join(known, on="video").join(usable, on="video_id", how="semi")
    if project.settings.training.footage == "normal":
        normal = normal_of_training(project, practice_footage, videos)
        stretches = stretches.join(normal, on="video", how="semi")
    return stretches.sort("video", "start_s", "end_s", "caption")


def _train(project: Project, stretches: pl.DataFrame, progress: Progress | None) -> Trained:
    """One fusion, trained on the windows whose end lies within a captioned stretch."""
    frames, tokens, sentences, groups, clips = [], [], [], [], []
    for (video_id,), rows in stretches.group_by("video_id", maintain_order=True):
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
        "curve": [{"step": point.step, **point.metrics} for point in trained.curve],
    }


def training_picture(training: dict[str, Any]) -> bytes:
    """The curves of a training: what it lost in training and in validation, as PNG."""
    later = training["curve"][1:]  # nothing was trained before step 0
    names = ("training_loss", "validation_info_nce")
    return training_curves(
        {name: [point[name] for point in later] for name in names}, steps=[point["step"] for point in later]
    )
