"""A slice of `make faults`: of everything that strangers, disks and processes do, a little."""

from __future__ import annotations

from pathlib import Path

import pytest
from faults import stores, tables, videos
from faults.outcomes import Tally, table
from small_graph import street_fight, write_lossless

from traces_core.project import Project


def test_mutants_of_videos_are_shown_or_refused_in_words(tmp_path: Path) -> None:
    _check([videos.mutants(tmp_path, 70)])


def test_mutants_of_tables_and_settings_are_read_or_refused_in_words(tmp_path: Path) -> None:
    _check(tables.mutants(tmp_path, 60))


def test_a_build_goes_on_after_a_disk_that_failed_or_a_kill() -> None:
    _check([*stores.failing_disk(every=7), stores.killed(every=11)])


@pytest.mark.usefixtures("at_home")
def test_a_video_of_any_name_is_scored(tmp_path: Path) -> None:
    _check([tables.names(tmp_path, write_lossless(tmp_path / "short.mkv", street_fight(32)[:1]), 20)])


@pytest.mark.usefixtures("at_home")
def test_who_works_at_once_loses_nothing_of_the_others(small_project: Project, tmp_path: Path) -> None:
    films = [write_lossless(tmp_path / f"{name}.mkv", street_fight(32)[:4]) for name in "ab"]
    _check([stores.together(tmp_path, small_project.machine.data.parent, films)])


def test_the_table_counts_what_must_not_happen() -> None:
    tally = Tally("raises")
    tally.attempt("once", lambda: "right")
    tally.attempt("twice", lambda: str(1 / 0))
    assert tally.bad == 1
    assert "ZeroDivisionError" in table([tally])


def test_a_lost_picture_is_seen() -> None:
    whole = videos.Watched([0.0, 1.0, 2.0, 3.0], [10.0, 40.0, 70.0, 100.0])
    assert videos.Watched([0.0, 1.0], [40.0, 10.0]).right(whole) == 1
    assert videos.Watched([0.0, 1.0, 2.0], [10.0, 70.0, 100.0]).right(whole) == 3


def _check(tallies: list[Tally]) -> None:
    assert sum(tally.counts.total() for tally in tallies) > 0
    assert not any(tally.bad for tally in tallies), f"\n{table(tallies)}"
