"""The caption writer: real videos, and a real server on 127.0.0.1 that misbehaves."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from threading import Barrier

import numpy as np
import polars as pl
import pytest
from misbehaving_server import Answer, Misbehaving, Request, misbehaving
from PIL import Image
from tiny_clips import Clip, number_of
from typer.testing import CliRunner

from traces_core.captions.provenance import read_provenance
from traces_core.captions.settings import CaptionSettings
from traces_core.captions.table import check_captions
from traces_core.captions.windows import windows_of
from traces_core.captions.writer import CaptionWriter, VisionModel, Written
from traces_core.commands import consoles
from traces_core.commands import main as cli
from traces_core.errors import BudgetSpentError, DamagedVideoError, VideoError, WriterUnavailableError
from traces_core.text.writers import Journal, Server

QUICK = {"backoff_s": 0.01, "retries": 2, "timeout_s": 5.0, "concurrency": 2}
CHOSEN = CaptionSettings(model="small-writer", window_s=0.5, frames=2, image_px=48, seed=7)


@pytest.fixture(autouse=True)
def _straight_to_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def pictures(request: Request) -> list[np.ndarray]:
    urls = [part["image_url"]["url"] for part in request.body["messages"][0]["content"][:-1]]
    assert all(url.startswith("data:image/jpeg;base64,") for url in urls)
    files = (base64.b64decode(url.split(",")[1]) for url in urls)
    return [np.asarray(Image.open(io.BytesIO(file))) for file in files]


def seen(request: Request) -> list[int]:
    """The numbers of the pictures that the model got."""
    return [number_of(picture) for picture in pictures(request)]


def good(request: Request) -> Answer:
    return Answer(f"Pictures {' and '.join(map(str, seen(request)))} are shown.\nNothing moves.")


def write(server: Misbehaving | str, folder: Path, *videos: Path, settings=CHOSEN, **patience) -> Written:
    url = server if isinstance(server, str) else server.url
    model = VisionModel(settings, Server(base_url=url, **{**QUICK, **patience}))
    return CaptionWriter(model, settings, Journal(folder / "replies")).write(videos)


def test_windows_hold_their_pictures_and_end_with_the_video(clips: dict[str, Clip]) -> None:
    windows = list(windows_of(clips["cfr"].path, 0.5, 2, 48))
    assert [(one.start_s, one.end_s) for one in windows] == [(0, 0.5), (0.5, 1), (1, 1.5), (1.5, 1.6)]
    numbers = [
        [number_of(np.asarray(Image.open(io.BytesIO(image)))) for image in one.images] for one in windows
    ]
    assert numbers == [[0, 7], [13, 19], [25, 32], [38]]


@pytest.mark.parametrize("name", ["ntsc", "vfr", "late", "mkv", "ts", "gif", "raw", "avi_mpeg4"])
def test_windows_of_any_file_follow_each_other_and_cover_its_frames(
    clips: dict[str, Clip], name: str
) -> None:
    windows = list(windows_of(clips[name].path, 0.5, 3, 48))
    times = clips[name].times_s
    assert all(one.end_s <= other.start_s for one, other in pairwise(windows))
    assert all(1 <= len(one.images) <= 3 and one.start_s < one.end_s for one in windows)
    assert windows[0].start_s == 0
    assert windows[-1].end_s >= times[-1] - 0.5 / 3


def test_each_window_is_asked_about_once_and_becomes_a_row(clips: dict[str, Clip], tmp_path: Path) -> None:
    with misbehaving(good) as server:
        written = write(server, tmp_path, clips["cfr"].path, clips["ntsc"].path)
    table = written.captions
    assert (written.broken, written.unanswered) == ({}, {})
    assert table["video"].unique(maintain_order=True).to_list() == [
        clips[name].path.as_posix() for name in ("cfr", "ntsc")
    ]
    assert table["caption"][0] == "Pictures 0 and 7 are shown. Nothing moves."
    assert table.filter(pl.col("video").str.contains("ntsc"))["fps"].unique().to_list() == ["30000/1001"]
    assert len(check_captions(table)) == len(table) == len(server.requests)
    body = server.requests[0].body
    assert {name: body[name] for name in ("model", "seed", "temperature", "max_tokens")} == {
        "model": "small-writer", "seed": 7, "temperature": 0.0, "max_tokens": 256,
    }  # fmt: skip
    assert "response_format" not in body
    assert "0.5 seconds" in body["messages"][0]["content"][-1]["text"]


def test_pictures_are_no_larger_than_was_said(clips: dict[str, Clip], tmp_path: Path) -> None:
    small = CHOSEN.model_copy(update={"image_px": 32})
    with misbehaving(good) as server:
        write(server, tmp_path, clips["cfr"].path, settings=small)
    assert {picture.shape for request in server.requests for picture in pictures(request)} == {(24, 32, 3)}


def test_a_second_run_asks_nothing_and_says_the_same(clips: dict[str, Clip], tmp_path: Path) -> None:
    with misbehaving(good) as server:
        first = write(server, tmp_path, clips["cfr"].path)
    again = write("http://127.0.0.1:9/v1", tmp_path, clips["cfr"].path)  # nobody is there
    assert again.captions.equals(first.captions)


def test_a_copy_of_a_video_is_described_in_the_same_words(clips: dict[str, Clip], tmp_path: Path) -> None:
    with misbehaving(good) as server:
        first = write(server, tmp_path, clips["cfr"].path)
        copy = write(server, tmp_path, clips["cfr"].copy(tmp_path))
    assert len(server.requests) == len(first.captions)
    assert copy.captions.drop("video").equals(first.captions.drop("video"))


def once(answer: Answer) -> Callable[[Request], Answer]:
    """Answer so the first two times, then well."""
    return lambda request: answer if request.number < 2 else good(request)


RECOVERED = [
    # what the server does first
    ("busy", Answer(status=429, headers={"retry-after": "0.01"})),
    ("broken", Answer(status=500)),
    ("blank", Answer("  \n")),
    ("thinking only", Answer("<think>A man? Or a dog?", finish="length")),
    ("an end of thoughts only", Answer("A man? Or a dog?</think>")),
    ("a refusal", Answer("I'm sorry, but I can't assist with that.")),
]


@pytest.mark.parametrize("answer", [case[1] for case in RECOVERED], ids=[case[0] for case in RECOVERED])
def test_what_goes_wrong_once_is_made_good(clips: dict[str, Clip], tmp_path: Path, answer: Answer) -> None:
    with misbehaving(once(answer)) as server:
        written = write(server, tmp_path, clips["cfr"].path)
    assert len(written.captions) == 4
    assert written.captions["caption"].str.starts_with("Pictures").all()
    assert written.unanswered == {}


def test_a_window_without_a_usable_reply_is_counted_and_the_others_are_kept(
    clips: dict[str, Clip], tmp_path: Path
) -> None:
    with misbehaving(lambda one: Answer("") if seen(one) == [38] else good(one)) as server:
        written = write(server, tmp_path, clips["cfr"].path)
    assert len(written.captions) == 3
    assert written.unanswered == {clips["cfr"].path.as_posix(): 1}
    assert sorted({request.body["seed"] for request in server.requests}) == [7, 8, 9]
    assert len(server.requests) == 6


def test_a_server_that_dies_leaves_what_it_said_and_the_next_run_asks_for_the_rest(
    clips: dict[str, Clip], tmp_path: Path
) -> None:
    with misbehaving(lambda one: good(one) if one.number < 2 else Answer(status=500)) as server:
        with pytest.raises(WriterUnavailableError, match=r"captions\.model 'small-writer': .*overloaded"):
            write(server, tmp_path, clips["cfr"].path, concurrency=1)
        before = len(server.requests)
        server.behaviour = good
        assert len(write(server, tmp_path, clips["cfr"].path).captions) == 4
        assert len(server.requests) - before == 2


def test_a_spent_budget_stops_cleanly(clips: dict[str, Clip], tmp_path: Path) -> None:
    with misbehaving(good) as server:
        with pytest.raises(BudgetSpentError, match="TRACES_WRITER_MAX_REQUESTS"):
            write(server, tmp_path, clips["cfr"].path, max_requests=3, concurrency=1)
        assert len(server.requests) == 3
        assert len(write(server, tmp_path, clips["cfr"].path).captions) == 4
        assert len(server.requests) == 4


def test_a_broken_video_is_named_and_the_others_are_described(
    clips: dict[str, Clip], broken: dict[str, Path], tmp_path: Path
) -> None:
    cut = clips["noisy_mkv"].copy(tmp_path, keep=0.5)
    with pytest.raises(DamagedVideoError):
        list(windows_of(cut, 0.5, 2, 48))
    with pytest.raises(VideoError):
        list(windows_of(broken["garbage"], 0.5, 2, 48))
    videos = (broken["garbage"], cut, broken["missing"], clips["cfr"].path)
    with misbehaving(good) as server:
        written = write(server, tmp_path, *videos)
    assert set(written.broken) == {path.as_posix() for path in videos[:3]}
    described = dict(written.captions.group_by("video").len().rows())
    assert described[clips["cfr"].path.as_posix()] == 4
    assert 1 <= described[cut.as_posix()] < 8
    again = write("http://127.0.0.1:9/v1", tmp_path, *videos)
    assert again.broken == written.broken
    assert again.captions.equals(written.captions)


@pytest.mark.parametrize("at_once", [1, 4])
def test_so_many_requests_are_under_way_at_once(clips: dict[str, Clip], tmp_path: Path, at_once: int) -> None:
    met = Barrier(at_once, timeout=5)  # nobody is answered before so many have asked
    with misbehaving(lambda request: good(request) if met.wait() >= 0 else Answer("")) as server:
        write(server, tmp_path, clips["cfr"].path, concurrency=at_once)
    assert server.most_at_once == at_once


def test_another_setting_is_another_question(clips: dict[str, Clip], tmp_path: Path) -> None:
    with misbehaving(good) as server:
        write(server, tmp_path, clips["cfr"].path)
        for change in ({"frames": 3}, {"image_px": 40}, {"temperature": 0.5}, {"model": "big-writer"}):
            before = len(server.requests)
            write(server, tmp_path, clips["cfr"].path, settings=CHOSEN.model_copy(update=change))
            assert len(server.requests) - before == 4


def test_without_a_model_or_an_address_nothing_is_asked(clips: dict[str, Clip], tmp_path: Path) -> None:
    with pytest.raises(WriterUnavailableError, match=r"no model is named.*--model"):
        VisionModel(CaptionSettings(), Server())
    with pytest.raises(WriterUnavailableError, match="OPENAI_BASE_URL is not set"):
        CaptionWriter(VisionModel(CHOSEN, Server()), CHOSEN, Journal(tmp_path)).write([clips["cfr"].path])


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for console in (consoles.out, consoles.err):
        monkeypatch.setattr(console, "_width", 400)
    monkeypatch.setenv("TRACES_WRITER_BACKOFF_S", "0.01")
    out = tmp_path / "captions.parquet"
    return lambda *words: CliRunner().invoke(
        cli.app, ["captions", "write", *map(str, words), "--out", str(out), "--model", "small-writer"]
    )


def test_the_command_goes_on_where_it_stopped_and_says_where_captions_come_from(
    run, clips: dict[str, Clip], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    videos = [clips["cfr"].path, clips["ntsc"].path]  # shorter than one window of the default length
    with misbehaving(good) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("TRACES_WRITER_MAX_REQUESTS", "1")
        stopped = run(*videos)
        monkeypatch.delenv("TRACES_WRITER_MAX_REQUESTS")
        done = run(*videos)
    assert stopped.exit_code == 1
    assert "captions.replies" in stopped.stderr
    assert done.exit_code == 0, done.output
    table = pl.read_parquet(tmp_path / "captions.parquet")
    assert len(table) == len(server.requests) == 2
    provenance = read_provenance(tmp_path / "captions.parquet")
    assert provenance["settings"]["model"] == "small-writer"
    assert provenance["prompt"]


def test_the_command_names_what_broke_and_describes_the_rest(
    run, clips: dict[str, Clip], broken: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with misbehaving(good) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        done = run(broken["garbage"], clips["cfr"].path)
    assert done.exit_code == 1
    assert str(broken["garbage"]) in done.stderr
    assert len(pl.read_parquet(tmp_path / "captions.parquet")) == 1


def test_the_command_without_a_server_says_what_to_set(
    run, clips: dict[str, Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    done = run(clips["cfr"].path)
    assert done.exit_code == 1
    assert "OPENAI_BASE_URL is not set" in done.stderr
