"""`traces probe`: what is seen of files, in words and as JSON; one that cannot be read stops no other."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from odd_clips import quarters, two_streams
from PIL import Image
from tiny_clips import HEIGHT, WIDTH, Clip
from typer.testing import CliRunner

from traces_core.commands import main as cli
from traces_core.errors import StorageError
from traces_core.video import frame_at, isolation


def _run(*words: object) -> Result:
    return CliRunner().invoke(cli.app, ["probe", *map(str, words)])


def test_the_json_says_of_each_file_what_is_seen(clips: dict[str, Clip], broken: dict[str, Path]) -> None:
    done = _run(clips["cfr"].path, broken["garbage"], clips["turned"].path, "--json")
    plain, garbage, turned = json.loads(done.stdout)
    assert done.exit_code == 1
    assert {
        "file": str(clips["cfr"].path),
        "readable": True,
        "reason": None,
        "width": WIDTH,
        "height": HEIGHT,
        "frames": 40,
        "first_s": 0.0,
        "last_s": pytest.approx(1.56),
        "lost": 0,
        "stream": 0,
        "streams": 1,
        "codec": "h264",
        "rate": "25",
        "orientation": "upright",
    }.items() <= plain.items()
    assert not garbage["readable"]
    assert garbage["reason"]
    assert (turned["width"], turned["height"]) == (HEIGHT, WIDTH)


def test_sound_files_end_with_status_zero_and_are_described_in_words(clips: dict[str, Clip]) -> None:
    done = _run(clips["cfr"].path, clips["ntsc"].path)
    assert done.exit_code == 0
    for word in ("64 x 48", "h264", "stream 0 of 1", "40, at 0.000 to 1.560 s", "30000/1001"):
        assert word in done.stdout


def test_a_file_that_ends_its_decoder_leaves_the_others_their_reports(
    clips: dict[str, Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "MEMORY_MIB", 1)
    monkeypatch.setattr(isolation, "_POOL", isolation._Pool())
    done = _run(clips["cfr"].path, clips["turned"].path, "--json")
    assert done.exit_code == 1
    assert ["the decoder ended" in report["reason"] for report in json.loads(done.stdout)] == [True, True]


def test_a_picture_that_cannot_be_written_is_said_before_anything_is_decoded(
    clips: dict[str, Clip], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    done = _run(clips["cfr"].path, "--picture", tmp_path / "file" / "first.png")
    assert isinstance(done.exception, StorageError)
    assert not done.stdout


def test_a_damaged_file_says_how_many_pictures_are_lost_and_why(
    clips: dict[str, Clip], tmp_path: Path
) -> None:
    path = clips["noisy_mkv"].copy(tmp_path, keep=0.5)
    done = _run(path, "--json")
    [report] = json.loads(done.stdout)
    assert done.exit_code == 0
    assert report["lost"] > 10
    assert "cut short" in report["lost_why"][0]
    assert "cut short" in _run(path).stdout


def test_the_first_picture_is_written_as_it_is_shown(clips: dict[str, Clip], tmp_path: Path) -> None:
    target = tmp_path / "first.png"
    assert _run(clips["turned"].path, "--picture", target).exit_code == 0
    written = np.asarray(Image.open(target))
    np.testing.assert_array_equal(written, frame_at(clips["turned"].path, 0)[0])
    assert quarters(written).index(max(quarters(written))) == 1  # the bright corner, turned clockwise
    assert _run(clips["cfr"].path, clips["turned"].path, "--picture", target).exit_code == 2


def test_another_stream_may_be_asked_for(tmp_path: Path) -> None:
    path = two_streams(tmp_path / "two.mkv", [(16, 16), (64, 48)])
    [chosen], [asked] = (json.loads(_run(path, "--json", *more).stdout) for more in ([], ["--stream", 0]))
    assert (chosen["stream"], chosen["width"]) == (1, 64)
    assert (asked["stream"], asked["width"]) == (0, 16)
    [none] = json.loads(_run(path, "--json", "--stream", 7).stdout)
    assert none["reason"].startswith("it has no video stream 7")
