"""Where commands write: results to `out`, what went wrong to `err`."""

from __future__ import annotations

from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from traces_core.redaction import redacted


class _Console(Console):
    """Prints no secret, whoever wrote the text: a server's answer, a setting, an address."""

    def print(self, *objects: Any, **how: Any) -> None:
        """As `Console.print`."""
        super().print(*redacted(objects), **how)


out, err = _Console(), _Console(stderr=True)


def say(line: str) -> None:
    """Print a line as it is, however long."""
    out.print(line, highlight=False, markup=False, soft_wrap=True)


def fail(message: str) -> NoReturn:
    """Say what went wrong, and end with status 1."""
    err.print(f"[bold red]error[/bold red]  {escape(message)}", highlight=False, soft_wrap=True)
    raise typer.Exit(1)
