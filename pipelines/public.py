"""What Dagster keeps of a step or a check, as it may be shown: its errors, its metadata, its description.

Log lines are guarded for the whole process; see `traces_core.printing`, which knows what may be shown.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import dagster as dg

from traces_core.printing import visible, visible_error

Result = TypeVar("Result", dg.MaterializeResult, dg.AssetCheckResult)


@contextlib.contextmanager
def errors_visible() -> Iterator[None]:
    """Within, an error is raised with `visible` text: its own, and that of a library's error behind it."""
    try:
        yield
    except Exception as error:
        clean = visible_error(error)
        if clean is error:
            raise
        raise clean from None


def public(result: Result) -> Result:
    """What a step or a check found, with `visible` text; pictures stay as they are."""
    shown = public_metadata(result.metadata or {})
    if isinstance(result, dg.AssetCheckResult):
        return result._replace(metadata=shown, description=visible(result.description))
    return result._replace(metadata=shown)


def asset_check(**options: Any) -> Callable[[Callable[..., dg.AssetCheckResult]], dg.AssetChecksDefinition]:
    """As `dg.asset_check`, for a function of which Dagster keeps what may be shown."""

    def declare(body: Callable[..., dg.AssetCheckResult]) -> dg.AssetChecksDefinition:
        @functools.wraps(body)
        def checked(*given: Any, **named: Any) -> dg.AssetCheckResult:
            with errors_visible():
                return public(body(*given, **named))

        return dg.asset_check(**options)(checked)

    return declare


def public_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata with `visible` text."""
    return {visible(name): _public(value) for name, value in metadata.items()}


def _public(value: Any) -> Any:
    match value:
        case str() | dict() | list():
            return visible(value)
        case dg.TextMetadataValue() | dg.UrlMetadataValue() | dg.PathMetadataValue():
            return type(value)(visible(str(value.value)))
        case dg.JsonMetadataValue():
            return dg.MetadataValue.json(visible(value.value))
        case dg.TableMetadataValue():
            records = [dg.TableRecord(visible(one.data)) for one in value.records]
            return dg.MetadataValue.table(records, value.schema)
        case dg.MarkdownMetadataValue() if "](data:" not in (value.value or ""):
            return dg.MetadataValue.md(visible(str(value.value)))
    return value
