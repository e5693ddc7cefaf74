"""Patch grids of a video: each block holds its own frames, each place its own patch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from traces_core.context_aware.grids import PatchGrids, extract_grids
from traces_core.context_aware.views import Views
from traces_core.encoders.base import Pixels, WindowFeatures
from traces_core.encoders.features import Features
from traces_core.errors import CorruptArtifactError, VideoError
from traces_core.types import Array
from traces_core.video import read_frames

EDGE, LENGTH = 2, 3


class MeanColours:
    """A window encoder whose tokens are the mean colours of the quarters of a frame, and its brightness."""

    dimensions, window_frames, fingerprint, labels = 4, LENGTH, "drawn", ()

    def resize(self, pixels: Pixels) -> Pixels:
        return pixels

    def encode_windows(
        self, windows: Pixels, *, with_grid: bool = False, with_attention: bool = False
    ) -> WindowFeatures:
        count, frames, height, width, _ = windows.shape
        cut = windows[:, :, : height // 2 * 2, : width // 2 * 2].astype(np.float32) / 255
        quarters = cut.reshape(count, frames, EDGE, height // 2, EDGE, width // 2, 3).mean(axis=(3, 5))
        grid = np.concatenate([quarters, quarters.mean(axis=-1, keepdims=True)], axis=-1)
        return WindowFeatures(grid.mean(axis=(2, 3)), np.zeros((count, 0)), grid if with_grid else None)


@pytest.fixture(scope="module")
def grids(clips: dict, tmp_path_factory: pytest.TempPathFactory) -> tuple[PatchGrids, dict]:
    path = tmp_path_factory.mktemp("grids") / "grids.safetensors"
    facts = extract_grids(clips["cfr"].path, MeanColours(), path, sample_fps=10.0)
    return PatchGrids.load(path), facts


def slow_grids(path: Path) -> tuple[list[float], Array]:
    """Block by block, quarter by quarter; before the start the first frame stands in."""
    parts = list(read_frames(path, sample_fps=10.0))
    frames = np.concatenate([part.pixels for part in parts]).astype(float) / 255
    times = np.concatenate([part.times_s for part in parts])
    height, width = (side // 2 for side in frames.shape[1:3])
    stacked, ends = [], []
    for end in range(0, len(frames), LENGTH):
        block = [frames[max(0, end - back)] for back in range(LENGTH)]
        grid = np.zeros((4, EDGE, EDGE))
        for row in range(EDGE):
            for column in range(EDGE):
                place = [
                    one[row * height : (row + 1) * height, column * width : (column + 1) * width]
                    for one in block
                ]
                colour = np.mean([part.mean(axis=(0, 1)) for part in place], axis=0)
                grid[:, row, column] = [*colour, colour.mean()]
        stacked.append(grid)
        ends.append(float(times[end]))
    return ends, np.stack(stacked)


def test_a_block_holds_its_own_frames_and_a_place_its_own_patch(grids: tuple, clips: dict) -> None:
    ends, expected = slow_grids(clips["cfr"].path)
    extracted, facts = grids
    np.testing.assert_array_equal(extracted.times_s, ends)
    np.testing.assert_allclose(extracted.grids, expected, atol=2e-3)  # kept in half precision
    assert facts == {"blocks": len(ends), "broken": None}


def test_a_file_that_breaks_keeps_the_blocks_of_its_good_part(
    fights: dict[str, Path], tmp_path: Path
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    extract_grids(fights["whole"], MeanColours(), whole, sample_fps=4.0)
    facts = extract_grids(fights["cut"], MeanColours(), cut, sample_fps=4.0)
    good, all_of_it = PatchGrids.load(cut), PatchGrids.load(whole)
    assert facts["broken"] is not None
    assert 0 < len(good.times_s) < len(all_of_it.times_s)
    np.testing.assert_array_equal(good.grids, all_of_it.grids[: len(good.times_s)])


def test_a_file_without_a_frame_is_refused(broken: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(VideoError):
        extract_grids(broken["zero_frames"], MeanColours(), tmp_path / "none", sample_fps=4.0)


def test_a_file_that_is_no_patch_grids_is_refused(tmp_path: Path) -> None:
    (tmp_path / "odd.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(CorruptArtifactError, match="odd"):
        PatchGrids.load(tmp_path / "odd.safetensors")


def test_features_and_grids_are_put_in_step_by_their_times() -> None:
    rng = np.random.default_rng(0)
    times = np.arange(12) / 4
    features = Features(
        times,
        frames=rng.normal(size=(12, 5)).astype(np.float32),
        ends=np.array([0, 4, 8]),
        tokens=rng.normal(size=(3, 4, 6)).astype(np.float32),
        labels=np.zeros((3, 0), np.float32),
    )
    blocks = PatchGrids(times[[0, 3, 6, 9]], rng.normal(size=(4, 2, 1, 1)).astype(np.float32))
    views = Views.of(features.evidence(block_times_s=blocks.times_s, grids=blocks.grids), readout_frames=2)
    for row, frame in enumerate((0, 3, 6, 9)):
        mean = features.frames[[max(0, frame - 1), frame]].mean(axis=0)
        np.testing.assert_allclose(views.appearance[row], mean / np.linalg.norm(mean), atol=1e-6)
        window = max(w for w, end in enumerate((0, 4, 8)) if end <= frame)  # the last that has ended
        np.testing.assert_allclose(views.time[row], features.tokens[window, -2:].mean(axis=0), atol=1e-6)
    without = Views.of(features.evidence(), readout_frames=2)
    np.testing.assert_array_equal(without.times_s, features.window_times_s)
    assert without.grids is None
    assert without.channels == 0
