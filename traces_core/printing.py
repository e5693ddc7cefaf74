"""The one way to show text of strangers: names, captions, classes, contexts, errors.

Terminals take it from `PlainConsole`, pages from `printable` (`report.page` also escapes HTML). `visible` is
what Dagster (`pipelines.public`), MLflow (`pipelines.spool`) and every log line (`guard_output`) get; where
they read Markdown, `markdown` was before it. How a path stands in a table is `traces_core.types.as_text`.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import traceback
import unicodedata
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from rich.console import Console, RenderableType
from rich.status import Status
from rich.text import Text

from traces_core.redaction import redacted

_KEPT = "\n\t\u200c\u200d"
"""Joiners are part of words in Persian and Hindi, and of emoji."""
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Controls, format marks (as those that turn the direction of writing), surrogates, other ends of lines."""
_MARKUP = re.compile(r"[\\`*\[\]~$|]|(?<![^\W_])_|_(?![^\W_])")
_LINK = re.compile(r"\b(https?|ftp|www)([:.])", re.IGNORECASE)


def printable(text: str | os.PathLike[str], *, is_line: bool = False) -> str:
    """Text in which everything can be seen: what controls a terminal is written as an escape.

    Parameters
    ----------
    text
        A path counts as a line. Bytes of a name that are no UTF-8 are shown as they are.
    is_line
        Whether an end of line is escaped, too.

    Examples
    --------
    >>> printable("gate [north]\\x1b[31m\\u202e.mp4")
    'gate [north]\\\\x1b[31m\\\\u202e.mp4'
    >>> printable("cam\\udcff\\n.mp4", is_line=True)
    'cam\\\\xff\\\\n.mp4'
    """
    is_line = is_line or not isinstance(text, str)
    text = os.fspath(text)
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(one) if _is_hidden(one, is_line) else one for one in text)


def _is_hidden(one: str, is_line: bool) -> bool:
    return (is_line and one in "\n\t") or (one not in _KEPT and unicodedata.category(one) in _HIDDEN)


def _shown(one: str) -> str:
    is_byte = "\udc80" <= one <= "\udcff"  # as Python reads what is no UTF-8 in a name
    return f"\\x{ord(one) - 0xDC00:02x}" if is_byte else one.encode("unicode_escape").decode()


def markdown(text: str | os.PathLike[str]) -> str:
    """Text that Markdown shows as it is, in one line: no mark, no link, no HTML, no cell of a table ends.

    Examples
    --------
    >>> markdown("gate [north] <b>|car_park")
    'gate \\\\[north\\\\] &lt;b&gt;\\\\|car_park'
    """
    line = " ".join(printable(text).split())
    escaped = _MARKUP.sub(r"\\\g<0>", line.replace("&", "&amp;"))
    escaped = escaped.replace("<", "&lt;").replace(">", "&gt;")
    return _LINK.sub(lambda link: f"{link[1]}&#{ord(link[2])};", escaped)


def visible(value: Any) -> Any:
    """Plain values, as metadata holds them, with `printable` text without secrets; others as they are."""
    if isinstance(value, str):
        return printable(redacted(value))
    if isinstance(value, Mapping):
        return {visible(name): visible(one) for name, one in value.items()}
    return [visible(one) for one in value] if type(value) in (list, tuple) else value


def visible_error(error: BaseException) -> BaseException:
    """An error as it may be kept by others: itself where all of its chain is `visible`.

    Else one of the same kind, where that can be made of a text, that says the same visibly; Dagster and
    Python print the chain of an error, and what a library says in its own may quote a header.
    """
    whole = "".join(traceback.format_exception(error))
    if visible(whole) == whole:
        return error
    kind, text = type(error), visible(str(error))
    try:
        clean = kind.__new__(kind)
        clean.__dict__.update(error.__dict__)
        clean.args = (text,)
    except TypeError:
        clean = error
    if clean is error or str(clean) != text:
        clean = RuntimeError(f"{kind.__name__}: {text}")
    return clean.with_traceback(error.__traceback__)


def guard_output() -> None:
    """From here on, every log line and every traceback of this process is `visible`, whoever writes it."""
    make = logging.getLogRecordFactory()
    if not getattr(make, "is_guarded", False):

        def made(*given: Any, **named: Any) -> logging.LogRecord:
            record = make(*given, **named)
            return _guarded(record)

        made.is_guarded = True  # type: ignore[attr-defined]
        logging.setLogRecordFactory(made)
        sys.excepthook = _print_error


def _guarded(record: logging.LogRecord) -> logging.LogRecord:
    try:
        text = record.getMessage()
    except Exception:  # logging itself reports a message that does not fit its arguments
        return record
    if visible(text) != text:
        record.msg, record.args = visible(text), ()
    if record.exc_info and isinstance(record.exc_info, tuple) and record.exc_info[1] is not None:
        whole = "".join(traceback.format_exception(record.exc_info[1]))
        if visible(whole) != whole:
            record.exc_info, record.exc_text = None, visible(whole).rstrip()
    return record


def _print_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    whole = "".join(traceback.format_exception(kind, error, trace))
    sys.stderr.write(visible(whole))


class PlainConsole(Console):
    """A console for which text is text: no mark-up, no emoji codes, nothing that controls it, and no secret.

    Style is a matter of `rich.text.Text`, which `styled` makes.
    """

    def __init__(self, **how: Any) -> None:
        super().__init__(**how, markup=False, emoji=False, highlight=False)

    def render_str(self, text: str, **how: Any) -> Text:
        """What every text and every cell of a table becomes."""
        return super().render_str(visible(text), **how)

    def status(self, status: RenderableType, **how: Any) -> Status:
        """As rich's, without mark-up; what it is updated with is made by `styled`."""
        return super().status(styled(status) if isinstance(status, str) else status, **how)


def styled(text: str | os.PathLike[str], style: str = "") -> Text:
    """Text with a style, of which nothing is mark-up."""
    return Text(redacted(printable(text)), style=style)


out, err = PlainConsole(), PlainConsole(stderr=True)
