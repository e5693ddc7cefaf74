"""Where commands write: results to `out`, what went wrong to `err`."""

from __future__ import annotations

from typing import NoReturn

import typer
from rich.console import Console
from rich.markup import escape

out, err = Console(), Console(stderr=True)


def say(line: str) -> None:
    """Print a line as it is, however long."""
    out.print(line, highlight=False, markup=False, soft_wrap=True)


def fail(message: str) -> NoReturn:
    """Say what went wrong, and end with status 1."""
    err.print(f"[bold red]error[/bold red]  {escape(message)}", highlight=False, soft_wrap=True)
    raise typer.Exit(1)
