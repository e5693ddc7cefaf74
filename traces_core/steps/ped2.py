"""Steps on UCSD Ped2: trained on its normal training clips, measured on its test clips.

    TRACES_REAL_DATA ─┬─> carried motion of all clips (once) ────────────┐
                      └─> training clips ─> coder, expectation (a seed) ─┴─> scores of the test clips ─> rows

No label of a test clip is read before the scores are there. The coder is that of the practice benchmark
(`traces_core.predictive`) with the settings of the section `ped2`; the page is in `traces_core.report.ped2`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from traces_core.datasets import GroundTruth
from traces_core.datasets.masks import read_ucsd_intervals
from traces_core.digest import code_digest, digest, file_digest
from traces_core.errors import RealDataError
from traces_core.metrics import evaluate
from traces_core.predictive.building import build_coder
from traces_core.predictive.carried import CarriedMotion
from traces_core.predictive.clips import PixelVideos
from traces_core.predictive.coder import PredictiveCoder
from traces_core.predictive.expectation import MotionExpectation, speed_of
from traces_core.predictive.settings import Ped2Settings
from traces_core.predictive.surprise import window_scores
from traces_core.predictive.training import TrainingPoint, train_coder
from traces_core.predictive.watching import Watcher
from traces_core.report.ped2 import Moment
from traces_core.steps.real import VARIABLE
from traces_core.steps.workshop import Workshop
from traces_core.store import Artifact
from traces_core.types import ScoreTrack, Times
from traces_core.video import frame_at, read_frames

MOVING = code_digest([f"traces_core.predictive.{name}" for name in ("carried", "expectation", "flow")])
LEARNING = code_digest(["traces_core.predictive", "traces_core.encoders.motion", "traces_core.steps.ped2"])
JUDGING = code_digest(["traces_core.metrics", "traces_core.datasets"])

TITLE = "UCSD Ped2"
LABELS = "test_frame_labels.csv"
CHUNK = 32
"""Frames that are watched at once; changes memory, not the result."""


@dataclass(frozen=True)
class Ped2:
    """Where the clips lie, and what they are."""

    folder: Path
    """The folder `ucsd_ped2`."""
    training: Mapping[str, Path]
    """Normal clips by name."""
    test: Mapping[str, Path]
    """Test clips by name."""
    fingerprint: str
    """Of every clip, not of the labels."""

    def truth(self, lengths: Mapping[str, int]) -> GroundTruth:
        """The labels of the test clips, of which so many frames were scored."""
        return read_ucsd_intervals(self.folder / LABELS, lengths, data_set=TITLE)


def ped2_data() -> Ped2:
    """The data set that TRACES_REAL_DATA names.

    Raises
    ------
    RealDataError
        If it is not set, or its folder `ucsd_ped2` lacks clips or labels.
    """
    said = os.environ.get(VARIABLE, "")
    if not said:
        raise RealDataError(f"{VARIABLE} is not set", "Set it to the folder that holds ucsd_ped2/.")
    folder = Path(said).expanduser().resolve() / "ucsd_ped2"
    parts = ("train", "test")
    clips = {part: {path.stem: path for path in sorted((folder / part).glob("*.mp4"))} for part in parts}
    missing = [f"{part}/*.mp4" for part, paths in clips.items() if not paths]
    missing += [] if (folder / LABELS).is_file() else [LABELS]
    if missing:
        found = f"{VARIABLE} is {said}, and {folder} lacks {', '.join(missing)}"
        raise RealDataError(found, "Put the files there, or name the folder that has them.")
    every = {part: {name: file_digest(path) for name, path in paths.items()} for part, paths in clips.items()}
    return Ped2(folder, clips["train"], clips["test"], digest(every))


def read_luminance(path: Path, shrink: int) -> tuple[Tensor, Times]:
    """A clip's luminance from 0 to 1, float32 (F, H, W), `shrink` pixels a side averaged; and its times."""
    frames, times = [], []
    for batch in read_frames(path):
        grey = torch.from_numpy(batch.pixels[..., 1]).float()[:, None] / 255.0  # grey footage: any channel
        frames.append(F.avg_pool2d(grey, shrink)[:, 0])
        times.append(batch.times_s)
    return torch.cat(frames), np.concatenate(times)


