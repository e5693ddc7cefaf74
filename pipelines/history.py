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
        status = None if info is None else info.latest_execution_status
        is_planned = status == AssetCheckExecutionRecordStatus.PLANNED
        if info is not None and is_planned and _runs(instance, info):
            gates.setdefault(part, None)
        elif info is None or is_planned or not info.is_current:
            gates[part] = f"{check.name} has not judged it"
        elif status == AssetCheckExecutionRecordStatus.FAILED:
            reason = _reason(instance, check, part.partition)
            if reason is not None:
                gates[part] = f"{check.name}: {reason}"
    return gates


def _runs(instance: dg.DagsterInstance, info: AssetCheckPartitionInfo) -> bool:
    run = instance.get_run_by_id(info.latest_planned_run_id)
    return run is not None and not run.is_finished


def _reason(instance: dg.DagsterInstance, check: dg.AssetCheckKey, partition: str | None) -> str | None:
    """What a gate that failed says; None where it only warns."""
    records = instance.event_log_storage.get_asset_check_execution_history(
        check, limit=1, partition_filter=PartitionKeyFilter(key=partition)
    )
    event = records[0].event if records else None
    if event is None or event.dagster_event is None:
        return "it failed"
    evaluation = event.dagster_event.asset_check_evaluation_data
    return evaluation.description if evaluation.severity == dg.AssetCheckSeverity.ERROR else None
