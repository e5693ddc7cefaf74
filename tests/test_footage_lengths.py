"""The list of videos knows how long each is by its pictures; headers decide nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from odd_clips import copied
from small_graph import PARAMS
from tiny_clips import Clip

from traces_core.project import Project
from traces_core.settings import Machine, Settings
from traces_core.steps import footage
from traces_core.store import Store


def test_the_benchmarks_seconds_are_those_of_the_pictures(clips: dict[str, Clip], tmp_path: Path) -> None:
    sets = {name: tmp_path / name for name in footage.SETS}
    for folder in sets.values():
        folder.mkdir()
    sound, benchmark = clips["cfr"].path, sets["benchmark"]
    copied(sound, benchmark / "segment.mkv", label=lambda pts: pts + 3 * 90_000)
    (benchmark / "twice.ts").write_bytes(clips["ts"].path.read_bytes() * 2)
    (benchmark / "raw.h264").write_bytes(clips["raw"].path.read_bytes())
    (benchmark / "plain.mp4").write_bytes(sound.read_bytes())
    machine = Machine(data=tmp_path / "data", catalog=tmp_path, reports=tmp_path, device="cpu")
    places = {name: str(folder) for name, folder in sets.items()}
    params = {**PARAMS, "corpus": {"contexts": ["street"]}, "footage": places}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    project = Project(Store(machine.data), Settings.load(tmp_path, profile=""), machine)
    videos = footage.videos(project, footage.practice_footage(project))
    lengths_s = dict(videos.read().select("video", "duration_s").rows())
    assert lengths_s == {
        "plain.mp4": 1.6,
        "raw.h264": pytest.approx(1.6),
        "segment.mkv": pytest.approx(1.6, abs=0.002),
        "twice.ts": pytest.approx(3.2),
    }
    assert videos.read()["rate"].null_count() == 0
