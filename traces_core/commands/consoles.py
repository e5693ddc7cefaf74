"""What commands say: results to `out`, what went wrong to `err`. Text is never mark-up (`printing`)."""

from __future__ import annotations

from typing import NoReturn

import typer
from rich.console import Console
from rich.text import Text

from traces_core.printing import err, out, printable
from traces_core.redaction import redacted

__all__ = ["err", "fail", "out", "say", "warn"]


def say(line: str, *, title: str = "", style: str = "bold", to: Console = out) -> None:
    """Print a line as it is, however long, after a title in its style."""
    words = [(printable(part, is_line=True), how) for part, how in ((title, style), (line, "")) if part]
    to.print(Text("  ").join(Text(redacted(part), style=how) for part, how in words), soft_wrap=True)


def warn(title: str, line: str, style: str = "bold red") -> None:
    """Say what is wrong; the work goes on."""
    say(line, title=title, style=style, to=err)


def fail(message: str) -> NoReturn:
    """Say what went wrong, and end with status 1."""
    err.print(Text.assemble(("error", "bold red"), "  ", redacted(printable(message))), soft_wrap=True)
    raise typer.Exit(1)
