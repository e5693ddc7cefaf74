"""A bank just large enough for an index on each side: four contexts, drawn by a seed."""

from __future__ import annotations

import numpy as np
import polars as pl
from small_banks import unit

from traces_core.bank.bank import Bank
from traces_core.bank.settings import BankSettings
from traces_core.text.corpus import trace_id
from traces_core.types import Array

DIMENSIONS = 32
SETTINGS = BankSettings(exact_up_to=1000, candidates=300)
PLACES = ("east", "north", "south", "west")


def context(place: str, seed: int, *, per_class: int = 150) -> tuple[pl.DataFrame, Array]:
    """The traces of a context and their vectors: two classes and as many normal ones."""
    kinds = [
        ("normal", "", 2 * per_class),
        ("anomalous", "fire", per_class),
        ("anomalous", "theft", per_class),
    ]
    rows = [
        (trace_id(place, side, label, f"{seed} {number}"), place, side, label, f"{seed} {number}", "drawn")
        for side, label, count in kinds
        for number in range(count)
    ]
    table = pl.DataFrame(
        rows, schema=["trace_id", "context", "side", "class", "text", "writer"], orient="row"
    )
    return table, unit(len(table), np.random.default_rng([seed, *place.encode()]), DIMENSIONS)


def joined(parts: dict[str, tuple[pl.DataFrame, Array]]) -> tuple[pl.DataFrame, Array]:
    tables, vectors = zip(*parts.values(), strict=True)
    return pl.concat(tables), np.concatenate(vectors)


def large_bank(settings: BankSettings = SETTINGS) -> tuple[Bank, dict[str, tuple[pl.DataFrame, Array]]]:
    parts = {place: context(place, 0) for place in PLACES}
    return Bank.build(*joined(parts), "drawn:1", settings), parts
