"""A store whose disk fails or whose process is killed, at every operation in turn, and two of everything."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from interleavings import Site, at_operation, from_nothing, play, swept
from test_interleavings import TextSite

from faults.outcomes import Tally
from pipelines import plan

WORDS = ("one", "two", "six", "ten", "red", "blue", "old", "new")

FULL = {
    "disk full": lambda: OSError(errno.ENOSPC, "No space left on device"),
    "disk full, as polars says it": lambda: pl.exceptions.ComputeError(
        "No space left on device (os error 28)"
    ),
    "disk broken": lambda: OSError(errno.EIO, "Input/output error"),
}
"""How a disk fails: what is raised."""


@contextmanager
def two_contexts() -> Iterator[None]:
    """The graph of `TextSite`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "partitions_of", lambda graph, key: TextSite.partitions(key))
        yield
        swept()


def operations_of_a_build() -> int:
    """How many operations a build from nothing takes."""
    with at_operation(0, lambda: None) as count:
        play(TextSite(), (), lambda site: None)
    return count[0]


@two_contexts()
def failing_disk(every: int = 1) -> list[Tally]:
    """A build whose n-th operation fails, for every n: then one that goes on ends as if nothing had been."""
    last, tallies = operations_of_a_build(), []
    for how, error in FULL.items():
        tally = Tally(f"store: {how} at each of {last} operations")

        def fail(error: Callable[[], Exception] = error) -> None:
            raise error()

        for number in range(1, last + 1, every):
            tally.attempt(f"operation {number}", lambda: _goes_on(TextSite(), number, fail))  # noqa: B023
        tallies.append(tally)
    return tallies


def _goes_on(site: Site, number: int, fail: Callable[[], Any]) -> str:
    said = ""
    with at_operation(number, fail):
        try:
            site.converge()
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
    site.converge()
    if site.contents() != from_nothing(site, None, ["catalog"]):
        return "wrong: it ends otherwise than a build from nothing"
    return "clear error" if said else "right"


@two_contexts()
def killed(every: int = 1) -> Tally:
    """A build in a process of its own, killed at the n-th operation."""
    last = operations_of_a_build()
    tally = Tally(f"store: SIGKILL at each of {last} operations")
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    context = multiprocessing.get_context("forkserver")  # a fork of this one would wait for polars' threads
    context.set_forkserver_preload(["faults.stores"])
    for number in range(1, last + 1, every):
        tally.attempt(f"operation {number}", lambda: _survives(context, TextSite(), number))  # noqa: B023
    return tally


def _survives(context: Any, site: Site, number: int) -> str:
    process = context.Process(target=_build_until, args=(site, number))
    process.start()
    process.join()
    if process.exitcode != -signal.SIGKILL:
        return f"wrong: it was not killed ({process.exitcode})"
    site.converge()
    site.project.store.prune()  # what the killed process left half-written
    same = site.contents() == from_nothing(site, None, ["catalog"])
    return "right" if same else "wrong: it ends otherwise than a build from nothing"


def _build_until(site: Site, number: int) -> None:
    with two_contexts(), at_operation(number, lambda: os.kill(os.getpid(), signal.SIGKILL)):
        site.converge()


def together(folder: Path, home: Path, films: list[Path]) -> Tally:
    """Eight who add a sentence to one catalog file, and four who score into one folder, at once."""
    tally, catalog = Tally("two of everything at once"), folder / "catalog"
    catalog.mkdir()
    root = Path(__file__).resolve().parents[2]
    (catalog / "street.yaml").write_bytes((root / "catalog" / "street.yaml").read_bytes())
    environment = {**os.environ, "TRACES_CATALOG": str(catalog), "PYTHONPATH": os.pathsep.join(sys.path)}
    sentences = [f"a man in a coat number {word} walks by" for word in WORDS]
    add = [["bank", "add", "street", one, "--side", "normal"] for one in sentences]
    for done, sentence in zip(_at_once(add, home, environment), sentences, strict=True):
        kept = sentence in (catalog / "street.yaml").read_text()
        tally.note("right" if kept else "wrong", f"{sentence} is not there: {done}")
    environment["TRACES_CATALOG"] = str(root / "catalog")
    score = [["score", str(film), "--out", str(folder / "shared")] for film in films]
    said = _at_once(score, home, environment)
    scored = set(pl.read_parquet(folder / "shared" / "scores.parquet", glob=False)["video"])
    for film, done in zip(films, said, strict=True):
        tally.note("right" if str(film) in scored else "wrong", f"{film} is not there: {done}")
    return tally


def _at_once(commands: list[list[str]], home: Path, environment: dict[str, str]) -> list[str]:
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "traces_core.commands.main", *words],
            cwd=home,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for words in commands
    ]
    return [one.communicate(timeout=300)[0][-300:] for one in running]
