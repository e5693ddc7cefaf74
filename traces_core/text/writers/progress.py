"""A bar on the terminal while a language model writes; nothing where there is no terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from traces_core.printing import out, printable
from traces_core.text.writers import pairs


@contextmanager
def progress_bar(console: Console | None = None) -> Iterator[pairs.Progress | None]:
    """The progress of a `PairWriter` as a bar, removed when it ends; None where there is no terminal.

    Parameters
    ----------
    console
        Where to draw. By default the one of `traces_core.printing`: the bar of a run that is drawn
        there already stays, and this one stands below it.
    """
    console = console or out
    if not console.is_terminal:
        yield None
        return
    columns = (
        MofNCompleteColumn(),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        bar = bars.add_task("waiting for the first reply", total=None)
        yield lambda had, wanted, what: bars.update(
            bar, completed=had, total=wanted, description=printable(what)
        )
