"""Two minutes of the benchmark of live: four cameras run through, and nothing of the installation grows."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_graph import street_fight

from benchmarks.live import watched
from traces_core.project import Project
from traces_core.video import write_video

pytestmark = [pytest.mark.whole, pytest.mark.timeout(600)]


def test_four_cameras_for_two_minutes_leave_an_installation_as_it_was(
    small_project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed = ((picture, number / 8) for number, picture in enumerate(street_fight(96)))
    film = write_video(tmp_path / "fight.mp4", timed, rate=8)
    monkeypatch.setenv("TRACES_ROOT", str(small_project.machine.data.parent))
    monkeypatch.setenv("TRACES_DATA", str(small_project.store.root))
    about = watched([(film, "street")], 4, 2.0, 2.0, tmp_path)
    assert about["restarts"] == 0
    assert not [state for _, state in about["not_always_running"] if state not in ("behind", "running")]
    for what in ("processes", "threads", "files"):  # an alarm is cut, and the page asked, now and then
        before, after = about[what]
        assert all(after[kind] <= before[kind] + 2 for kind in ("engine", "decoder", "supervisor")), what
    assert all(growth < 0.1 for growth in about["growth"].values())
    assert about["scored_of_due"] > 0  # how much is for `make benchmark-live`, on a machine of its own
