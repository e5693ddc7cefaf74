"""What the plan asks for, and when: a real small graph, a real instance, the conditions tick by tick."""

from __future__ import annotations

import itertools
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
import yaml
from dagster._core.utils import make_new_run_id

from pipelines.automation import LOOK_EVERY
from pipelines.declared import Part
from pipelines.definitions import defs
from pipelines.plan import Plan, Run, look
from pipelines.resources import ProjectResource
from pipelines.walk import PROCESS, GraphError, begin, walk, walker
from traces_core.store import kept
from traces_core.store.code import PACKAGES
from traces_core.store.kept import known

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Site

GRAPH = defs.resolve_asset_graph()
BANK = "+key:trace_index"
SCORES = "+key:alarms"


def _walk(site: Site, selection: str) -> list[str]:
    """The runs that a walk of a selection takes, by their names."""
    runs: list[str] = []
    walk(selection, instance=site.instance, tell=lambda run, done, of: runs.append(str(run)))
    return runs


def _reword(site: Site, context: str = "street") -> None:
    file = site.catalog / f"{context}.yaml"
    sentence = yaml.safe_load(file.read_text())["normal"][0]
    file.write_text(file.read_text().replace(sentence, sentence + " slowly", 1))


_clock = itertools.count(start=time.time(), step=LOOK_EVERY.total_seconds())


def _tick(site: Site, cursor: Any = None, *, after_s: float | None = None) -> tuple[set[str], Any]:
    """What the conditions of all assets ask for at one tick, and what they remember.

    The tick comes so long after another one that they look again, or `after_s` after it.
    """
    at = next(_clock) if after_s is None else _latest[-1] + after_s
    _latest.append(at)
    result = dg.evaluate_automation_conditions(
        defs, site.instance, cursor=cursor, evaluation_time=datetime.fromtimestamp(at, UTC)
    )
    asked = {
        str(Part(key, partition))
        for key in GRAPH.materializable_asset_keys
        for partition in result.get_requested_partitions(key)
    }
    return asked, result.cursor


_latest: list[float] = []


def test_a_walk_with_nothing_to_do_leaves_no_trace(synced: Site) -> None:
    records = synced.instance.get_run_records(), synced.instance.event_log_storage.get_maximum_record_id()
    pointers = {path: path.stat().st_mtime_ns for path in synced.project.store.root.glob("*/*/current")}
    assert _walk(synced, SCORES) == []
    assert records == (
        synced.instance.get_run_records(),
        synced.instance.event_log_storage.get_maximum_record_id(),
    )
    assert pointers == {path: path.stat().st_mtime_ns for path in pointers}


def test_one_sentence_takes_the_runs_that_it_touches_in_order(synced: Site) -> None:
    _reword(synced)
    runs = _walk(synced, SCORES)
    assert runs[:2] == ["trace_corpus, trace_embeddings [street]", "trace_index"]
    assert len(runs) == len(set(runs))
    made = [name for run in runs for name in run.partition(" [")[0].split(", ")]
    assert "anomaly_scores" in made
    assert "thresholds" not in made or made.index("thresholds") > made.index("anomaly_scores")
    assert not set(made) & {"practice_footage", "videos", "annotations", "video_features", "adapters"}
    assert _walk(synced, SCORES) == []


def test_the_index_is_asked_for_after_the_vectors_however_their_partitions_differ(synced: Site) -> None:
    _, cursor = _tick(synced)
    _reword(synced)
    asked, cursor = _tick(synced, cursor)
    assert asked == {"trace_corpus [street]", "trace_embeddings [street]"}
    again, cursor = _tick(synced, cursor)
    assert again == set()  # once
    _walk(synced, "key:trace_corpus or key:trace_embeddings")
    asked, cursor = _tick(synced, cursor)
    assert {one for one in asked if one.startswith("trace_")} == {"trace_index"}
    assert not any(one.startswith(("anomaly_scores", "thresholds", "benchmark")) for one in asked)


def test_an_older_version_that_is_checked_out_only_needs_to_be_shown(synced: Site) -> None:
    file, store = synced.catalog / "street.yaml", synced.project.store.root
    pointers = {path: path.read_text() for path in store.glob("*/*/current")}
    before = file.read_text()
    _reword(synced)
    _walk(synced, "key:trace_corpus")
    file.write_text(before)
    for path, text in pointers.items():
        path.write_text(text)
    plan = look(synced.project, synced.instance)
    assert plan.unrecorded == {Part(dg.AssetKey("trace_corpus"), "street")}
    assert not plan.unrecorded - plan.known.keys()  # it is due all the same: Dagster is told
    assert not look(synced.project).known.keys() & plan.unrecorded
    assert _walk(synced, "key:trace_corpus") == ["trace_corpus [street]"]
    assert look(synced.project, synced.instance).unrecorded == set()


