"""A small bank of random unit vectors, for the tests of searching and scoring."""

from __future__ import annotations

import numpy as np
import polars as pl

from traces_core.bank.bank import Bank
from traces_core.text.corpus import SCHEMA, trace_id
from traces_core.types import Array

DIMENSIONS = 8


def unit(rows: int, rng: np.random.Generator, dimensions: int = DIMENSIONS) -> Array:
    vectors = rng.normal(size=(rows, dimensions)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def small_corpus() -> pl.DataFrame:
    """Two contexts; the north knows fires and thefts, the south has only normal life and thefts."""
    sizes = [
        ("north", "normal", "", 7),
        ("north", "anomalous", "fire", 4),
        ("north", "anomalous", "theft", 3),
    ]
    sizes += [("south", "normal", "", 5), ("south", "anomalous", "theft", 6)]
    rows = [
        (trace_id(*content), *content, "drawn", "", "", 0, 0)
        for place, side, label, count in sizes
        for i in range(count)
        for content in [(place, side, label, f"{label} {i}")]
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def small_bank(seed: int = 0) -> tuple[Bank, pl.DataFrame, Array]:
    corpus = small_corpus()
    vectors = unit(len(corpus), np.random.default_rng(seed))
    return Bank.build(corpus, vectors, "drawn:1"), corpus, vectors