def ped2_motion(shop: Workshop) -> Artifact:
    """Carried motion of every clip: float32 (F, G, G), pixels a frame, at the places of the coder.

    The facts `training_cpu_s` and `test_cpu_s` are the processor time it took, of all threads.
    """
    clips, settings = ped2_data(), shop.settings.ped2

    def move(path: Path) -> tuple[Path, Mapping[str, Any]]:
        found: dict[str, Tensor] = {}
        spent = dict.fromkeys(("training", "test"), 0.0)
        for part, paths in (("training", clips.training), ("test", clips.test)):
            began = time.process_time()
            for name, clip in paths.items():
                luminance, _ = read_luminance(clip, settings.shrink)
                carrier, grid = CarriedMotion(settings.newest_share), _grid(settings, luminance)
                found[name] = torch.cat([speed_of(carrier(p), grid) for p in torch.split(luminance, CHUNK)])
            spent[part] = time.process_time() - began
        path = path.with_suffix(".safetensors")
        save_file(found, path)
        return path, {f"{part}_cpu_s": round(seconds, 1) for part, seconds in spent.items()}

    return shop.shelf.remember_path(
        "ped2_motion",
        code=MOVING,
        made_from={"clips": clips.fingerprint, "settings": _what_moves(settings)},
        write=move,
    )


def ped2_predictor(
    shop: Workshop, motion: Artifact, seed: int, *, progress: Callable[[TrainingPoint], None] | None = None
) -> Artifact:
    """A coder trained on the normal clips, and what it expects of them: a folder.

    The fact `cpu_s` is the processor time that training took, of all threads, without the motion.
    """
    clips, settings = ped2_data(), _seeded(shop.settings.ped2, seed)

    def train(folder: Path) -> tuple[Path, Mapping[str, Any]]:
        folder.mkdir()
        began = time.process_time()
        luminances = {name: read_luminance(path, settings.shrink)[0] for name, path in clips.training.items()}
        videos = PixelVideos(
            [luminance[None] for luminance in luminances.values()],
            block_frames=settings.predictor.block_frames,
            crop=(settings.crop_rows, settings.crop_columns),
        )
        coder = build_coder(settings.predictor)
        trained = train_coder(coder, videos, settings.predictor, progress=progress)
        contexts = [watched(coder, luminance, settings) for luminance in luminances.values()]
        speeds = [torch.from_numpy(motion_of) for motion_of in _read(motion, luminances)]
        expectation = MotionExpectation.fit(contexts, speeds, share=settings.expected_share)
        save_file(coder.state_dict(), folder / "coder.safetensors")
        save_file(
            {
                "weights": expectation.weights,
                "bias": torch.tensor(expectation.bias),
                "scale": expectation.scale.contiguous(),
            },
            folder / "expectation.safetensors",
        )
        return folder, {
            "cpu_s": round(time.process_time() - began, 1),
            "best_step": trained.best_step,
            "curve": [asdict(point) for point in trained.curve],
        }

    return shop.shelf.remember_path(
        "ped2_predictor",
        str(seed),
        code=LEARNING,
        made_from={
            "clips": clips.fingerprint,
            "motion": motion.fingerprint,
            "settings": settings.model_dump(exclude={"seeds"}),
        },
        write=train,
    )


