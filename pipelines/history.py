"""What Dagster shows of assets: the version that was materialized last, and whether its gates let it pass."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.event_api import PartitionKeyFilter
from dagster._core.events import DagsterEventType
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecordStatus,
    AssetCheckPartitionInfo,
)

from pipelines.declared import Part

if TYPE_CHECKING:
    from dagster._core.definitions.assets.graph.asset_graph import AssetGraph


@dataclass(frozen=True)
class History:
    """What an instance knew at one time."""

    versions: Mapping[Part, str]
    """Data version of the latest materialization."""
    gates: Mapping[Part, str | None]
    """Why a gate holds the dependents of a part back; None where it is judging just now."""

    @classmethod
    def of(cls, instance: dg.DagsterInstance, graph: AssetGraph, assets: Sequence[dg.AssetKey]) -> History:
        """What is known of some assets."""
        whole = [key for key in assets if graph.get(key).partitions_def is None]
        versions: dict[Part, str] = {}
        for record in instance.get_asset_records(whole):
            event = record.asset_entry.last_materialization
            made = event.asset_materialization if event is not None else None
            if made is not None:
                versions[Part(record.asset_entry.asset_key, None)] = (made.tags or {}).get(
                    DATA_VERSION_TAG, ""
                )
        for key in set(assets) - set(whole):
            by_partition = versions_by_partition(instance, key, DagsterEventType.ASSET_MATERIALIZATION)
            versions |= {Part(key, name): version for name, version in by_partition.items()}
        return cls(versions, _gates(instance, graph, versions))


def versions_by_partition(
    instance: dg.DagsterInstance, asset: dg.AssetKey, kind: DagsterEventType
) -> dict[str, str]:
    """The data version of the latest event of a kind, by partition."""
    tags = instance.event_log_storage.get_latest_tags_by_partition(asset, kind, [DATA_VERSION_TAG])
    return {name: one.get(DATA_VERSION_TAG, "") for name, one in tags.items()}


def _gates(instance: dg.DagsterInstance, graph: AssetGraph, made: Collection[Part]) -> dict[Part, str | None]:
    """By part: why a gate holds its dependents back; None where it is judging just now."""
    assets = {part.asset for part in made}
    checks = [key for key in graph.asset_check_keys if key.asset_key in assets and graph.get(key).blocking]
    judged = {
        (info.check_key, info.partition_key): info
        for info in instance.event_log_storage.get_asset_check_partition_info(checks)
    }
    gates: dict[Part, str | None] = {}
    for check, part in ((check, part) for check in checks for part in made if part.asset == check.asset_key):
        info = judged.get((check, part.partition))
        if info is None or not _has_passed(info):
            verdict = _verdict(instance, check, part, info)
            if verdict is None:
                gates.setdefault(part, None)
            elif verdict:
                gates[part] = f"{check.name}{verdict}"
    return gates


def _has_passed(info: AssetCheckPartitionInfo) -> bool:
    return info.is_current and info.latest_execution_status == AssetCheckExecutionRecordStatus.SUCCEEDED


RECENT = 20
"""Executions of a gate that are looked through: runs at once may judge a materialization in any order."""


def _verdict(
    instance: dg.DagsterInstance, check: dg.AssetCheckKey, part: Part, info: AssetCheckPartitionInfo | None
) -> str | None:
    """Why a gate holds a part back: empty where it does not, None where it is judging just now."""
    records = instance.event_log_storage.get_asset_check_execution_history(
        check, limit=RECENT, partition_filter=PartitionKeyFilter(key=part.partition)
    )
    for record in records:
        evaluation = None if record.status == AssetCheckExecutionRecordStatus.PLANNED else record.evaluation
        target = evaluation.target_materialization_data if evaluation is not None else None
        if (
            evaluation is not None
            and info is not None
            and info.latest_materialization_storage_id in (None, target.storage_id if target else None)
        ):
            holds = not evaluation.passed and evaluation.severity == dg.AssetCheckSeverity.ERROR
            return f": {evaluation.description or 'it failed'}" if holds else ""
    runs = {record.run_id for record in records if record.status == AssetCheckExecutionRecordStatus.PLANNED}
    if any(_is_under_way(instance, run) for run in runs):
        return None
    return " has not judged it"


def _is_under_way(instance: dg.DagsterInstance, run_id: str) -> bool:
    run = instance.get_run_by_id(run_id)
    return run is not None and not run.is_finished
