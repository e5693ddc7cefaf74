"""What is in an artifact, as Dagster shows it: columns and some rows of a table, shapes of arrays."""

from __future__ import annotations

from typing import Any

import dagster as dg
import polars as pl
from safetensors import safe_open

from traces_core.store import Artifact

ROWS = 5
"""Rows that the page of an asset shows of a table."""
LONGEST = 160
"""Characters of a cell."""


def content_metadata(artifact: Artifact) -> dict[str, Any]:
    """Column schema, number of rows and a sample of a table; names and shapes of arrays; else nothing.

    Examples
    --------
    >>> from pathlib import Path
    >>> content_metadata(Artifact("a", "all", Path("page.html"), "r", "f", False, 0.0))
    {}
    """
    match artifact.path.suffix:
        case ".parquet":
            return _table(pl.scan_parquet(artifact.path, glob=False))
        case ".safetensors":
            with safe_open(artifact.path, framework="np") as file:
                arrays = {name: file.get_slice(name) for name in sorted(file.keys())}
                shapes = {name: f"{one.get_dtype()} {one.get_shape()}" for name, one in arrays.items()}
            return {"arrays": dg.MetadataValue.json(shapes)}
        case _:
            return {}


def _table(rows: pl.LazyFrame) -> dict[str, Any]:
    schema = rows.collect_schema()
    columns = dg.TableSchema(columns=[dg.TableColumn(name, str(kind)) for name, kind in schema.items()])
    sample = [dg.TableRecord(_plain(row)) for row in rows.head(ROWS).collect().to_dicts()]
    count = rows.select(pl.len()).collect().item()
    return {
        "dagster/column_schema": columns,
        "dagster/row_count": count,
        **({"sample": dg.MetadataValue.table(records=sample, schema=columns)} if sample else {}),
    }


def _plain(row: dict[str, Any]) -> dict[str, str | int | float | bool]:
    """A row as the UI takes it: nothing nested, nothing missing, nothing longer than a cell."""
    return {name: _cell(one) for name, one in row.items()}


def _cell(value: Any) -> str | int | float | bool:
    """A value of a table; an id beyond 2**53 as text, which a browser would round."""
    if isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**53):
        return value
    return "" if value is None else str(value)[:LONGEST]
