"""What Dagster keeps of a step, without secrets: its errors, with all that led to them, and its metadata.

Log lines are guarded for the whole process; see `traces_core.redaction`, which knows what a secret is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import dagster as dg

from traces_core.redaction import redacted, without_secrets


@contextlib.contextmanager
def showing_no_secret() -> Iterator[None]:
    """Within, an error is raised without the secrets that it, or a library's error behind it, quotes."""
    try:
        yield
    except Exception as error:
        clean = without_secrets(error)
        if clean is error:
            raise
        raise clean from None


def public(result: dg.MaterializeResult) -> dg.MaterializeResult:
    """A materialization whose metadata show no secret; pictures and tables stay as they are."""
    shown = {name: _public(value) for name, value in (result.metadata or {}).items()}
    return result._replace(metadata=shown)


def _public(value: Any) -> Any:
    match value:
        case str() | dict() | list():
            return redacted(value)
        case dg.TextMetadataValue() | dg.UrlMetadataValue() | dg.PathMetadataValue():
            return type(value)(redacted(str(value.value)))
        case dg.JsonMetadataValue():
            return dg.MetadataValue.json(redacted(value.value))
        case dg.MarkdownMetadataValue() if "](data:" not in (value.value or ""):
            return dg.MetadataValue.md(redacted(str(value.value)))
    return value
