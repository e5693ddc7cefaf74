"""Features: what the encoders see in one file, in one pass, causally."""

from __future__ import annotations

import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_graph import street_fight

from traces_core.encoders.evidence import Evidence
from traces_core.encoders.features import Features, extract_features
from traces_core.errors import CorruptArtifactError, VideoError
from traces_core.project import Project
from traces_core.steps import features as steps
from traces_core.store import Store
from traces_core.video import Gap, window_frames_of, write_video
from traces_core.video.identity import content_id

HOP = 2


def _seen(project: Project, video: Path, folder: Path, **how: Any) -> tuple[Features, dict[str, Any]]:
    path = folder / f"{video.stem}.safetensors"
    asked = {"sample_fps": 4.0, "hop_frames": HOP, **how}
    facts = extract_features(video, project.clip, project.windows, path, **asked)
    return Features.load(path), facts


@pytest.fixture(scope="module")
def seen(
    small_project: Project, fights: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Features, dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("features")
    return {name: _seen(small_project, path, folder) for name, path in fights.items()}


def test_four_seconds_at_four_frames_a_second_are_sixteen_frames_and_a_window_every_hop(
    seen: dict[str, Any], small_project: Project
) -> None:
    features, facts = seen["whole"]
    width, clip = small_project.windows, small_project.clip
    assert features.frames.shape == (16, clip.dimensions)
    assert features.ends.tolist() == list(range(0, 16, HOP))
    assert features.tokens.shape == (8, width.window_frames, width.dimensions)
    assert features.labels.shape == (8, len(width.labels))
    assert (facts["frames"], facts["windows"], facts["broken"]) == (16, 8, None)


def test_times_rise_strictly_and_span_the_file(seen: dict[str, Any]) -> None:
    features, facts = seen["whole"]
    np.testing.assert_allclose(features.frame_times_s, np.arange(16) / 4, atol=1e-3)
    np.testing.assert_allclose(features.window_times_s, np.arange(8) / 2, atol=1e-3)
    assert (facts["start_s"], facts["end_s"]) == (features.frame_times_s[0], features.frame_times_s[-1])


def test_a_frame_has_the_vector_that_the_encoder_gives_its_picture(
    seen: dict[str, Any], small_project: Project
) -> None:
    direct = small_project.clip.encode_images(np.stack(street_fight(32)[::2]))
    cosines = (seen["whole"][0].frames * direct).sum(axis=1)
    assert cosines.min() > 0.999


def test_a_window_has_the_tokens_and_labels_that_the_encoder_gives_its_pictures(
    seen: dict[str, Any], small_project: Project
) -> None:
    features = seen["whole"][0]
    sampled = small_project.windows.resize(np.stack(street_fight(32)[::2]))
    chosen = [1, 6]
    window_frames = sampled[window_frames_of(features.ends[chosen], small_project.windows.window_frames)]
    direct = small_project.windows.encode_windows(window_frames)
    np.testing.assert_allclose(features.labels[chosen], direct.label_probabilities, atol=2e-3)
    lengths = np.linalg.norm(direct.tokens, axis=-1) * np.linalg.norm(features.tokens[chosen], axis=-1)
    assert ((features.tokens[chosen] * direct.tokens).sum(axis=-1) / lengths).min() > 0.999


def test_the_frames_of_a_window_are_those_up_to_its_end_and_the_first_stands_in_before_the_start(
    seen: dict[str, Any],
) -> None:
    features = seen["whole"][0]
    np.testing.assert_array_equal(features.window_frames[0], np.repeat(features.frames[:1], 8, axis=0))
    np.testing.assert_array_equal(features.window_frames[5], features.frames[3:11])


def test_what_comes_later_changes_no_feature_of_the_past(seen: dict[str, Any]) -> None:
    whole, half = seen["whole"][0], seen["half"][0]
    frames, windows = len(half.frames), len(half.ends)
    assert (frames, windows) == (8, 4)
    np.testing.assert_allclose(whole.frame_times_s[:frames], half.frame_times_s)
    np.testing.assert_allclose(whole.frames[:frames], half.frames, atol=2e-3)
    np.testing.assert_allclose(whole.labels[:windows], half.labels, atol=2e-3)
    np.testing.assert_allclose(whole.tokens[:windows], half.tokens, atol=2e-2)


def test_a_file_that_breaks_on_the_way_keeps_its_good_part_and_says_why(seen: dict[str, Any]) -> None:
    features, facts = seen["cut"]
    whole = seen["whole"][0]
    count = len(features.frames)
    assert 4 <= count < 16
    assert facts["frames"] == count
    assert "cut.mkv" in facts["broken"]
    np.testing.assert_allclose(features.frame_times_s, whole.frame_times_s[:count])
    np.testing.assert_allclose(features.frames, whole.frames[:count], atol=2e-3)


def test_one_picture_is_a_video_of_one_frame_and_one_window(seen: dict[str, Any]) -> None:
    features, facts = seen["one"]
    assert (facts["frames"], facts["windows"], facts["broken"]) == (1, 1, None)
    assert features.window_frames.shape[:2] == (1, 8)
    assert features.window_times_s.tolist() == [0.0]


def test_how_many_windows_pass_at_once_changes_nothing_else(
    seen: dict[str, Any], small_project: Project, fights: dict[str, Path], tmp_path: Path
) -> None:
    few, _ = _seen(small_project, fights["half"], tmp_path, window_batch=1)
    np.testing.assert_allclose(few.tokens, seen["half"][0].tokens, atol=2e-2)
    np.testing.assert_array_equal(few.ends, seen["half"][0].ends)


def test_progress_is_told_up_to_the_last_frame(
    small_project: Project, fights: dict[str, Path], tmp_path: Path
) -> None:
    times: list[float] = []
    features, _ = _seen(small_project, fights["one"], tmp_path, progress=times.append)
    assert times[-1] == features.frame_times_s[-1]
    assert times == sorted(times)


def test_a_file_without_a_single_frame_is_an_error_and_leaves_nothing(
    small_project: Project, tmp_path: Path
) -> None:
    garbage = tmp_path / "garbage.mp4"
    garbage.write_bytes(np.random.default_rng(0).bytes(5000))
    with pytest.raises(VideoError, match=r"garbage\.mp4"):
        _seen(small_project, garbage, tmp_path)
    assert list(tmp_path.iterdir()) == [garbage]


def test_features_that_are_cut_short_are_refused_by_name(
    tmp_path: Path, small_project: Project, fights: dict[str, Path]
) -> None:
    _seen(small_project, fights["one"], tmp_path)
    path = tmp_path / "one.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(CorruptArtifactError, match=r"one\.safetensors"):
        Features.load(path)


def test_a_file_that_is_replaced_while_it_is_read_is_not_kept_under_the_old_name(
    small_project: Project, fights: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list of videos names what was there before: what was seen may be of either."""
    path = shutil.copy(fights["one"], tmp_path / "video.mkv")

    def replaced(video: Path, *args: Any, **how: Any) -> dict[str, Any]:
        shutil.copy(fights["half"], video)
        return extract_features(video, *args, **how)

    monkeypatch.setattr(steps, "extract_features", replaced)
    project = replace(small_project, store=Store(tmp_path / "data"))
    with pytest.raises(VideoError, match="replaced while it was read"):
        steps.features_of(project, content_id(path), path)
    assert not project.store.keys("features")
    assert steps.features_of(project, content_id(path), path).facts["frames"] == 16 // 2


def test_no_window_reaches_across_a_gap_neither_when_written_nor_when_read(
    small_project: Project, seen: dict[str, Any], tmp_path: Path
) -> None:
    pictures = street_fight(32)
    times_s = [number / 8 + (1000 if number >= 16 else 0) for number in range(32)]
    path = write_video(tmp_path / "gap.mkv", zip(pictures, times_s, strict=True), rate=Fraction(8), crf=0)
    features, facts = _seen(small_project, path, tmp_path)
    assert facts["length_s"] == pytest.approx(1004.0)
    [[start_s, end_s]] = features.gaps_s.tolist()
    assert (start_s, end_s) == (pytest.approx(2.0, abs=1e-3), pytest.approx(1002.0, abs=1e-3))
    again, width = int(np.searchsorted(features.window_times_s, end_s)), small_project.windows.window_frames
    first = np.repeat(features.frames[8:9], width, axis=0)
    np.testing.assert_array_equal(features.window_frames[again], first)
    np.testing.assert_allclose(features.window_times_s[again:] - end_s, np.arange(4) / 2, atol=2e-3)
    assert [type(piece) for piece in features.pieces()] == [Evidence, Gap, Evidence]
    [whole] = seen["whole"][0].pieces()
    assert isinstance(whole, Evidence)
