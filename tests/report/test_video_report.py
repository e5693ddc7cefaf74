from __future__ import annotations

import base64
import io
import os
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from drawn_reports import make_moment, make_track, make_video_report
from html_reading import Page
from PIL import Image

from traces_core.report import VideoReport, write_video_report
from traces_core.types import Episode, Interval, ScoreTrack


def write(folder: Path, report: VideoReport) -> Page:
    return Page(write_video_report(folder / "report.html", report))


def test_a_report_asks_nothing_of_the_network_and_runs_no_script(tmp_path: Path) -> None:
    page = write(tmp_path, make_video_report())
    assert all(address.startswith(("data:", "#")) for address in page.addresses())
    assert not page.named("script")
    assert "http://" not in page.source
    assert "https://" not in page.source
    assert "url(" not in page.source.replace("url(#over-", "")
    assert "@import" not in page.source


def test_every_link_inside_the_page_leads_somewhere(tmp_path: Path) -> None:
    page = write(tmp_path, make_video_report(moments=[make_moment(), make_moment(time_s=3.0)]))
    targets = {attributes.get("id") for _, attributes in page.tags}
    links = [address[1:] for address in page.addresses() if address.startswith("#")]
    assert links == ["moment-1", "moment-2"]
    assert set(links) <= targets


def test_a_hostile_name_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>\"' onload=x [/y]\x1b[2J\u202e\udcff.mp4"
    report = make_video_report(
        title=hostile,
        video=hostile,
        context=hostile,
        tracks={hostile: make_track(hostile)},
        thresholds={hostile: 0.2},
        episodes={hostile: [Episode(10.0, 13.0, 12.0, 0.4)]},
        truth=[Interval(1.0, 2.0, hostile)],
        moments=[
            make_moment(stream=hostile, anomalous=[(hostile, 0.4, hostile)], normal=[(hostile, 0.2, "")])
        ],
        provenance={hostile: hostile},
        notices=[hostile],
    )
    page = write(tmp_path, report)
    assert not page.named("script")
    assert not any("onload" in attributes for _, attributes in page.tags)
    assert page.text.count("<script>alert(1)</script>") >= 10
    assert "[/y]\\x1b[2J\\u202e\\xff.mp4" in page.text
    assert not {"\x1b", "\u202e"} & set(page.source)


def test_the_page_names_times_scores_episodes_and_events_in_words(tmp_path: Path) -> None:
    text = write(tmp_path, make_video_report()).text
    assert "highest 0.450 at 0:12.0, threshold 0.200, 1 episode, 2.8 s in all" in text
    assert "0:10.8 0:13.5 2.8 s 0:12.0 0.410 fight" in text
    assert "Not touched by any episode of fused: bag snatched 0:17.0–0:18.0." in text
    assert "two people are fighting" in text
    assert "Read this first." in text
    assert "open_clip:pocket:1a2b3c4d" in text


def test_an_offline_stream_comes_last_and_says_that_it_sees_the_future(tmp_path: Path) -> None:
    tracks = {"late offline": make_track(causal=False), "fused": make_track()}
    text = write(tmp_path, make_video_report(tracks=tracks)).text
    assert text.index("fused causal") < text.index("late offline offline: sees the future")


def test_a_video_nobody_annotated_claims_nothing_about_events(tmp_path: Path) -> None:
    page = write(tmp_path, make_video_report(truth=None))
    assert "not annotated" in page.text
    assert "nothing annotated" not in page.text
    assert not [a for a in page.named("rect") if a.get("class") == "band"]


def test_an_episode_in_an_annotated_video_without_events_is_named_a_false_one(tmp_path: Path) -> None:
    text = write(tmp_path, make_video_report(truth=[])).text
    assert "no events" in text
    assert "nothing annotated" in text


def test_a_video_without_episodes_says_so(tmp_path: Path) -> None:
    text = write(tmp_path, make_video_report(episodes={})).text
    assert "No episodes in fused." in text
    assert "No score rose above its threshold." in text


def test_a_video_without_thresholds_has_curves_and_no_episodes_section(tmp_path: Path) -> None:
    page = write(tmp_path, make_video_report(thresholds={}, episodes={}))
    assert "Scored without a threshold" in page.text
    assert "Episodes" not in page.text
    assert len([a for a in page.named("path") if a.get("class") == "curve"]) == 2


@pytest.mark.parametrize(
    "track",
    [
        ScoreTrack(np.zeros(0), np.zeros(0, np.float32)),  # a video shorter than one window
        ScoreTrack(np.array([0.5]), np.array([0.25])),  # one score
        ScoreTrack(np.arange(9.0), np.zeros(9)),  # always the same score
        ScoreTrack(np.array([5.0, 70.0]), np.array([-1e6, 1e6])),  # scores beyond the stated duration
    ],
)
def test_an_odd_track_still_gives_a_page(tmp_path: Path, track: ScoreTrack) -> None:
    page = write(tmp_path, make_video_report(tracks={"fused": track}, moments=[]))
    assert "nan" not in "".join(a["d"] or "" for a in page.named("path"))
    assert "What it saw" not in page.text


def test_a_video_nobody_scored_still_gives_a_page(tmp_path: Path) -> None:
    report = VideoReport("Empty", "a.mp4", "street", 0.0, {})
    text = write(tmp_path, report).text
    assert "No stream was scored." in text
    assert "do not quote them" in text


def test_the_same_report_gives_the_same_bytes(tmp_path: Path) -> None:
    first = write_video_report(tmp_path / "a.html", make_video_report()).read_bytes()
    assert write_video_report(tmp_path / "b.html", make_video_report()).read_bytes() == first
    other = make_video_report(thresholds={"fused": 0.3})
    assert write_video_report(tmp_path / "c.html", other).read_bytes() != first


def test_a_report_that_fails_leaves_the_old_one_whole_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video_report(tmp_path / "new folder" / "report.html", make_video_report())
    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", Mock(side_effect=OSError("full")))
    with pytest.raises(OSError, match="full"):
        write_video_report(path, make_video_report())
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


def test_the_frame_in_the_page_is_the_frame_of_the_moment(tmp_path: Path) -> None:
    moment = make_moment()
    page = write(tmp_path, make_video_report(moments=[moment]))
    picture, overlay = (a["src"] or "" for a in page.named("img"))
    drawn = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture.split(",")[1]))))
    assert drawn.shape == moment.frame.shape
    assert np.abs(drawn.astype(int) - moment.frame.astype(int)).mean() < 8
    assert Image.open(io.BytesIO(base64.b64decode(overlay.split(",")[1]))).mode == "RGBA"


def test_a_large_frame_is_made_small_and_keeps_its_shape(tmp_path: Path) -> None:
    moment = make_moment(frame=np.full((1080, 1920, 3), 90, np.uint8), attention=None)
    page = write(tmp_path, make_video_report(moments=[moment]))
    drawn = Image.open(io.BytesIO(base64.b64decode((page.named("img")[0]["src"] or "").split(",")[1])))
    assert drawn.size == (480, 270)
    assert "Show where the model looked" not in page.text


def test_every_picture_says_what_it_shows_and_every_heading_cell_its_scope(tmp_path: Path) -> None:
    page = write(tmp_path, make_video_report())
    assert all(a.get("alt") for a in page.named("img"))
    assert all(a.get("aria-label") for a in page.named("svg"))
    assert all(a.get("scope") for a in page.named("th"))
    assert page.named("html") == [{"lang": "en"}]
