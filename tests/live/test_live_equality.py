"""A file over RTSP is seen as the file is: the same frames, the same scores, the same episodes."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from small_graph import street_fight
from test_watch import START_S, camera, pushed, watched
from whole_episodes import find_episodes

from traces_core.detector.detector import Detector
from traces_core.errors import VideoError
from traces_core.live.ledger import Ledger
from traces_core.live.source import LiveFrames, live_frames
from traces_core.practice.rtsp_server import RtspServer
from traces_core.video import FrameBatch, read_frames


def h264(path: Path, b_frames: int) -> Path:
    """A fight of four seconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=8, options={"g": "8", "sc_threshold": "0"})
        stream.codec_context.max_b_frames = b_frames
        for number, picture in enumerate(street_fight(32)):
            if number == 0:
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 8)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def over_rtsp(path: Path, sample_fps: float) -> FrameBatch:
    """What a camera that shows the file once was sampled at, with times from `START_S`."""
    some: list[LiveFrames] = []
    with RtspServer({"gate": path}, loops=False) as server:
        messages = live_frames(server.address("gate"), sample_fps=sample_fps)
        with suppress(VideoError):  # a camera does not end
            some.extend(one for one in messages if isinstance(one, LiveFrames))
    return FrameBatch(
        np.concatenate([one.pixels for one in some]),
        np.concatenate([one.times_s for one in some]) + START_S,
    )


@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize("pieces", [[16], [1] * 16, [3, 1] * 4, [7, 2, 7]], ids=str)
def test_a_camera_that_shows_a_file_has_its_frames_its_scores_and_its_episodes(
    small_detector: Detector, tmp_path: Path, b_frames: int, pieces: list[int]
) -> None:
    path = h264(tmp_path / "fight.mp4", b_frames)
    scored = small_detector.score(path, "street")
    seen = over_rtsp(path, small_detector.project.settings.sampling.sample_fps)
    np.testing.assert_allclose(seen.times_s - START_S, scored.features.frame_times_s, atol=1e-4)
    [whole] = read_frames(path, sample_fps=small_detector.project.settings.sampling.sample_fps)
    np.testing.assert_array_equal(seen.pixels, whole.pixels)
    late = scored.tracks["late"]
    level = float(np.median(late.values))
    ledger = Ledger(tmp_path / "live")
    ledger.set_threshold("gate", "late", level, "so that there are some", START_S)
    watch = watched(small_detector, ledger, camera())
    tracks = pushed({"gate": watch}, {"gate": seen}, pieces)["gate"]
    for stream, track in scored.tracks.items():
        np.testing.assert_allclose(tracks[stream].times_s - START_S, track.times_s, atol=1e-4)
        np.testing.assert_allclose(tracks[stream].values, track.values, rtol=0, atol=1e-5)
    watch.lose_sight(START_S + scored.end_s)
    watch.stay_blind(START_S + 60)
    rules = small_detector.thresholds["late"].rules
    expected = find_episodes(late, level, rules, end_s=scored.end_s)
    alarms = sorted(ledger.alarms(), key=lambda one: one.start_s)
    found = [(one.start_s - START_S, one.end_s - START_S, one.peak_s - START_S) for one in alarms]
    assert expected
    np.testing.assert_allclose(found, [(one.start_s, one.end_s, one.peak_s) for one in expected], atol=1e-4)
