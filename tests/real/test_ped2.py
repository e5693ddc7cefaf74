"""UCSD Ped2 as it lies in the folder of real data, and the number that frame differences get on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from experiments.material import VARIABLE, RealDataError
from experiments.ped2 import results
from experiments.ped2.dataset import LABELS, ped2_data
from experiments.ped2.luminance import read_luminance
from traces_core.types import ScoreTrack
from traces_core.video import read_frames


@pytest.fixture(scope="module")
def luminances():
    return {name: read_luminance(path, 2) for name, path in ped2_data().test.items()}


def test_all_clips_and_labels_are_there(luminances) -> None:
    clips = ped2_data()
    assert (len(clips.training), len(clips.test)) == (16, 12)
    lengths = {name: len(times_s) for name, (_, times_s) in luminances.items()}
    assert sum(lengths.values()) == 2010
    truth = clips.truth(lengths)
    assert truth.anomalous_share * 2010 == pytest.approx(1648)


def test_frames_are_a_tenth_of_a_second_apart_and_half_as_large(luminances) -> None:
    for frames, times_s in luminances.values():
        assert frames.shape[1:] == (120, 180)
        assert 0.0 <= float(frames.min()) < float(frames.max()) <= 1.0
        assert np.allclose(np.diff(times_s), 0.1)


def test_frame_differences_get_the_known_number() -> None:
    """At full size, as where the number comes from; shrunk frames, as the benchmark has them, get more."""
    tracks = {}
    for name, path in ped2_data().test.items():
        frames, times_s = read_luminance(path, 1)
        change = frames.diff(dim=0, prepend=frames[:1]).abs().mean(dim=(1, 2)).double().numpy()
        tracks[name] = ScoreTrack(times_s, change, "frame_difference", causal=True)
    assert results.judged(tracks)["auc"] == pytest.approx(0.67, abs=0.03)


def test_the_fingerprint_of_the_clips_does_not_hang_on_the_labels(tmp_path: Path, monkeypatch) -> None:
    here = ped2_data()
    copy = tmp_path / "ucsd_ped2"
    for part, clips in here.parts.items():
        (copy / part).mkdir(parents=True)
        for name, path in clips.items():
            (copy / part / f"{name}.mp4").symlink_to(path)
    (copy / LABELS).write_text("video,first_frame,last_frame\n", encoding="utf-8")
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert ped2_data().fingerprint == here.fingerprint


def test_a_folder_without_clips_is_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(RealDataError, match=r"lacks train/\*\.mp4, test/\*\.mp4, test_frame_labels\.csv"):
        ped2_data()


def test_the_clips_are_grey_so_that_their_luminance_is_any_channel() -> None:
    clips = ped2_data()
    for path in (*list(clips.training.values())[:2], *list(clips.test.values())[:2]):
        green = torch.cat([torch.from_numpy(batch.pixels[..., 1]) for batch in read_frames(path)])
        assert torch.equal(read_luminance(path, 1)[0], green.float() / 255.0)
