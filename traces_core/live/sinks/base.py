"""What every sink of live is: it is handed a letter, and says why it could not deliver it.

When a letter is sent, and how often, is the outbox's matter.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from traces_core.errors import TracesError
from traces_core.live.ledger import Ledger, Letter
from traces_core.printing import printable
from traces_core.redaction import HIDDEN, redacted

_LONGEST = 300
"""Characters of an error that are kept."""


class SinkError(TracesError, RuntimeError):
    """A sink did not take a letter.

    Parameters
    ----------
    problem : str
        What happened.
    retry : bool
        Whether the same letter may well arrive later; False where the sink refuses it for good.
    after_s : float or None
        How long the sink asks to wait (seconds).
    """

    def __init__(self, problem: str, *, retry: bool, after_s: float | None = None) -> None:
        super().__init__(problem)
        self.retry = retry
        self.after_s = after_s


class LiveSink(ABC):
    """One place that hears of alarms; used by one thread."""

    name: str
    """The same after every start, without secrets."""
    title: str
    """What people are shown, without secrets."""
    updates: bool = True
    """Whether it also wants to hear that an alarm has ended."""
    secrets: tuple[str, ...] = ()
    """What must stand in no error and no log line."""

    @abstractmethod
    def send(self, letter: Letter) -> None:
        """Deliver a letter; the same key may come again.

        Raises
        ------
        SinkError
            If it did not arrive, or may not have arrived.
        """

    def show(self, ledger: Ledger) -> None:  # noqa: B027 - most sinks show nothing but letters
        """Say how things are now, where the sink shows that; called every few seconds.

        Raises
        ------
        SinkError
            If that is not possible at present.
        """

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Let go of what is open."""


def safe(text: object, secrets: Iterable[str]) -> str:
    """What was said, as a line without secrets, in at most a few hundred characters."""
    line = str(text)
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        line = line.replace(secret, HIDDEN)
    return redacted(printable(" ".join(line.split()), is_line=True))[:_LONGEST]