def ped2_scores(shop: Workshop, motion: Artifact, predictor: Artifact, seed: int) -> Artifact:
    """Surprise of the test clips: `<clip>/maps` (F, G, G), `<clip>/scores` (F,), `<clip>/times_s` (F,).

    The fact `frames_per_s` is the speed of the coder alone on this machine, `motion` not included.
    """
    clips, settings = ped2_data(), _seeded(shop.settings.ped2, seed)

    def score(folder: Path) -> tuple[Path, Mapping[str, Any]]:
        coder, expectation = load_predictor(predictor.path, settings)
        found, watched_s, frames = {}, 0.0, 0
        for name, path in clips.test.items():
            luminance, times_s = read_luminance(path, settings.shrink)
            began = time.perf_counter()
            context = watched(coder, luminance, settings)
            watched_s, frames = watched_s + time.perf_counter() - began, frames + len(times_s)
            (speed,) = _read(motion, [name])
            maps = expectation.maps(context, torch.from_numpy(speed))
            track = surprise_track(maps, times_s, settings)
            found[f"{name}/maps"] = maps.half()
            found[f"{name}/scores"] = torch.from_numpy(track.values.astype(np.float64))
            found[f"{name}/times_s"] = torch.from_numpy(times_s)
        path = folder.with_suffix(".safetensors")
        save_file(found, path)
        return path, {"frames_per_s": round(frames / watched_s, 1)}

    return shop.shelf.remember_path(
        "ped2_scores",
        str(seed),
        code=LEARNING,
        made_from={
            "motion": motion.fingerprint,
            "predictor": predictor.fingerprint,
            "settings": settings.model_dump(exclude={"seeds"}),
        },
        write=score,
    )


def load_predictor(folder: Path, settings: Ped2Settings) -> tuple[PredictiveCoder, MotionExpectation]:
    """What `ped2_predictor` kept."""
    coder = build_coder(settings.predictor)
    coder.load_state_dict(load_file(folder / "coder.safetensors"))
    kept = load_file(folder / "expectation.safetensors")
    expectation = MotionExpectation(
        kept["weights"], float(kept["bias"]), settings.expected_share, kept["scale"]
    )
    return coder.eval(), expectation


def watched(coder: PredictiveCoder, luminance: Tensor, settings: Ped2Settings) -> Tensor:
    """The context of every frame of a clip: float32 (F, K, G, G)."""
    watcher = Watcher(coder, block_frames=settings.predictor.block_frames)
    return torch.cat([watcher(part) for part in torch.split(luminance, CHUNK)])


def surprise_track(maps: Tensor, times_s: Times, settings: Ped2Settings) -> ScoreTrack:
    """The score of each frame: its most surprising places. Carried motion is a mean over time already."""
    scores = window_scores(maps.float(), settings.predictor.top_share).double().numpy()
    return ScoreTrack(times_s, scores, "surprise", causal=True)


def ped2_row(shop: Workshop, scores: Artifact, seed: int) -> dict[str, Any]:
    """Every number of one seed against the labels of the test clips."""
    kept = scores.read()
    tracks = {
        name: ScoreTrack(kept[f"{name}/times_s"], kept[f"{name}/scores"], "surprise", causal=True)
        for name in ped2_data().test
    }
    return {"seed": seed, **judged(shop, tracks)}


def judged(shop: Workshop, tracks: Mapping[str, ScoreTrack]) -> dict[str, Any]:
    """The row of scores of all test clips: the only place where their labels are read."""
    truth = ped2_data().truth({name: len(track) for name, track in tracks.items()})
    benchmark = shop.settings.benchmark
    rng = np.random.default_rng(benchmark.seed)
    return evaluate(tracks, truth, rng=rng, resamples=benchmark.bootstrap, is_stratified=False).to_dict()


def ped2_baselines(shop: Workshop, motion: Artifact) -> dict[str, dict[str, Any]]:
    """What costs nothing, by name: change between frames, and carried motion without any coder."""
    clips, settings = ped2_data(), shop.settings.ped2
    speeds = [torch.from_numpy(speed) for speed in _read(motion, clips.training)]
    alone = MotionExpectation.fit([torch.zeros_like(s)[:, None] for s in speeds], speeds, share=0.0)
    difference, carried = {}, {}
    for name, path in clips.test.items():
        luminance, times_s = read_luminance(path, settings.shrink)
        change = luminance.diff(dim=0, prepend=luminance[:1]).abs().mean(dim=(1, 2)).double().numpy()
        difference[name] = ScoreTrack(times_s, change, "frame_difference", causal=True)
        (speed,) = _read(motion, [name])
        maps = alone.maps(torch.zeros(len(speed), 1, *speed.shape[1:]), torch.from_numpy(speed))
        carried[name] = surprise_track(maps, times_s, settings)
    tracks = {"frame_difference": difference, "carried_motion_without_coder": carried}
    rows = {name: judged(shop, found) for name, found in tracks.items()}
    names = ("auc", "auc_low", "auc_high", "auc_macro", "average_precision")
    free = rows["frame_difference"].pop("baselines")
    return {name: {key: row.get(key) for key in names} for name, row in {**rows, **free}.items()}


