"""What a model behind a server can be asked: words, or words with pictures; for JSON, or for plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Asked(Protocol):
    """One thing to ask a model. `Question` is one about a class, `captions.writer` has one about a window."""

    @property
    def context(self) -> str:
        """What the journal files the reply under."""

    @property
    def label(self) -> str:
        """Which of them it is, for people who read the journal."""

    @property
    def kind(self) -> str:
        """What is asked for, in a word."""

    @property
    def text(self) -> str:
        """The words of the user's message."""

    def messages(self) -> Sequence[Mapping[str, Any]]:
        """The conversation as every chat interface takes it."""

    def schema(self) -> dict[str, Any] | None:
        """JSON schema of the reply; None where plain text is wanted."""
