"""The same of the footage side: whatever happens to videos, a setting and a sentence, nothing is mixed.

The real graph from videos to alarms, over clips of a second, by encoders that cost nothing.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from drawn_text_encoder import DrawnTextEncoder
from hypothesis import example, given
from hypothesis import strategies as st
from interleavings import Operation, Site, any_order, from_nothing, operations, play, swept
from small_graph import RATE, write_lossless

from pipelines import plan
from traces_core.encoders.base import Pixels, WindowFeatures
from traces_core.project import Project
from traces_core.types import Array

WINDOW_FRAMES, HEIGHT, WIDTH = 4, 32, 48
SENTENCES = {"as it was": "a man walks on the road", "reworded": "a man runs on the road"}
VIDEOS = ("one", "two")
RATES = (1200.0, 600.0)
LOOKS = ("dark", "bright", "gone")


class DrawnEyes(DrawnTextEncoder):
    """Sees how bright a picture is, and nothing else."""

    dimensions = 16

    def encode_images(self, pixels: Pixels) -> Array:
        return self.encode_texts([f"{frame.mean():.0f}" for frame in pixels])


class DrawnWindows:
    """A window encoder that sees as much."""

    fingerprint, dimensions, window_frames, labels = "drawn", 4, WINDOW_FRAMES, ("to walk", "to run")

    def resize(self, pixels: Pixels) -> Pixels:
        return pixels

    def encode_windows(self, windows: Pixels, **how: Any) -> WindowFeatures:
        bright = windows.reshape(len(windows), WINDOW_FRAMES, -1).mean(axis=2) / 255
        tokens = np.repeat(bright[..., None], self.dimensions, axis=2).astype(np.float32)
        chances = np.stack([bright[:, -1], 1 - bright[:, -1]], axis=1).astype(np.float32)
        return WindowFeatures(tokens, chances)


EYES, WINDOWS = DrawnEyes(), DrawnWindows()


class DrawnProject(Project):
    """A project with encoders that cost nothing."""

    @property
    def clip(self) -> DrawnEyes:  # type: ignore[override]
        return EYES

    @property
    def windows(self) -> DrawnWindows:  # type: ignore[override]
        return WINDOWS


class FootageSite(Site):
    """One context, one shard, a calibration video that stays, and two that people replace and delete."""

    PARTS = (
        ("trace_corpus", "street"),
        ("trace_embeddings", "street"),
        ("trace_index", ""),
        ("practice_footage", ""),
        ("videos", ""),
        ("video_features", "shard-00"),
        ("adapters", ""),
        ("anomaly_scores", "shard-00"),
        ("thresholds", ""),
        ("alarms", "shard-00"),
    )
    PROJECT = DrawnProject

    def draw(self) -> None:
        (self.folder / "catalog").mkdir()
        sets = {name: str(self.folder / name) for name in ("training", "calibration", "benchmark")}
        self.chosen = self.chosen or {
            "practice": dict.fromkeys(("training_clips", "training_videos", "benchmark_videos"), 0)
            | {"calibration_minutes": 0.0},
            "corpus": {"contexts": ["street"]},
            "sampling": {"sample_fps": 4.0, "hop_frames": 1},
            "timesformer": {"window_frames": WINDOW_FRAMES},
            "training": {"fusion": {"kind": "mean"}},
            "calibration": {"false_alarms_per_hour": RATES[0], "block_s": 1.0},
        }
        self.chosen["footage"] = {**sets, "shards": 1}
        for name in sets:
            (self.folder / name).mkdir()
        shutil.copy(_clip("dark", 64), self.folder / "calibration" / "long.mkv")
        self.edit("sentence", "as it was")
        for name in VIDEOS:
            self.edit(name, "dark")

    def edit(self, what: str, value: Any) -> None:
        """A sentence, the rate of false alarms, or a video."""
        if what == "rate":
            self.chosen["calibration"] = {"false_alarms_per_hour": value, "block_s": 1.0}
        elif what == "sentence":
            lines = ["context: street", "scene: a street", "normal:", f"  - {SENTENCES[value]}"]
            lines += [
                "  - a woman waits",
                "anomalous:",
                "  fight:",
                "    - a man fights",
                "    - a man falls",
            ]
            (self.folder / "catalog" / "street.yaml").write_text("\n".join(lines) + "\n")
        else:
            path = self.folder / "benchmark" / f"{what}.mkv"
            path.unlink(missing_ok=True)
            if value != "gone":
                shutil.copy(_clip(value, 8 if what == "one" else 6), path)


_clips: dict[tuple[str, int], Path] = {}


def _clip(look: str, frames: int) -> Path:
    return _clips[look, frames]


@pytest.fixture(autouse=True, scope="module")
def drawn_clips(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("clips")
    for look, base in (("dark", 20), ("bright", 180)):
        for frames in (6, 8, 64):
            pictures = [np.full((HEIGHT, WIDTH, 3), base + n, np.uint8) for n in range(frames)]
            _clips[look, frames] = write_lossless(folder / f"{look}-{frames}.mkv", pictures, RATE)
    yield
    _clips.clear()


@pytest.fixture(autouse=True)
def one_shard(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(plan, "partitions_of", lambda graph, key: FootageSite.partitions(key))
    yield
    swept()


_known: dict[tuple[str, str, str], str] = {}
"""Digest of scores by bank, adapters and video; of alarms by thresholds, scores and shard."""


def check_no_mixture(site: Site) -> None:
    """One bank gives one video one set of scores, whatever happened before, and these the same alarms."""
    store = site.project.store
    for key in store.keys("anomaly_scores"):
        scores = store.current("anomaly_scores", key)
        made_from = scores.lineage or {}
        for (video,), rows in scores.read().group_by("video_id", maintain_order=True):
            known = made_from["trace_index/all"], made_from["adapters/all"], str(video)
            assert _known.setdefault(known, _digest(rows)) == _digest(rows)
    for key in store.keys("alarms"):
        alarms = store.current("alarms", key)
        made_from = alarms.lineage or {}
        known = made_from["thresholds/all"], made_from[f"anomaly_scores/{key}"], key
        assert _known.setdefault(known, _digest(alarms.read())) == _digest(alarms.read())


def _digest(rows: pl.DataFrame) -> str:
    return hashlib.sha256(rows.write_ndjson().encode()).hexdigest()


EDITS = st.one_of(
    st.tuples(st.sampled_from(VIDEOS), st.sampled_from(LOOKS)),
    st.tuples(st.sampled_from(VIDEOS), st.sampled_from(LOOKS)),
    st.tuples(st.just("sentence"), st.sampled_from([*SENTENCES])),
    st.tuples(st.just("rate"), st.sampled_from(RATES)),
)


def _names(edited: Sequence[str], site: Site) -> tuple[str, ...]:
    files = [file for name in edited for file in sorted((site.folder / name).rglob("*")) if file.is_file()]
    return tuple(f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}" for file in files)


@any_order(25)
@given(operations(FootageSite, EDITS, most=5))
@example([("edit", ("one", "bright")), ("run", ("videos", "")), ("run", ("anomaly_scores", "shard-00"))])
@example(
    [("edit", ("sentence", "reworded")), ("converge",), ("edit", ("one", "gone")), ("run", ("videos", ""))]
)
def test_whatever_happens_to_footage_it_ends_as_a_build_from_nothing(happens: list[Operation]) -> None:
    edited = ("catalog", "training", "calibration", "benchmark")
    site = play(FootageSite(), happens, check_no_mixture)
    site.converge()
    expected = from_nothing(site, (_names(edited, site), str(site.chosen["calibration"])), edited)
    assert site.contents() == expected
    swept()
