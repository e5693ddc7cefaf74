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

if TYPE_CHECKING:
    from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

At = tuple[dg.AssetKey, str | None]
"""An asset and its partition; None where it has none."""


@dataclass(frozen=True)
class History:
    """What an instance knew at one time."""

    versions: Mapping[At, str]
    """Data version of the latest materialization."""
    gates: Mapping[At, str | None]
    """Why a gate holds the dependents of a part back; None where it is judging just now."""

    @classmethod
    def of(cls, instance: dg.DagsterInstance, graph: AssetGraph, assets: Sequence[dg.AssetKey]) -> History:
        """What is known of some assets."""
        whole = [key for key in assets if graph.get(key).partitions_def is None]
        versions = {
            (record.asset_entry.asset_key, None): (event.tags or {}).get(DATA_VERSION_TAG, "")
            for record in instance.get_asset_records(whole)
            if (event := record.asset_entry.last_materialization) and (event := event.asset_materialization)
        }
        for key in assets:
            if key not in whole:
                tags = instance.event_log_storage.get_latest_tags_by_partition(
                    key, DagsterEventType.ASSET_MATERIALIZATION, [DATA_VERSION_TAG]
                )
                versions |= {(key, part): one.get(DATA_VERSION_TAG, "") for part, one in tags.items()}
        return cls(versions, _gates(instance, graph, assets, versions.keys()))

    def version(self, asset: dg.AssetKey, partition: str | None) -> str | None:
        """The data version that Dagster shows; None where nothing was materialized."""
        return self.versions.get((asset, partition))


def _gates(
    instance: dg.DagsterInstance, graph: AssetGraph, assets: Sequence[dg.AssetKey], made: Collection[At]
) -> dict[At, str | None]:
    """By part: why a gate holds its dependents back; None where it is judging just now."""
    checks = [key for key in graph.asset_check_keys if key.asset_key in assets and graph.get(key).blocking]
    judged = {
        (info.check_key, info.partition_key): info
        for info in instance.event_log_storage.get_asset_check_partition_info(checks)
    }
    gates: dict[At, str | None] = {}
    for check in checks:
        for asset, partition in (at for at in made if at[0] == check.asset_key):
            info = judged.get((check, partition))
            if info is None or not (info.is_current or _runs(instance, info)):
                gates[asset, partition] = f"{check.name} has not judged it"
            elif info.latest_execution_status == AssetCheckExecutionRecordStatus.PLANNED:
                if _runs(instance, info):
                    gates.setdefault((asset, partition), None)
                else:
                    gates[asset, partition] = f"{check.name} has not judged it"
            elif info.latest_execution_status == AssetCheckExecutionRecordStatus.FAILED:
                reason = _reason(instance, check, partition)
                if reason is not None:
                    gates[asset, partition] = f"{check.name}: {reason}"
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
