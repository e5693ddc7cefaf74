"""Pictures are shown as their whole display matrix says, whoever states it, with square pixels."""

from __future__ import annotations

import gc
import io
from pathlib import Path

import av
import numpy as np
import pytest
from odd_clips import copied, lying
from PIL import Image
from tiny_clips import HEIGHT, WIDTH, Clip

from traces_core.video import frame_at, frames_at, probe
from traces_core.video.examination import examine
from traces_core.video.identity import content_id
from traces_core.video.isolation import in_process

MATRICES = {
    "mirrored left to right": ((-1, 0, 0, 1), np.fliplr),
    "mirrored top to bottom": ((1, 0, 0, -1), np.flipud),
    "turned by 180 degrees": ((-1, 0, 0, -1), lambda a: np.rot90(a, 2)),
    "turned by 90 degrees clockwise": ((0, 1, -1, 0), lambda a: np.rot90(a, -1)),
    "turned by 90 degrees counter-clockwise": ((0, -1, 1, 0), np.rot90),
    "mirrored left to right and turned by 90 degrees counter-clockwise": (
        (0, 1, 1, 0),
        lambda a: a.swapaxes(0, 1),
    ),
    "mirrored left to right and turned by 90 degrees clockwise": (
        (0, -1, -1, 0),
        lambda a: np.rot90(np.fliplr(a), -1),
    ),
}


@pytest.mark.parametrize("words", MATRICES)
def test_a_display_matrix_turns_and_mirrors(clips: dict[str, Clip], tmp_path: Path, words: str) -> None:
    matrix, moved = MATRICES[words]
    upright, _ = frame_at(clips["cfr"].path, 0)
    path = lying(clips["cfr"].path, tmp_path / "lying.mp4", matrix)
    pixels, _ = frame_at(path, 0)
    np.testing.assert_array_equal(pixels, moved(upright))
    assert examine(path)[0].orientation == words
    assert content_id(path) != content_id(clips["cfr"].path)


@pytest.mark.parametrize(("flip", "moved"), [("horizontal", np.fliplr), ("vertical", np.flipud)])
def test_a_message_in_the_stream_mirrors_as_a_container_does(
    clips: dict[str, Clip], tmp_path: Path, flip: str, moved: object
) -> None:
    upright, _ = frame_at(clips["cfr"].path, 0)
    bits = f"h264_metadata=display_orientation=insert:flip={flip}"
    path = copied(clips["cfr"].path, tmp_path / "message.mp4", filtered=bits)
    np.testing.assert_array_equal(frame_at(path, 0)[0], moved(upright))  # type: ignore[operator]


@pytest.mark.parametrize(("stated", "converted"), [(8, 2), (10, 9), (14, 2)])
def test_a_colour_matrix_that_cannot_be_converted_costs_no_picture(
    clips: dict[str, Clip], tmp_path: Path, stated: int, converted: int
) -> None:
    shown = [
        frame_at(
            copied(
                clips["cfr"].path,
                tmp_path / f"{matrix}.mp4",
                filtered=f"h264_metadata=matrix_coefficients={matrix}",
            ),
            0,
        )[0]
        for matrix in (stated, converted)
    ]
    np.testing.assert_array_equal(*shown)


@pytest.mark.parametrize(
    ("aspect", "shown"),
    [("2/1", (2 * WIDTH, HEIGHT)), ("1/2", (WIDTH, 2 * HEIGHT)), ("9/1", (WIDTH, HEIGHT))],
)
def test_pixels_that_are_not_square_are_shown_as_displayed_and_said(
    clips: dict[str, Clip], tmp_path: Path, aspect: str, shown: tuple[int, int]
) -> None:
    bits = f"h264_metadata=sample_aspect_ratio={aspect}"
    path = copied(clips["ts"].path, tmp_path / "wide.ts", filtered=bits)
    info, (report, _) = probe(path), examine(path)
    assert (info.width, info.height) == (report.width, report.height) == shown
    assert any("pixels" in note for note in report.forgiven)


def test_frames_for_a_page_have_no_more_pixels_than_asked_for(clips: dict[str, Clip]) -> None:
    for name in ("cfr", "turned"):
        whole = frames_at(clips[name].path, [0.0]).pixels
        small = frames_at(clips[name].path, [0.0, 0.4], most_pixels=HEIGHT * WIDTH // 4).pixels
        assert small.shape == (2, whole.shape[1] // 2, whole.shape[2] // 2, 3)


def test_a_picture_lives_no_longer_than_it_is_looked_at(clips: dict[str, Clip]) -> None:
    gc.collect()
    gc.disable()
    try:
        with in_process():
            frames_at(clips["cfr"].path, [0, 0.5, 1])
        assert not [one for one in gc.get_objects() if isinstance(one, av.VideoFrame)]
    finally:
        gc.enable()


@pytest.mark.parametrize(("turned", "size"), [(1, (160, 120)), (6, (120, 160))])
def test_pictures_with_notes_that_pyav_has_no_name_for_are_read(
    tmp_path: Path, turned: int, size: tuple[int, int]
) -> None:
    """Cameras write EXIF into each picture of Motion JPEG; FFmpeg 8.1 hands it over as side data."""
    exif, jpeg = Image.Exif(), io.BytesIO()
    exif[0x112], exif[0x10F] = turned, "a camera"
    Image.new("RGB", (160, 120), "blue").save(jpeg, "JPEG", exif=exif)
    path = tmp_path / "camera.mjpeg"
    path.write_bytes(jpeg.getvalue() * 5)
    report, picture = examine(path)
    assert (report.frames, report.lost, (report.width, report.height)) == (5, 0, size)
    assert picture is not None
    assert abs(picture.reshape(-1, 3).mean(0) - (0, 0, 255)).max() < 6
