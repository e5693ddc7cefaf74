"""Names of videos: one rule, no guessing."""

from __future__ import annotations

import pytest

from traces_core.datasets import VideoNames, bare_name
from traces_core.errors import EvaluationError

XD = "The.Fast.and.the.Furious.2001__#00-29-00_00-29-52_label_B2-G-0"


@pytest.mark.parametrize(
    ("known", "written"),
    [
        ("Abuse028_x264", "Abuse028_x264"),
        ("Abuse028_x264", "Abuse028_x264.mp4"),
        ("Abuse028_x264", "Abuse/Abuse028_x264.MP4"),
        ("Abuse028_x264", "Abuse028"),
        ("Abuse028_x264.mp4", "Abuse028"),
        ("Abuse028", "frames\\Abuse028_x264.mp4"),
        (XD, f"{XD}.mp4"),  # the dots are no extension
        ("v=aWPWHU8x6kE__#1_label_B4-0-0", "videos/v=aWPWHU8x6kE__#1_label_B4-0-0.mp4"),
        ("Test001", "Test001"),
    ],
)
def test_a_video_is_found_with_or_without_folder_extension_and_x264(known, written):
    assert VideoNames([known, "another"]).find(written, where="here") == known


def test_a_dot_in_a_name_is_kept():
    assert bare_name("Ip.Man.3.2015") == "Ip.Man.3.2015"
    assert bare_name(f"a/{XD}.avi") == XD


def test_a_whole_name_wins_over_what_else_it_could_mean():
    names = VideoNames(["a/1.mp4", "b/1.mp4", "1.mp4"])
    assert names.find("a/1.mp4", where="here") == "a/1.mp4"
    assert names.find("1.mp4", where="here") == "1.mp4"


@pytest.mark.parametrize("known", [["a/1.mp4", "b/1.mp4"], ["1_x264.mp4", "1_x264.avi"]])
def test_a_name_that_could_mean_two_videos_is_refused(known):
    with pytest.raises(EvaluationError, match=r"here: '1' could be any of .* whole name"):
        VideoNames(known).find("1", where="here", error=EvaluationError)


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(EvaluationError, match="there is no video 'Abuse29' among the 1 known; did you mean"):
        VideoNames(["Abuse028"]).find("Abuse29", where="here", error=EvaluationError)
