"""Steps of dense predictive coding on UCSD Ped2: learned from normal training clips, test clips scored.

    TRACES_REAL_DATA ─┬─> carried motion of the clips (once) ────────────┐
                      └─> training clips ─> coder, expectation (a seed) ─┴─> scores of the test clips

No label is read here. The coder is that of the product
(`traces_core.context_aware.predictive`), of pixels. What the foreground says is in
`experiments.ped2.foreground`, the numbers in `experiments.ped2.results`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from experiments.ped2.coding.carried import AdvectedMotion, speed_of
from experiments.ped2.coding.clips import PixelVideos
from experiments.ped2.coding.encoder3d import build_coder
from experiments.ped2.coding.expectation import MotionExpectation
from experiments.ped2.coding.training import train_coder
from experiments.ped2.coding.watching import StreamingCoder
from experiments.ped2.dataset import ped2_data
from experiments.ped2.luminance import read_luminance
from experiments.ped2.settings import Ped2Settings
from traces_core.context_aware.predictive.coder import PredictiveCoder
from traces_core.context_aware.predictive.surprise import window_scores
from traces_core.fusion.training_loop import Progress
from traces_core.project import Project
from traces_core.store import Artifact
from traces_core.store.running import step
from traces_core.types import Array

SCALING = {"expected_share", "scale_quantile", "least_of_row", "least_of_all"}
"""Settings of motion that say what is surprising, given how fast things move."""
SHAPE = {"encoder", "channels", "block_frames"}
"""Settings of the predictor that say which blocks its coder reads, and at how many places."""
CHUNK = 32
"""Frames that are watched at once; changes memory, not the result."""


@step
def ped2_motion(project: Project, settings: Ped2Settings, part: str) -> Artifact:
    """Carried motion of the clips of a part (`train`, `test`): float32 (F, G, G), pixels a frame.

    The places are those of the coder. The fact `cpu_s` is the processor time it took, of all threads.
    """
    clips, motion = ped2_data(), settings.motion

    def move(path: Path) -> tuple[Path, Mapping[str, Any]]:
        began = time.process_time()
        speeds: dict[str, Tensor] = {}
        for name, clip in clips.parts[part].items():
            luminance, _ = read_luminance(clip, settings.shrink)
            carrier = AdvectedMotion(motion.newest_share, motion.least_weight)
            grid = _grid(settings, luminance)
            carried = (carrier(part) for part in torch.split(luminance, CHUNK))
            speeds[name] = torch.cat([speed_of(part, grid, motion.reach) for part in carried])
        path = path.with_suffix(".safetensors")
        save_file(speeds, path)
        return path, {"cpu_s": round(time.process_time() - began, 1)}

    return project.store.remember_path(
        "ped2_motion",
        part,
        made_from={
            "clips": clips.fingerprint,
            "shrink": settings.shrink,
            "motion": motion.model_dump(include={"newest_share", "least_weight", "reach"}),
            "coder": settings.predictor.model_dump(include=SHAPE),
        },
        write=move,
    )


@step
def ped2_predictor(
    project: Project,
    settings: Ped2Settings,
    seed: int,
    *,
    progress: Progress | None = None,
) -> Artifact:
    """The weights of a coder trained on the normal clips.

    The facts are its `curve`, its `best_step` and `cpu_s`, the processor time it took, of all threads.
    """
    clips, settings = ped2_data(), settings.seeded(seed)

    def train(path: Path) -> tuple[Path, Mapping[str, Any]]:
        began = time.process_time()
        videos = PixelVideos(
            [read_luminance(clip, settings.shrink)[0][None] for clip in clips.training.values()],
            block_frames=settings.predictor.block_frames,
            crop=(settings.crop_rows, settings.crop_columns),
        )
        trained = train_coder(build_coder(settings.predictor), videos, settings.predictor, progress=progress)
        path = path.with_suffix(".safetensors")
        save_file(trained.coder.state_dict(), path)
        return path, {
            "cpu_s": round(time.process_time() - began, 1),
            "best_step": trained.best_step,
            "curve": [{"step": point.step, **point.metrics} for point in trained.curve],
        }

    return project.store.remember_path(
        "ped2_predictor",
        str(seed),
        made_from={
            "clips": clips.fingerprint,
            "settings": settings.model_dump(include={"predictor", "shrink", "crop_rows", "crop_columns"}),
        },
        write=train,
    )


@step
def ped2_expectation(
    project: Project, settings: Ped2Settings, seed: int, ped2_predictor: Artifact, ped2_motion: Artifact
) -> Artifact:
    """What the coder of a seed expects of the normal clips: readout and scale.

    `ped2_motion` is that of the training clips. The fact `cpu_s` is processor time, of all threads.
    """
    clips, settings = ped2_data(), settings.seeded(seed)

    def fit(path: Path) -> tuple[Path, Mapping[str, Any]]:
        began = time.process_time()
        coder, speeds = _coder(ped2_predictor, settings), ped2_motion.read()
        names = list(clips.training)
        luminances = (read_luminance(clips.training[name], settings.shrink)[0] for name in names)
        contexts = [watched(coder, luminance, settings).half() for luminance in luminances]
        moved = [torch.from_numpy(speeds[name]) for name in names]
        fitted = MotionExpectation.fit(contexts, moved, settings.motion)
        kept = {"weights": fitted.weights, "bias": torch.tensor(fitted.bias), "scale": fitted.scale}
        path = path.with_suffix(".safetensors")
        save_file({name: value.contiguous() for name, value in kept.items()}, path)
        return path, {"cpu_s": round(time.process_time() - began, 1)}

    return project.store.remember_path(
        "ped2_expectation",
        str(seed),
        made_from={
            "clips": clips.fingerprint,
            "shrink": settings.shrink,
            "predictor": [ped2_predictor.fingerprint, settings.predictor.model_dump()],
            "motion": ped2_motion.fingerprint,
            "scaling": settings.motion.model_dump(include=SCALING),
        },
        write=fit,
    )


@step
def ped2_scores(
    project: Project,
    settings: Ped2Settings,
    seed: int,
    ped2_predictor: Artifact,
    ped2_expectation: Artifact,
    ped2_motion: Artifact,
) -> Artifact:
    """Surprise of the test clips: `<clip>/maps` (F, G, G), `<clip>/scores` (F,), `<clip>/times_s` (F,).

    `ped2_motion` is that of the test clips. The fact `cpu_s` is the processor time of the coder and the maps,
    motion not included.
    """
    clips, settings = ped2_data(), settings.seeded(seed)

    def score(path: Path) -> tuple[Path, Mapping[str, Any]]:
        coder, speeds = _coder(ped2_predictor, settings), ped2_motion.read()
        expected = _expected(ped2_expectation.read(), settings)
        kept, cpu_s = {}, 0.0
        for name, clip in clips.test.items():
            luminance, times_s = read_luminance(clip, settings.shrink)
            began = time.process_time()
            maps = expected.maps(watched(coder, luminance, settings), torch.from_numpy(speeds[name]))
            cpu_s += time.process_time() - began
            kept[f"{name}/maps"] = maps.half()
            kept[f"{name}/scores"] = window_scores(maps, settings.motion.top_share).double()
            kept[f"{name}/times_s"] = torch.from_numpy(times_s)
        path = path.with_suffix(".safetensors")
        save_file(kept, path)
        return path, {"cpu_s": round(cpu_s, 1)}

    return project.store.remember_path(
        "ped2_scores",
        str(seed),
        made_from={
            "clips": clips.fingerprint,
            "shrink": settings.shrink,
            "motion": ped2_motion.fingerprint,
            "predictor": [ped2_predictor.fingerprint, settings.predictor.model_dump()],
            "expectation": [ped2_expectation.fingerprint, settings.motion.expected_share],
            "top_share": settings.motion.top_share,
        },
        write=score,
    )


def _coder(predictor: Artifact, settings: Ped2Settings) -> PredictiveCoder:
    coder = build_coder(settings.predictor)
    coder.load_state_dict(load_file(predictor.path))
    return coder.eval()


def _expected(kept: Mapping[str, Array], settings: Ped2Settings) -> MotionExpectation:
    weights, scale = torch.from_numpy(kept["weights"]), torch.from_numpy(kept["scale"])
    return MotionExpectation(weights, float(kept["bias"]), settings.motion.expected_share, scale)


def watched(coder: PredictiveCoder, luminance: Tensor, settings: Ped2Settings) -> Tensor:
    """The context of every frame of a clip: float32 (F, K, G, G)."""
    streaming = StreamingCoder(coder, block_frames=settings.predictor.block_frames)
    return torch.cat([streaming(part) for part in torch.split(luminance, CHUNK)])


def _grid(settings: Ped2Settings, luminance: Tensor) -> tuple[int, int]:
    """Rows and columns of the coder's places."""
    length = settings.predictor.block_frames
    with torch.inference_mode():
        blocks = luminance[:1].expand(length, -1, -1)[None, None, None]
        rows, columns = build_coder(settings.predictor).eval().embed(blocks).shape[-2:]
    return rows, columns
