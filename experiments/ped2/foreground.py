"""Steps of the foreground on UCSD Ped2: learned from its normal training clips, its test clips scored.

    TRACES_REAL_DATA ─> training clips ─> what is normal (a seed) ─> scores of the test clips

No label is read here; see `traces_core.foreground` for what is learned, `results` for the numbers.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from experiments.ped2.dataset import ped2_data
from experiments.ped2.luminance import read_luminance
from experiments.ped2.settings import Ped2Settings
from traces_core.foreground.scene import Grey
from traces_core.foreground.surprise import ForegroundSurprise
from traces_core.project import Project
from traces_core.store import Artifact
from traces_core.store.running import step
from traces_core.types import Times


@step
def ped2_foreground(project: Project, settings: Ped2Settings, seed: int) -> Artifact:
    """What the normal clips say of their foreground. The fact `cpu_s` is processor time, of all threads."""
    clips, chosen = ped2_data(), settings.seeded(seed).foreground

    def learn(path: Path) -> tuple[Path, Mapping[str, Any]]:
        began = time.process_time()
        read = [_read(clip) for clip in clips.training.values()]
        videos = [video for video, _ in read]
        path = path.with_suffix(".safetensors")
        ForegroundSurprise.fit(videos, chosen, _rate([times_s for _, times_s in read])).save(path)
        return path, {"cpu_s": round(time.process_time() - began, 1)}

    return project.store.remember_path(
        "ped2_foreground",
        str(seed),
        made_from={"clips": clips.fingerprint, "settings": chosen.model_dump()},
        write=learn,
    )


@step
def ped2_foreground_scores(
    project: Project, settings: Ped2Settings, seed: int, ped2_foreground: Artifact
) -> Artifact:
    """Surprise of the test clips: `<clip>/maps`, `/evidence` (F, 4), `/scores` (F,), `/times_s` (F,).

    The fact `cpu_s` is the processor time of all threads.
    """
    clips, chosen = ped2_data(), settings.seeded(seed).foreground

    def score(path: Path) -> tuple[Path, Mapping[str, Any]]:
        normal = ForegroundSurprise.load(ped2_foreground.path, chosen)
        kept, began = {}, time.process_time()
        for name, clip in clips.test.items():
            video, times_s = _read(clip)
            evidence, maps = normal.judged(video, _rate([times_s]))
            kept[f"{name}/maps"] = torch.from_numpy(maps).half()
            kept[f"{name}/evidence"] = torch.from_numpy(evidence)
            kept[f"{name}/scores"] = torch.from_numpy(evidence.sum(axis=1))
            kept[f"{name}/times_s"] = torch.from_numpy(times_s)
        path = path.with_suffix(".safetensors")
        save_file(kept, path)
        return path, {"cpu_s": round(time.process_time() - began, 1)}

    return project.store.remember_path(
        "ped2_foreground_scores",
        str(seed),
        made_from={
            "clips": clips.fingerprint,
            "learned": ped2_foreground.fingerprint,
            "settings": chosen.model_dump(),
        },
        write=score,
    )


def _read(clip: Path) -> tuple[Grey, Times]:
    """A clip as it is, grey: uint8 (F, H, W); and its times in seconds."""
    luminance, times_s = read_luminance(clip, 1)
    grey: Grey = (luminance * 255).round().byte().numpy()
    return grey, times_s


def _rate(times_s: list[Times]) -> float:
    """Frames per second."""
    return round(1.0 / float(np.median(np.concatenate([np.diff(one) for one in times_s]))), 3)
