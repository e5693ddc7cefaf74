"""What an asset's function says about it: its inputs, its sources, and what its steps keep.

The one place for the graph, the plan and DVC; and what a part of an asset is. How a function becomes an
asset is in `asset`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from traces_core.store import ONLY, Artifact, Store

Body = Callable[..., dg.MaterializeResult]
Keys = Sequence[str] | None
"""Partitions of an asset; None where it has none."""


@dataclass(frozen=True)
class Part:
    """What one run makes of an asset: one of its partitions, or all of it."""

    asset: dg.AssetKey
    """The asset."""
    partition: str | None
    """Context, shard or seed; None where it has no partitions."""

    def __str__(self) -> str:
        name = self.asset.to_user_string()
        return f"{name} [{self.partition}]" if self.partition else name

    @property
    def artifact(self) -> tuple[str, str]:
        """Name and key under which the store has it."""
        name, *key = self.asset.path
        return name, self.partition or (key[0] if key else ONLY)


@dataclass(frozen=True)
class Input:
    """One parameter of an asset that is handed artifacts."""

    keys: tuple[dg.AssetKey, ...]
    """The asset, or the assets, that it is handed."""
    takes_all: bool
    """Whether it is a list: of every partition, or of every asset of `keys`."""

    def load(self, store: Store, partition: str | None, keys_of: Callable[[dg.AssetKey], Keys]) -> Any:
        """What it is handed, out of a store.

        Parameters
        ----------
        partition
            The one that is made; None where the asset that is made has none.
        keys_of
            The partitions of an asset.
        """
        return self.gather(
            [store.current(key.path[0], one) for one in self.wanted(key, partition, keys_of(key))]
            for key in self.keys
        )

    def gather(self, loaded: Iterable[Artifact | list[Artifact]]) -> Artifact | list[Artifact]:
        """What it is handed, out of what was loaded of each of its assets."""
        parts = [part for one in loaded for part in (one if isinstance(one, list) else [one])]
        return parts if self.takes_all else parts[0]

    def wanted(self, key: dg.AssetKey, partition: str | None, split: Keys) -> Sequence[str]:
        """Keys of the artifacts of one of its assets that it is handed; `split`: that asset's partitions."""
        if split is None:
            return key.path[1:] or [ONLY]
        return split if self.takes_all or partition is None else [partition]


@dataclass(frozen=True)
class Declared:
    """What an asset's function says about it: the one place for the graph, the dry run and DVC."""

    body: Body
    """The function, as it was written."""
    inputs: Mapping[str, Input]
    """By parameter."""
    sources: tuple[dg.AssetKey, ...]
    """What people edit and it reads: sections of the settings, the catalog."""
    artifacts: frozenset[str]
    """Names under which its steps keep what they make: its own, and those of its items."""

    def arguments(
        self, store: Store, partition: str | None, keys_of: Callable[[dg.AssetKey], Keys]
    ) -> dict[str, Any]:
        """Its inputs out of a store; see `Input.load`."""
        return {name: one.load(store, partition, keys_of) for name, one in self.inputs.items()}


DECLARED: dict[dg.AssetKey, Declared] = {}
"""What was declared, by asset."""
