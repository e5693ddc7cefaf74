"""Cameras to try `traces watch` with: videos of the practice world, looped over RTSP on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import polars as pl

from traces_core.practice.rtsp_server import RtspServer
from traces_core.settings import Machine
from traces_core.store.packs import opened


@contextmanager
def serve_practice(count: int) -> Iterator[list[dict[str, object]]]:
    """Serve so many videos of the benchmark, of places in turn; their cameras, as cameras.yaml has them.

    Raises
    ------
    MissingArtifactError
        If the practice world has not been drawn: `make demo` draws it.
    """
    store = opened(Machine.here().data)
    footage = store.current("practice_footage").path / "benchmark"
    table = store.current("videos").read().filter(pl.col("set") == "benchmark")
    turn = pl.int_range(pl.len()).over("context")
    chosen = (
        table.sort("video").with_columns(turn=turn).sort("turn", "context", maintain_order=True).head(count)
    )
    films = {_name(row): footage / row["video"] for row in chosen.iter_rows(named=True)}
    with RtspServer(films) as server:
        yield [
            {"name": _name(row), "source": server.address(_name(row)), "context": row["context"]}
            for row in chosen.iter_rows(named=True)
        ]


def _name(row: Mapping[str, Any]) -> str:
    return f"{row['context'].replace('_', '-')}-{row['turn'] + 1}"
