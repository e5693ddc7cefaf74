"""What may be spent on a language model in one run: requests, tokens, seconds."""

from __future__ import annotations

import threading
import time

from traces_core.errors import BudgetSpentError
from traces_core.text.writers.settings import PREFIX, Server


class Budget:
    """Counts what is spent, from any thread, and says when to stop.

    Examples
    --------
    >>> budget = Budget(Server(max_requests=1))
    >>> budget.spend_request()
    >>> budget.spend_request()
    Traceback (most recent call last):
        ...
    traces_core.errors.BudgetSpentError: the writer stopped: 1 of 1 requests are spent. ...
    """

    def __init__(self, server: Server) -> None:
        self._server, self._lock = server, threading.Lock()
        self.requests = self.tokens = 0
        self._started: float | None = None

    @property
    def seconds(self) -> float:
        """Since the first request."""
        return 0.0 if self._started is None else time.monotonic() - self._started

    def spend_request(self) -> None:
        """One more request is about to be made.

        Raises
        ------
        BudgetSpentError
            If it may not: nothing is counted then.
        """
        with self._lock:
            if self._started is None:
                self._started = time.monotonic()
            limits = (
                ("requests", self.requests, self._server.max_requests, "max_requests"),
                ("tokens", self.tokens, self._server.max_tokens, "max_tokens"),
                ("seconds", self.seconds, self._server.max_s, "max_s"),
            )
            for what, spent, most, field in limits:
                if most is not None and spent >= most:
                    problem = f"{spent:.0f} of {most:.0f} {what} are spent"
                    raise BudgetSpentError(problem, variable=PREFIX + field.upper())
            self.requests += 1

    def spend_tokens(self, count: int) -> None:
        """A reply came; prompt and reply together took so many tokens."""
        with self._lock:
            self.tokens += count
