"""The step that runs now: whose code its artifacts are filed under, and what they are made from.

    @step
    def thresholds(project, videos: Artifact, anomaly_scores: list[Artifact]) -> Artifact: ...

A step that is handed several artifacts joins them only if they were made from the same version of whatever
they have in common. Otherwise it does not begin.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from traces_core.errors import MixedVersionsError
from traces_core.store.artifact import Artifact, Lineage
from traces_core.store.code import code_of

P = ParamSpec("P")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Running:
    """A step while it runs."""

    function: Callable[..., Any]
    """As it was written."""
    lineage: Lineage
    """What it was handed, and all that this was made from."""


_running: ContextVar[Running | None] = ContextVar("step", default=None)


def step(function: Callable[P, Result]) -> Callable[P, Result]:
    """Mark a function that makes artifacts: while it runs, they are filed under its code and its inputs.

    Raises
    ------
    MixedVersionsError
        When it is called with artifacts that were made from two versions of one thing.
    """

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> Result:
        handed = [one for value in (*args, *kwargs.values()) for one in _artifacts_in(value)]
        outer = _running.set(Running(function, lineage_of(handed, where=function.__name__)))
        try:
            return function(*args, **kwargs)
        finally:
            _running.reset(outer)

    return run


def code_of_running_step() -> str:
    """Fingerprint of the step that runs now.

    Raises
    ------
    RuntimeError
        If none does: the function that makes the artifact lacks `@step`.
    """
    running = _running.get()
    if running is None:
        raise RuntimeError("no step runs: mark the function that makes the artifact with @step")
    return code_of(running.function)


def lineage_for(name: str) -> Lineage | None:
    """The lineage of what the running step keeps under its own name; None for its items."""
    running = _running.get()
    return running.lineage if running is not None and running.function.__name__ == name else None


def lineage_of(artifacts: Iterable[Artifact], *, where: str) -> dict[str, str]:
    """Some artifacts and all that they were made from: by `name/key`, the fingerprint.

    Raises
    ------
    MixedVersionsError
        If two of them were made from different versions of one thing, or one from another version of what
        lies beside it.
    """
    versions: dict[str, str] = {}
    holders: dict[str, str] = {}
    for artifact in artifacts:
        for part, version in {**(artifact.lineage or {}), artifact.part: artifact.fingerprint}.items():
            if versions.setdefault(part, version) != version:
                made = (holders[part], versions[part]), (artifact.part, version)
                raise MixedVersionsError(where, part, *made)
            holders.setdefault(part, artifact.part)
    return dict(sorted(versions.items()))


def _artifacts_in(value: object) -> Iterator[Artifact]:
    if isinstance(value, Artifact):
        yield value
    elif isinstance(value, list | tuple):
        yield from (one for one in value if isinstance(one, Artifact))
