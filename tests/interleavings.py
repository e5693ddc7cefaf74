"""A tiny site to which anything may happen in any order: edits, runs, kills and checkouts.

A run reads its inputs at one moment and writes at a later one; in between, anything may happen. A kill is an
exception that nothing catches, at any operation of the store. What is edited, and which parts are made, is in
the tests of each side.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, ClassVar

import dagster as dg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

import pipelines.definitions  # noqa: F401  the graph that is planned
from pipelines import plan
from pipelines.declared import DECLARED
from traces_core.errors import TracesError
from traces_core.project import Project
from traces_core.settings import Machine, Settings
from traces_core.steps.wiring import STEPS, inputs_of, keys_of_step
from traces_core.store import Store, artifacts

Operation = tuple[Any, ...]


class Killed(BaseException):
    """What nothing catches."""


@dataclass
class Site:
    """A project in a folder, the runs under way there, and what was current at earlier moments."""

    PARTS: ClassVar[tuple[tuple[str, str], ...]]
    """Asset and partition (empty where it has none) of what is made, in the order of the graph."""
    PROJECT: ClassVar[type[Project]] = Project
    """The project's class: with encoders that cost nothing."""
    folder: Path = field(default_factory=lambda: Path(mkdtemp(prefix="site-")))
    chosen: dict[str, Any] = field(default_factory=dict)
    """Settings."""
    under_way: list[Callable[[], object]] = field(default_factory=list)
    commits: list[dict[str, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.draw()

    def draw(self) -> None:
        """Settings, and what people edit, before anything happens."""
        raise NotImplementedError

    def edit(self, *change: Any) -> None:
        """What a person changes."""
        raise NotImplementedError

    @property
    def project(self) -> Project:
        machine = Machine(
            data=self.folder / "data", catalog=self.folder / "catalog", reports=self.folder, device="cpu"
        )
        return self.PROJECT(Store(machine.data), Settings(**self.chosen), machine)

    @classmethod
    def partitions(cls, key: dg.AssetKey) -> tuple[str, ...] | None:
        """The partitions of an asset; None where it has none."""
        return tuple(part for name, part in cls.PARTS if name == key.path[0] and part) or None

    def begin(self, name: str, part: str) -> None:
        """A run reads its inputs; what it makes of them comes when it ends."""
        project = self.project
        handed = DECLARED[dg.AssetKey(name)].arguments(project.store, part or None, self.partitions)
        handed = {one: handed[one] for one in inputs_of(STEPS[name])}  # an asset reports from others, too
        handed |= dict.fromkeys(keys_of_step(STEPS[name]), part)
        self.under_way.append(lambda: STEPS[name](project, **handed))

    def converge(self) -> None:
        """What the conditions and walks do: run what the plan says can begin, until nothing is due."""
        self.under_way.clear()
        for _ in range(len(self.PARTS) + 2):
            runs = plan.look(self.project, None, {dg.AssetKey(name) for name, _ in self.PARTS}).runs()
            if not runs:
                return
            for part in (part for run in runs for part in run.parts):
                self.begin(part.asset.path[0], part.partition or "")
                self.under_way.pop()()
        raise AssertionError("it does not come to an end")

    def pointers(self) -> dict[str, bytes]:
        root = self.project.store.root
        return {str(one.relative_to(root)): one.read_bytes() for one in sorted(root.glob("*/*/current"))}

    def checkout(self, pointers: dict[str, bytes]) -> None:
        """The data of another commit: what was current then is current now."""
        root = self.project.store.root
        for path in root.glob("*/*/current"):
            path.unlink()
        for name, content in pointers.items():
            (root / name).write_bytes(content)

    def contents(self) -> dict[str, Any]:
        """Every current artifact: its lineage, its recipe but for the seconds, and its bytes."""
        root = self.project.store.root
        contents = {}
        for name, pointer in self.pointers().items():
            folder, recipe = (root / name).parent, pointer.decode().partition("\n")[0]
            files = [one for one in sorted(folder.rglob("*")) if one.is_file() and recipe in str(one)]
            about = [line for one in files if one.name.endswith(".recipe.json")
                     for line in one.read_text().splitlines() if '"seconds"' not in line]  # fmt: skip
            data = [hashlib.sha256(one.read_bytes()).hexdigest() for one in files if one.suffix != ".json"]
            contents[name] = (pointer, about, data)
        return contents


def operations(
    site: type[Site], edits: st.SearchStrategy[Operation], most: int
) -> st.SearchStrategy[list[Operation]]:
    """Lists of what may happen at a site."""
    runs = st.tuples(st.just("run"), st.sampled_from(site.PARTS))
    edit = st.tuples(st.just("edit"), edits)
    others = (
        st.tuples(st.just("begin"), st.sampled_from(site.PARTS)),
        st.tuples(st.just("end"), st.integers(0, 3)),
        st.tuples(st.just("kill"), st.sampled_from(site.PARTS), st.integers(0, 12)),
        st.tuples(st.just("commit")),
        st.tuples(st.just("checkout"), st.integers(0, 3)),
        st.tuples(st.just("converge")),
    )
    some = st.one_of(
        st.tuples(edit, runs, runs, runs, runs),  # else the runs that matter after an edit hardly ever meet
        st.tuples(edit),
        *(st.tuples(one) for one in others),
    )
    return st.lists(some, max_size=most).map(lambda parts: [one for part in parts for one in part])


def follow(site: Site, operation: Operation) -> None:
    """One thing that happens; what is refused is not made."""
    match operation:
        case ["edit", change]:
            site.edit(*change)
        case ["begin", (name, part)]:
            with suppress(TracesError):  # its inputs were never made
                site.begin(name, part)
        case ["end", which] if site.under_way:
            with suppress(TracesError):
                site.under_way.pop(which % len(site.under_way))()
        case ["run", (name, part)]:
            with suppress(TracesError):
                site.begin(name, part)
                site.under_way.pop()()
        case ["kill", (name, part), moment]:
            with killed_at(moment), suppress(TracesError, Killed):
                site.begin(name, part)
                site.under_way.pop()()
        case ["commit"]:
            site.commits.append(site.pointers())
        case ["checkout", which] if site.commits:
            site.checkout(site.commits[which % len(site.commits)])
        case ["converge"]:
            site.converge()


@contextmanager
def killed_at(moment: int) -> Iterator[None]:
    """Within, the operation of that number on the disk of the store is the last one."""
    left = [moment]

    def dying(function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return function(*args, **kwargs)

        return run

    with pytest.MonkeyPatch.context() as patch:
        for name in (
            "write_whole",
            "move_to",
            "write_value",
            "content_fingerprint",
            "file_digest",
            "pointer_in",
        ):
            patch.setattr(artifacts, name, dying(getattr(artifacts, name)))
        yield


def play(site: Site, happens: Iterable[Operation], check: Callable[[Any], None]) -> Site:
    """A site after all of it, looked at after each."""
    try:
        site.converge()
        for operation in happens:
            follow(site, operation)
            check(site)
    finally:
        _played.append(site)
    return site


_played: list[Site] = []


def swept() -> None:
    """The folders of what was played are gone."""
    while _played:
        shutil.rmtree(_played.pop().folder, ignore_errors=True)


def from_nothing(site: Site, key: Any, edited: Iterable[str]) -> dict[str, Any]:
    """What a build gives in an empty folder, from the same settings and what was edited there.

    Parameters
    ----------
    key
        Says the same of equal sites.
    edited
        Folders to take over.
    """
    if key not in _known:
        fresh = type(site)(chosen=dict(site.chosen))
        for name in edited:
            shutil.rmtree(fresh.folder / name, ignore_errors=True)
            shutil.copytree(site.folder / name, fresh.folder / name)
        fresh.converge()
        _known[key] = fresh.contents()
        shutil.rmtree(fresh.folder)
    return _known[key]


_known: dict[Any, dict[str, Any]] = {}


def any_order(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[*HealthCheck],
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
    )
