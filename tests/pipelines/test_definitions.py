"""What the UI shows before anything has run: order, words, owners, limits; and that nothing is missing."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.workspace.load_target import WorkspaceFileTarget

from pipelines import definitions
from pipelines.automation import GPU, LLM, LOOKED_AT_NIGHTLY, WHEN_OUT_OF_DATE
from pipelines.definitions import SIDES, defs
from pipelines.jobs import JOBS, PretrainConfig
from pipelines.regenerate import RegenerateConfig
from pipelines.resources import ProjectResource, TrackerResource
from pipelines.walk import EVERYTHING, EXPERIMENTS

ROOT = Path(__file__).resolve().parents[2]
GRAPH = defs.resolve_asset_graph()
NODES = [GRAPH.get(key) for key in GRAPH.toposorted_asset_keys]
MADE = [node for node in NODES if node.is_materializable]
CHECKS = [GRAPH.get(key) for key in GRAPH.asset_check_keys]
CHAPTERS_OF = {
    f"{number}_{side}": {module.__name__.split(".")[1] for module in modules}
    for number, (side, modules) in enumerate(SIDES.items(), 1)
}


def _name(node: object) -> str:
    return node.key.to_user_string()


def test_groups_sorted_by_name_are_in_the_order_of_the_book() -> None:
    groups = sorted({node.group_name for node in NODES})
    assert groups == [f"{number}_{side}" for number, side in enumerate(SIDES, 1)]
    assert groups[0] == "1_sources"


def test_boxes_of_the_graph_depend_on_boxes_before_them() -> None:
    """Nobody follows a line that goes back; what people edit is one box, the first."""
    back = {
        (GRAPH.get(parent).group_name, node.group_name)
        for node in NODES
        for parent in node.parent_keys
        if GRAPH.get(parent).group_name > node.group_name
    }
    assert back == set()


@pytest.mark.parametrize("node", NODES, ids=_name)
def test_every_asset_says_what_it_is(node: object) -> None:
    assert len((node.description or "").split()) >= 4
    assert node.tags["chapter"] in CHAPTERS_OF[node.group_name]


@pytest.mark.parametrize("node", MADE, ids=_name)
def test_everything_made_has_kinds_an_owner_and_a_code_version(node: object) -> None:
    assert node.kinds
    assert node.owners == [definitions.OWNER]
    assert node.code_version


def test_a_selection_by_chapter_needs_no_number() -> None:
    def chosen(selection: str) -> set[str]:
        keys = dg.AssetSelection.from_string(selection).resolve(GRAPH)
        return {GRAPH.get(key).tags["chapter"] for key in keys}

    assert chosen("tag:chapter=bank") == {"bank"}
    experiments = chosen(EXPERIMENTS)
    assert experiments == {"ped2", "real_captions"}
    assert (experiments | {"inbox", "live"}).isdisjoint(chosen(EVERYTHING))


def test_what_asks_a_model_and_what_computes_wait_in_pools_of_their_own() -> None:
    pools = {_name(node): node.pools for node in MADE if node.pools}
    assert pools["trace_corpus"] == {LLM}
    assert {pools[name].copy().pop() for name in ("video_features", "adapters", "trace_embeddings")} == {GPU}
    assert set().union(*pools.values()) == {GPU, LLM}


def test_the_limits_of_the_pools_act_on_whole_runs() -> None:
    limits = yaml.safe_load((ROOT / ".dagster" / "dagster.yaml").read_text())["concurrency"]
    assert limits["pools"] == {"default_limit": 1, "granularity": "run"}
    assert limits["runs"]["max_concurrent_runs"] >= 2  # a job that walks is one, its part at hand another


def test_what_reads_folders_that_people_fill_may_not_get_old() -> None:
    assert {_name(node) for node in MADE if node.freshness_policy == LOOKED_AT_NIGHTLY} == {
        "videos",
        "annotations",
    }


def test_what_moves_by_itself_moves_by_one_rule() -> None:
    rules = {node.automation_condition for node in MADE if node.automation_condition}
    assert rules == {WHEN_OUT_OF_DATE}
    still = {node.tags["chapter"] for node in MADE if not node.automation_condition}
    assert {"ped2", "real_captions", "inbox", "live"} <= still


def test_the_jobs_that_people_look_for_are_there_and_described() -> None:
    jobs = {job.name: job for job in JOBS}
    assert {
        *("rebuild_bank", "score_footage", "benchmark", "pretrain_pocket", "demo"),
        *(
            "regenerate_bank",
            "write_bank",
            "score_inbox",
            "read_cameras",
            "observe_sources",
            "log_waiting_runs",
        ),
    } == set(jobs)
    assert all(len((job.description or "").split()) > 5 for job in jobs.values())


def test_gates_block_and_warnings_do_not() -> None:
    checks = {check.key.name: check.blocking for check in CHECKS}
    assert checks["corpus_is_sound"] is True
    assert checks["scores_beat_what_costs_nothing"] is False
    assert checks["videos_can_be_read"] is False
    assert all(check.description for check in CHECKS)


@pytest.mark.parametrize("config", [PretrainConfig, RegenerateConfig, ProjectResource, TrackerResource])
def test_every_field_that_can_be_set_in_the_ui_is_described(config: type) -> None:
    assert config.model_fields
    assert all(len((field.description or "").split()) >= 3 for field in config.model_fields.values())


def test_the_workspace_file_names_these_definitions() -> None:
    [origin] = WorkspaceFileTarget(paths=[str(ROOT / "workspace.yaml")]).create_origins()
    assert origin.location_name == "traces"
    assert origin.loadable_target_origin.module_name == definitions.__name__
