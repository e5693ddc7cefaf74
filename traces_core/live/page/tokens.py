"""Secrets of the page: the key of its sessions, the comparison of tokens, and how often one may be wrong."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections import deque
from pathlib import Path


def secret_key(folder: Path) -> bytes:
    """The key that signs sessions, made at the first call; nobody else on the machine can read it."""
    path = folder / "page.key"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = path.read_bytes()
        if len(key) == 32 and not path.stat().st_mode & 0o077:
            return key
        path.unlink()  # half written, or open to others: sessions begin anew
        return secret_key(folder)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key := secrets.token_bytes(32))
    return key


class Attempts:
    """Counts failed logins, so that tokens cannot be tried one after the other.

    Examples
    --------
    >>> attempts = Attempts(most=2, within_s=60)
    >>> attempts.failed("10.0.0.7", 0.0), attempts.failed("10.0.0.7", 1.0)
    (None, None)
    >>> attempts.is_over("10.0.0.7", 2.0), attempts.is_over("10.0.0.8", 2.0)
    (True, False)
    >>> attempts.is_over("10.0.0.7", 99.0)
    False
    """

    def __init__(self, most: int = 10, within_s: float = 60.0, addresses: int = 1000) -> None:
        self._most, self._within_s, self._addresses = most, within_s, addresses
        self._times: dict[str, deque[float]] = {}

    def failed(self, address: str, now_s: float) -> None:
        """One failed attempt from an address."""
        times = self._times.pop(address, deque(maxlen=self._most))
        times.append(now_s)
        self._times[address] = times
        while len(self._times) > self._addresses:
            self._times.pop(next(iter(self._times)))

    def is_over(self, address: str, now_s: float) -> bool:
        """Whether an address has to wait."""
        times = self._times.get(address, deque[float]())
        return len(times) == self._most and now_s - times[0] < self._within_s


def same_secret(given: str, expected: str) -> bool:
    """Whether two secrets are equal, in a time that does not tell where they differ."""
    one, other = (hashlib.sha256(text.encode("utf-8", "replace")).digest() for text in (given, expected))
    return hmac.compare_digest(one, other)
