"""Schedules by their ticks, with the settings of a real folder."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg
import pytest
import yaml

from pipelines.definitions import defs
from pipelines.schedules import SCHEDULES, observe_sources_nightly, regenerate_bank_weekly

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Site

MONDAY = datetime(2026, 11, 23, 2, tzinfo=UTC)


def _tick(schedule: dg.ScheduleDefinition, site: Site) -> tuple[list[dg.RunRequest], str]:
    with dg.build_schedule_context(
        instance=site.instance,
        scheduled_execution_time=MONDAY,
        repository_def=defs.get_repository_def(),
        resources=dict(defs.resources or {}),
    ) as context:  # left to the garbage collector, it would bring back an instance that has ended
        result = schedule.evaluate_tick(context)
    return list(result.run_requests or []), result.skip_message or ""


def _params(site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch, **corpus: object) -> None:
    params = yaml.safe_load((site.project.machine.data.parent / "params.yaml").read_text())
    params["corpus"] |= corpus
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    monkeypatch.setenv("TRACES_PARAMS", str(folder))


def test_both_schedules_run_from_the_start() -> None:
    assert {one.name: one.cron_schedule for one in SCHEDULES} == {
        "observe_sources_nightly": "0 3 * * *",
        "regenerate_bank_weekly": "0 2 * * 1",
    }
    assert {one.default_status for one in SCHEDULES} == {dg.DefaultScheduleStatus.RUNNING}


def test_every_night_the_sources_are_observed_once(site: Site) -> None:
    [request], _ = _tick(observe_sources_nightly, site)
    assert request.run_key == "2026-11-23"
    job = defs.resolve_job_def("observe_sources")
    done = job.execute_in_process(instance=site.instance)
    assert done.success
    seen = {event.asset_key.to_user_string() for event in done.get_asset_observation_events()}
    assert {"catalog", "settings/corpus", "settings/footage"} <= seen
    made = {event.asset_key.to_user_string() for event in done.get_asset_materialization_events()}
    assert made == {"videos", "annotations"}
    street = site.instance.fetch_observations(
        dg.AssetRecordsFilter(dg.AssetKey("catalog"), asset_partitions=["street"]), limit=1
    )
    assert street.records[0].asset_observation.data_version


def test_nothing_happens_by_the_clock_before_people_have_made_the_graph(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACES_DATA", str(tmp_path / "nothing"))
    nothing, message = _tick(observe_sources_nightly, site)
    assert nothing == []
    assert "launch the job `demo`" in message
    _params(site, tmp_path, monkeypatch, writer="openai")
    nothing, message = _tick(regenerate_bank_weekly, site)
    assert nothing == []
    assert "no bank to compare with" in message


def test_a_catalog_that_nobody_adds_to_has_no_seeds_to_draw(site: Site) -> None:
    nothing, message = _tick(regenerate_bank_weekly, site)
    assert nothing == []
    assert "corpus.writer is 'shipped'" in message


def test_each_week_draws_with_its_date(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _params(site, tmp_path, monkeypatch, writer="openai")
    [request], _ = _tick(regenerate_bank_weekly, site)
    assert request.run_key == "20261123"
    assert request.run_config["ops"]["try_new_bank"]["config"]["seed"] == 20261123
