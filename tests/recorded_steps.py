"""Every function of ours, and every library, that runs while a step does: what a closure is held against."""

from __future__ import annotations

import gc
import importlib
import pkgutil
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from types import CodeType, FrameType
from typing import Any

from traces_core.store import resolving, running
from traces_core.store.source import find_module
from traces_core.video.isolation import in_process

ENCODING = {"ClipEncoder.encode_texts", "ClipEncoder.encode_images", "TimesformerEncoder.encode_windows"}
"""Methods that run an encoder."""


@dataclass
class Recorded:
    """What ran, by `module:name` of the step that ran innermost."""

    functions: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Top-level definitions, as `module:name`."""
    libraries: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Packages outside the standard library that these called."""
    encoders: set[str] = field(default_factory=set)
    """Steps within which an encoder encoded something."""


@contextmanager
def recording() -> Iterator[Recorded]:
    """Within, whatever a step runs is noted, in every thread."""
    for package in resolving.OURS:  # what runs at import belongs to no step
        _import_all(package)
    recorded, current = Recorded(), [""]
    main = threading.get_ident()
    collecting = False

    def watch(phase: str, _: dict[str, int]) -> None:
        nonlocal collecting
        collecting = phase == "start"

    def note(frame: FrameType, event: str, argument: Any) -> None:
        # What ends with a collection belongs to whoever began it.
        if collecting or event not in ("call", "c_call"):
            return
        if threading.get_ident() == main:
            step = running._running.get()
            current[0] = "" if step is None else f"{step.function.__module__}:{step.function.__qualname__}"
        step = current[0]
        if not step:
            return
        if event == "c_call":
            if _follows(frame):
                owner = getattr(argument, "__module__", None)
                owner = owner or type(getattr(argument, "__self__", 0)).__module__
                recorded.libraries[step].add(str(owner).partition(".")[0])
            return
        own = _own(frame)
        if own:
            recorded.functions[step].add(own)
            if frame.f_code.co_qualname in ENCODING:
                recorded.encoders.add(step)
            return
        caller = frame.f_back
        if caller is not None and _follows(caller):
            recorded.libraries[step].add(str(frame.f_globals.get("__name__")).partition(".")[0])

    gc.callbacks.append(watch)
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        with in_process():  # where decoding can be watched
            yield recorded
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
        gc.callbacks.remove(watch)


def _follows(frame: FrameType) -> bool:
    """Whether a frame is of ours, and of what closures hold: what the store calls is left out with it."""
    own = _own(frame)
    return own is not None and not resolving.is_left_out(own.partition(":")[0])


def _own(frame: FrameType) -> str | None:
    """The top-level definition that runs in a frame, as `module:name`; None where it is not ours."""
    module = str(frame.f_globals.get("__name__"))
    if not frame.f_code.co_filename.startswith("<"):
        return _definition(frame.f_code, module)
    owner = type(frame.f_locals.get("self"))  # a dataclass's own methods are written at run time
    name = f"{owner.__module__}:{owner.__qualname__.partition('.')[0]}"
    return name if owner.__module__.partition(".")[0] in resolving.OURS else None


@cache
def _definition(running: CodeType, module: str) -> str | None:
    """The top-level definition that a piece of code is part of; None where it is not ours."""
    if module.partition(".")[0] not in resolving.OURS:
        return None
    if running.co_name == "<module>":
        return None
    line = running.co_firstlineno
    source = find_module(module)
    for name, definition in () if source is None else source.definitions.items():
        for statement in definition.statements:
            first = min([statement.lineno, *(one.lineno for one in getattr(statement, "decorator_list", ()))])
            if first <= line <= (statement.end_lineno or first):
                return f"{module}:{name}"
    return f"{module}:{running.co_qualname}"


def _import_all(package: str) -> None:
    try:
        top = importlib.import_module(package)
    except ModuleNotFoundError:
        return
    for one in pkgutil.walk_packages(top.__path__, f"{package}."):
        if not one.name.endswith("__main__"):
            importlib.import_module(one.name)