def ped2_seed(shop: Workshop, seed: int) -> tuple[Artifact, Artifact]:
    """The predictor of a seed and its scores, made where they are missing."""
    motion = ped2_motion(shop)
    predictor = ped2_predictor(shop, motion, seed)
    return predictor, ped2_scores(shop, motion, predictor, seed)


def ped2_results(shop: Workshop) -> Artifact:
    """The numbers of all seeds together, as `reports/ped2.json` holds them."""
    motion = ped2_motion(shop)
    seeds = {seed: ped2_seed(shop, seed) for seed in shop.settings.ped2.seeds}

    def gather() -> dict[str, Any]:
        rows = [ped2_row(shop, scores, seed) for seed, (_, scores) in seeds.items()]
        cpu_s = motion.facts["training_cpu_s"] + sum(learned.facts["cpu_s"] for learned, _ in seeds.values())
        return {
            "auc": float(np.mean([row["auc"] for row in rows])),
            "auc_low": min(row["auc_low"] for row in rows),
            "auc_high": max(row["auc_high"] for row in rows),
            "auc_macro": float(np.mean([row["auc_macro"] for row in rows])),
            "average_precision": float(np.mean([row["average_precision"] for row in rows])),
            "train_minutes": cpu_s / 60,
            "motion_frames_per_cpu_s": rows[0]["frames"] / motion.facts["test_cpu_s"],
            "frames_per_s": min(scores.facts["frames_per_s"] for _, scores in seeds.values()),
            "seeds": list(seeds),
            "rows": rows,
            "baselines": ped2_baselines(shop, motion),
            "settings": shop.settings.ped2.model_dump(mode="json"),
            "causal": True,
        }

    return shop.shelf.remember(
        "ped2_results",
        code=digest([LEARNING, JUDGING]),
        made_from={
            "scores": {str(seed): scores.fingerprint for seed, (_, scores) in seeds.items()},
            "labels": file_digest(ped2_data().folder / LABELS),
            "benchmark": shop.settings.benchmark.model_dump(include={"bootstrap", "seed"}),
        },
        make=gather,
    )


def ped2_moments(shop: Workshop, seed: int) -> list[Moment]:
    """The most surprising moment of each test clip, by one seed."""
    kept = ped2_seed(shop, seed)[1].read()
    clips = ped2_data().test
    truth = ped2_data().truth({name: len(kept[f"{name}/scores"]) for name in clips})
    moments = []
    for name, path in clips.items():
        track = ScoreTrack(kept[f"{name}/times_s"], kept[f"{name}/scores"], "surprise", causal=True)
        at = int(np.argmax(track.values))
        shown, _ = frame_at(path, float(track.times_s[at]))
        surprise = kept[f"{name}/maps"][at].astype(np.float32)
        moments.append(Moment(name, shown, surprise, track, at, truth.intervals[name]))
    return moments


def _seeded(settings: Ped2Settings, seed: int) -> Ped2Settings:
    return settings.model_copy(update={"predictor": settings.predictor.model_copy(update={"seed": seed})})


def _what_moves(settings: Ped2Settings) -> dict[str, Any]:
    return settings.model_dump(include={"shrink", "newest_share"}) | {"encoder": settings.predictor.encoder}


def _grid(settings: Ped2Settings, luminance: Tensor) -> tuple[int, int]:
    """Rows and columns of the coder's places."""
    length = settings.predictor.block_frames
    with torch.inference_mode():
        blocks = luminance[:1].expand(length, -1, -1)[None, None, None]
        rows, columns = build_coder(settings.predictor).eval().embed(blocks).shape[-2:]
    return rows, columns


def _read(motion: Artifact, names: Iterable[str]) -> list[np.ndarray]:
    kept = motion.read()
    return [kept[name] for name in names]
