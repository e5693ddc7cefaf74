"""What is out of date, and why, without computing anything.

A `DryRun` is a store that only looks. A step that works with it asks for its artifact as always; the dry run
compares the recipe that would be used now with the one that was used last, and stops the step there. So the
expected recipes come from the steps themselves, and nothing has to be kept in agreement with them.

Which assets there are, and in which order to look at them, is known to `pipelines.plan`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from traces_core.errors import CorruptArtifactError, MissingArtifactError, TracesError
from traces_core.store.artifact import ONLY, Artifact
from traces_core.store.artifacts import Store, recipe_of
from traces_core.store.digest import LENGTH, canonical_json, digest
from traces_core.store.running import code_of_running_step, lineage_for

_NAMED = 3
"""Differences that a reason names; more are counted."""
_LONGEST = 40
"""Characters of a value that a reason quotes."""
_FINGERPRINT = re.compile(f"[0-9a-f]{{{LENGTH}}}")


@dataclass(frozen=True, slots=True)
class Due:
    """Why something is out of date."""

    reason: str | None
    """In words; None where only making what is above it tells whether it is."""
    state: str
    """Fingerprint of what is wrong with it: the same until something changes."""


class _Answered(Exception):  # noqa: N818  # no error: it ends a look
    """The dry run has its answer; the rest of the step is not run."""


@dataclass(frozen=True, slots=True)
class DryRun(Store):
    """A store that is looked at: a step that asks it for an artifact is stopped once the answer is known."""

    own: tuple[str, str] = ("", ONLY)
    """Name and key of the artifact that the step at hand is about."""
    reasons: list[str] = field(default_factory=list, compare=False)
    """Why the step at hand is out of date, in the order in which it was noticed."""
    missing: list[str] = field(default_factory=list, compare=False)
    """Recipes that the step at hand asked for and that are not current."""
    expected: dict[tuple[str, str], Artifact | None] = field(default_factory=dict, compare=False)
    """What the steps so far would give now; None where only a computation would tell."""
    waiting: set[tuple[str, str]] = field(default_factory=set, compare=False)
    """What was not asked for, since what it is made from has to be computed first."""
    confirmed: list[Artifact] = field(default_factory=list, compare=False)
    """What is current and up to date, though it was made from other versions of its inputs."""

    def look(self, own: tuple[str, str], step: Callable[[DryRun], object]) -> Due | None:
        """Whether and why an artifact is out of date; None where it is what would be made now.

        Parameters
        ----------
        own
            Its name and its key.
        step
            Asks the dry run it is handed for the artifact, among whatever else it does.
        """
        dry_run = replace(self, own=own, reasons=[], missing=[])
        try:
            step(dry_run)
        except _Answered:
            pass
        except TracesError as error:
            dry_run.reasons.append(f"cannot be looked at: {error}")
        if own not in self.expected:
            self.waiting.add(own)
        if dry_run.reasons:
            reason = "; ".join(dict.fromkeys(dry_run.reasons))
            return Due(reason, digest([reason, dry_run.missing]))
        return Due(None, "") if own in self.waiting else None

    def remember_path(
        self,
        name: str,
        key: str = ONLY,
        *,
        made_from: Mapping[str, Any],
        write: Callable[[Path], Path | tuple[Path, Mapping[str, Any]]],
        code: str | None = None,
    ) -> Artifact:
        """As in a store where it is found, and the end of the step where it is not."""
        code = code or code_of_running_step()
        recipe = recipe_of(name, key, code, made_from)
        artifact = self.find(name, key, recipe)
        artifact = replace(artifact, lineage=lineage_for(name)) if artifact else None
        current, lineage = self.pointed_at(name, key)
        if self.publishes:
            self.expected[name, key] = artifact
            if artifact is not None and current == recipe and lineage != artifact.lineage:
                self.confirmed.append(artifact)
        if artifact is None or (self.publishes and current != recipe):
            why = self._why(name, key, recipe, code, made_from)
            about = "" if name == self.own[0] else f"{name} [{key}] "
            self.reasons.append(f"{about}{why}")
            self.missing.append(recipe)
        if artifact is None or (name, key) == self.own:
            raise _Answered
        return artifact

    def forget(self, name: str, key: str) -> None:
        """Nothing: a dry run leaves everything as it is."""

    def current(self, name: str, key: str = ONLY) -> Artifact:
        """What is expected there; the end of the step where that has to be computed first."""
        if (name, key) not in self.expected and (name, key) not in self.waiting:
            return Store.current(self, name, key)
        artifact = self.expected.get((name, key))
        if artifact is None:
            raise _Answered
        return artifact

    def _why(self, name: str, key: str, recipe: str, code: str, made_from: Mapping[str, Any]) -> str:
        before = self.pointer(name, key)
        if before is None:
            return "has not been made"
        if before == recipe:
            return "its file is missing, or is not the one that was written"
        try:
            about = self.recipe_of_current(name, key)
        except (MissingArtifactError, CorruptArtifactError):
            return "what it was made from cannot be read"
        changes = [] if about["code"] == code else ["its code, or a library it computes with, changed"]
        changes += differences(about["made_from"], json.loads(canonical_json(made_from)))
        more = len(changes) - _NAMED
        counted = [f"and {more} more"] if more > 0 else []
        return "; ".join([*changes[:_NAMED], *counted]) or "its recipe changed"


def differences(before: Any, after: Any, at: str = "") -> list[str]:
    """What differs between two values of JSON, in words.

    Examples
    --------
    >>> differences({"scoring": {"k": 5}, "bank": "0123456789abcdef"}, {"scoring": {"k": 3}, "bank": None})
    ['bank changed', 'scoring.k: 5 -> 3']
    >>> differences({"videos": [["a"], ["b"]]}, {"videos": [["b"], ["c"], ["d"]]})
    ['videos: 2 new, 1 gone']
    """
    if before == after:
        return []
    if isinstance(before, dict) and isinstance(after, dict):
        return [text for key in sorted({*before, *after}) for text in _of_key(before, after, key, at)]
    if isinstance(before, list) and isinstance(after, list):
        was, now = ({canonical_json(item) for item in items} for items in (before, after))
        counts = f"{len(now - was)} new, {len(was - now)} gone"
        return [f"{at}: {counts}" if was != now else f"{at}: in another order"]
    if all(_is_short(value) for value in (before, after)):
        return [f"{at}: {before} -> {after}"]
    return [f"{at} changed"]


def _of_key(before: dict[str, Any], after: dict[str, Any], key: str, at: str) -> Iterator[str]:
    path = f"{at}.{key}" if at else key
    if key not in before:
        yield f"{path} is new"
    elif key not in after:
        yield f"{path} is gone"
    else:
        yield from differences(before[key], after[key], path)


def _is_short(value: Any) -> bool:
    if isinstance(value, dict | list):
        return False
    return len(str(value)) <= _LONGEST and not _FINGERPRINT.fullmatch(str(value))
