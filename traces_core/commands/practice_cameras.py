"""Cameras to try `traces watch` with: videos of the practice world, looped over RTSP on this machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from traces_core.practice.rtsp_server import RtspServer
from traces_core.settings import Machine
from traces_core.store.packs import opened


def benchmark_videos() -> list[tuple[Path, str]]:
    """The practice world's videos of the benchmark with their contexts, of contexts in turn.

    Raises
    ------
    MissingArtifactError
        If the practice world has not been drawn: `make demo` draws it.
    """
    store = opened(Machine.here().data)
    footage = store.current("practice_footage").path / "benchmark"
    table = store.current("videos").read().filter(pl.col("set") == "benchmark")
    turn = pl.int_range(pl.len()).over("context")
    table = table.sort("video").with_columns(turn=turn).sort("turn", "context", maintain_order=True)
    return [(footage / row["video"], row["context"]) for row in table.iter_rows(named=True)]


@contextmanager
def serve_practice(count: int) -> Iterator[list[dict[str, object]]]:
    """Serve so many videos of the benchmark, of places in turn; their cameras, as cameras.yaml has them.

    Raises
    ------
    MissingArtifactError
        If the practice world has not been drawn: `make demo` draws it.
    """
    films, contexts, seen = {}, {}, Counter[str]()
    for film, context in benchmark_videos()[:count]:
        seen[context] += 1
        name = f"{context.replace('_', '-')}-{seen[context]}"
        films[name], contexts[name] = film, context
    with RtspServer(films) as server:
        yield [
            {"name": name, "source": server.address(name), "context": context}
            for name, context in contexts.items()
        ]