def test_an_edit_during_a_run_is_not_lost(synced: Site) -> None:
    _reword(synced)
    _, cursor = _tick(synced)
    _reword(synced)  # the run that was asked for may have read the file already
    asked, _ = _tick(synced, cursor)
    assert "trace_corpus [street]" in asked


def test_between_two_looks_only_what_a_run_has_changed_is_looked_at(synced: Site) -> None:
    _, cursor = _tick(synced)
    _reword(synced)
    asked, cursor = _tick(synced, cursor, after_s=5)
    assert asked == set()
    asked, cursor = _tick(synced, cursor, after_s=LOOK_EVERY.total_seconds())
    assert asked == {"trace_corpus [street]", "trace_embeddings [street]"}
    _walk(synced, "+key:trace_embeddings")
    asked, _ = _tick(synced, cursor, after_s=1)
    assert asked == {"trace_index"}


def test_what_failed_is_asked_for_again_when_something_changes(synced: Site) -> None:
    file = synced.catalog / "street.yaml"
    before = file.read_text()
    file.write_text("normal: [one]\n")
    asked, cursor = _tick(synced)
    assert "trace_corpus [street]" in asked
    assert _tick(synced, cursor)[0] == set()
    file.write_text(before)
    _reword(synced)
    assert "trace_corpus [street]" in _tick(synced, cursor)[0]
    file.write_text(before)
    assert _tick(synced, cursor)[0] == set()


def test_what_failed_is_not_asked_for_again_although_it_was_looked_at_while_it_ran(synced: Site) -> None:
    (synced.catalog / "street.yaml").write_text("normal: [one]\n")
    asked, cursor = _tick(synced)
    assert "trace_corpus [street]" in asked
    run = Run((dg.AssetKey("trace_corpus"), dg.AssetKey("trace_embeddings")), "street")
    made, events = begin(run, synced.instance)
    synced.instance.add_run_tags(made.run_id, {PROCESS: ""})  # a run of the daemon, not of a walk
    asked, cursor = _tick(synced, cursor)
    assert asked == set()
    assert "STEP_FAILURE" in {event.event_type_value for event in events}
    assert _tick(synced, cursor)[0] == set()


