"""From a template to one file: no script, nothing fetched, written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from traces_core.disk import write_whole
from traces_core.printing import printable
from traces_core.report import formatting

_FILTERS: tuple[Callable[..., str], ...] = (
    formatting.number,
    formatting.percent,
    formatting.span,
    formatting.clock,
    formatting.plural,
    formatting.words,
)

TEMPLATES = Path(__file__).parent / "templates"
"""The files of the pages besides code."""


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: printable(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update({function.__name__: function for function in _FILTERS})
    templates.filters["pct"] = lambda share: f"{100 * share:.3f}".rstrip("0").rstrip(".") + "%"
    return templates


def write_page(path: Path | str, template: str, values: Mapping[str, Any]) -> Path:
    """Fill a template with values, all of them escaped, and write the page.

    The file is written beside its place, then renamed, so no one reads half a report.
    """
    path = Path(path)
    page = _templates().get_template(template).render(values)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, page)
    return path