def test_nothing_is_asked_for_while_the_partitions_are_not_those_of_the_settings(
    synced: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A context was added: until the code location is reloaded, a run would look for a part nobody makes."""
    params = yaml.safe_load((synced.project.machine.data.parent / "params.yaml").read_text())
    (tmp_path / "edited").mkdir()
    monkeypatch.setenv("TRACES_PARAMS", str(tmp_path / "edited"))
    params["corpus"]["contexts"].append("road")
    (tmp_path / "edited" / "params.yaml").write_text(yaml.safe_dump(params))
    _reword(synced)
    assert _tick(synced)[0] == set()
    params["corpus"]["contexts"].remove("road")
    (tmp_path / "edited" / "params.yaml").write_text(yaml.safe_dump(params))
    assert "trace_corpus [street]" in _tick(synced)[0]


def test_a_red_gate_holds_back_what_is_below_it_until_its_part_changes(synced: Site) -> None:
    _, cursor = _tick(synced)
    file = synced.catalog / "street.yaml"
    before = file.read_text()
    content = yaml.safe_load(before)
    content["normal"] = [sentence + " " + "and walks on " * 20 for sentence in content["normal"]]
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(GraphError, match="corpus_is_sound"):
        _walk(synced, BANK)
    plan = look(ProjectResource().open(), synced.instance)
    assert "corpus_is_sound" in plan.known[Part(dg.AssetKey("trace_corpus"), "street")]
    asked, cursor = _tick(synced, cursor)
    assert not any(one.startswith(("trace_index", "anomaly_scores")) for one in asked)
    with pytest.raises(GraphError, match="corpus_is_sound"):  # it is judged again, and nothing below is made
        _walk(synced, BANK)
    file.write_text(before)
    assert _walk(synced, BANK)[0].startswith("trace_corpus")


def test_nothing_is_asked_for_while_the_graph_is_walked(synced: Site) -> None:
    run_id = make_new_run_id()
    run = synced.instance.create_run_for_job(
        defs.resolve_job_def("rebuild_bank"),
        run_id=run_id,
        status=dg.DagsterRunStatus.STARTED,
        tags={PROCESS: walker(run_id)},
    )
    _reword(synced)
    assert _tick(synced)[0] == set()
    synced.instance.report_run_canceled(run)
    assert "trace_corpus [street]" in _tick(synced)[0]


@pytest.mark.parametrize("begins", ["before the look", "during the look"])
def test_what_a_run_made_during_a_look_is_not_asked_for_again(
    synced: Site, begins: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look has read the store before, and by the time the conditions are asked nobody is at work."""
    _, cursor = _tick(synced)
    _reword(synced)
    run = Run((dg.AssetKey("trace_corpus"), dg.AssetKey("trace_embeddings")), "street")

    def begun() -> Iterator[dg.DagsterEvent]:
        made, events = begin(run, synced.instance)
        synced.instance.add_run_tags(made.run_id, {PROCESS: ""})  # a run of the daemon, not of a walk
        return events

    events = begun() if begins == "before the look" else None

    def slowly(*arguments: Any) -> Plan:
        plan = look(*arguments)
        assert set(run.parts) <= plan.due.keys()
        list(events or begun())
        return plan

    with monkeypatch.context() as patched:
        patched.setattr("pipelines.automation.look", slowly)
        asked, cursor = _tick(synced, cursor)
    assert asked == set()
    assert _tick(synced, cursor, after_s=1)[0] == {"trace_index"}


@pytest.mark.skipif(sys.dont_write_bytecode, reason="nothing is kept beside bytecode that is not written")
def test_what_a_look_finds_out_about_the_code_spares_the_next_process(
    synced: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_disk: set[str] = set()
    monkeypatch.setattr(kept, "_on_disk", on_disk)
    look(synced.project, synced.instance)
    assert on_disk == known(PACKAGES).keys()


def test_of_two_runs_at_once_either_may_have_been_judged_last(synced: Site) -> None:
    """The one that began first materializes after the gate has judged the other."""
    run = Run((dg.AssetKey("thresholds"),), None)
    _, events = begin(run, synced.instance)
    _, others = begin(run, synced.instance)
    assert [event for event in others if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION]
    for event in events:
        if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION:
            break
    [part] = run.parts
    due = look(synced.project, synced.instance, run.assets).due
    assert due[part].reason is None
    list(events)
    assert not look(synced.project, synced.instance, run.assets).due


def test_what_was_never_made_is_left_to_people(synced: Site) -> None:
    assert not any(one.startswith(("predictor", "patch_grids")) for one in _tick(synced)[0])


def test_a_graph_that_was_never_made_is_left_to_people(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACES_DATA", str(tmp_path / "nothing"))
    assert _tick(site)[0] == set()


def test_a_source_is_observed_when_it_changed_and_only_then(synced: Site) -> None:
    def observations() -> int:
        return sum(len(synced.instance.fetch_observations(key, limit=100).records) for key in keys)

    keys = [key for key in GRAPH.get_all_asset_keys() if key.path[0] in ("settings", "catalog")]
    before = observations()
    assert before >= len(keys)
    _tick(synced)
    assert observations() == before
    _reword(synced)
    _tick(synced)
    assert observations() == before + 1


def test_versions_that_do_not_belong_together_are_not_joined(synced: Site) -> None:
    """The fault: an index that ran before the new vectors joined the new corpus with the old ones."""
    store = synced.project.store
    before = store.current("trace_index")
    _reword(synced)
    _walk(synced, "key:trace_corpus")
    with pytest.raises(GraphError, match=r"trace_embeddings/street was made from trace_corpus/street of"):
        _walk(synced, "key:trace_index")
    assert store.current("trace_index") == before
    _walk(synced, BANK)
    assert store.current("trace_index").fingerprint != before.fingerprint


def test_a_part_that_a_change_does_not_touch_may_be_joined_after_it(synced: Site) -> None:
    """Scores of videos of one context stay when another one's sentences change, and thresholds use both."""
    _reword(synced, "corridor")
    _walk(synced, "+key:trace_index")
    job = defs.resolve_implicit_global_asset_job_def()
    assert job.execute_in_process(
        asset_selection=[dg.AssetKey("thresholds")], instance=synced.instance
    ).success
