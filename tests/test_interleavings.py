"""Any interleaving of edits, runs, kills and checkouts ends as a build from nothing, and mixes nothing.

The text side of the real graph at two contexts of three sentences a side: corpora, vectors, bank. A run reads
its inputs at one moment and writes at a later one; in between, anything may happen. A kill is an exception
that nothing catches, at any operation of the store.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pytest
from drawn_text_encoder import DrawnTextEncoder
from hypothesis import HealthCheck, Phase, example, find, given, settings
from hypothesis import strategies as st

import pipelines.definitions  # noqa: F401  the graph that is planned
from pipelines import plan
from pipelines.declared import DECLARED
from traces_core.bank.bank import Bank
from traces_core.errors import TracesError
from traces_core.project import Project
from traces_core.settings import Machine, Settings
from traces_core.steps import bank
from traces_core.steps.wiring import STEPS
from traces_core.store import Artifact, Store, artifacts, running
from traces_core.text.corpus import join_corpora

CONTEXTS = ("street", "yard")
SENTENCES = {
    "as it was": ["a man walks on the road", "a woman waits", "a car stands on the road"],
    "reworded": ["a man walks on the road", "a woman waits at night", "a car stands on the road"],
    "longer": ["a man walks on the road", "a woman waits", "a car stands on the road", "a child plays"],
    "shorter": ["a man walks on the road", "a car stands on the road"],
}
FIGHTS = ["a man fights", "a man punches a woman", "a woman falls"]
NEAR = (0.98, 0.6)
"""Values of a setting that decides which vectors the bank takes."""
PARTS = [(name, one) for name in ("trace_corpus", "trace_embeddings") for one in CONTEXTS] + [
    ("trace_index", "")
]


class DrawnProject(Project):
    """A project with an encoder that costs nothing."""

    @property
    def clip(self) -> DrawnTextEncoder:  # type: ignore[override]
        return ENCODER


ENCODER = DrawnTextEncoder()


class Killed(BaseException):
    """What nothing catches."""


@dataclass
class Site:
    """A project in a folder, the runs under way there, and what was current at earlier moments."""

    folder: Path
    near: float = NEAR[0]
    under_way: list[Callable[[], object]] = field(default_factory=list)
    commits: list[dict[str, bytes]] = field(default_factory=list)

    @classmethod
    def new(cls) -> Site:
        site = cls(Path(mkdtemp(prefix="site-")))
        (site.folder / "catalog").mkdir()
        for context in CONTEXTS:
            site.edit(context, "as it was")
        return site

    def edit(self, context: str, variant: str) -> None:
        lines = [
            f"context: {context}",
            f"scene: a {context}",
            "normal:",
            *(f"  - {one}" for one in SENTENCES[variant]),
        ]
        lines += ["anomalous:", "  fight:", *(f"    - {one}" for one in FIGHTS)]
        (self.folder / "catalog" / f"{context}.yaml").write_text("\n".join(lines) + "\n")

    @property
    def project(self) -> Project:
        chosen = {"corpus": {"contexts": list(CONTEXTS), "near_duplicate_cosine": self.near}}
        machine = Machine(
            data=self.folder / "data", catalog=self.folder / "catalog", reports=self.folder, device="cpu"
        )
        return DrawnProject(Store(machine.data), Settings(**chosen), machine)

    def begin(self, name: str, part: str) -> None:
        """A run reads its inputs; what it makes of them comes when it ends."""
        project = self.project
        inputs = DECLARED[dg.AssetKey(name)].arguments(project.store, part or None, _partitions)
        handed = {"context": part} if name == "trace_corpus" else inputs
        self.under_way.append(lambda: STEPS[name](project, **handed))

    def converge(self) -> None:
        """What the conditions and walks do: run what the plan says can begin, until nothing is due."""
        self.under_way.clear()
        for _ in range(6):
            runs = plan.look(self.project, None, {dg.AssetKey(name) for name, _ in PARTS}).runs()
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


def _partitions(key: dg.AssetKey) -> tuple[str, ...] | None:
    return None if key.path[0] == "trace_index" else CONTEXTS


@pytest.fixture(autouse=True)
def two_contexts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "partitions_of", lambda graph, key: _partitions(key))


def check_no_mixture(site: Site) -> None:
    """Every vector of the current bank is that of its sentence, and the current vectors those of theirs."""
    store = site.project.store
    for name in store.keys("trace_index"):
        held = Bank.load(store.current("trace_index", name).path)
        for side in ("normal", "anomalous"):
            texts = [held.trace(int(one)).text for one in held.trace_ids(side)]
            np.testing.assert_array_equal(held.vectors(side), ENCODER.encode_texts(texts))


EDIT = st.tuples(st.just("edit"), st.sampled_from(CONTEXTS), st.sampled_from([*SENTENCES]))
RUN = st.tuples(st.just("run"), st.sampled_from(PARTS))
OTHERS = (
    st.tuples(st.just("set"), st.sampled_from(NEAR)),
    st.tuples(st.just("begin"), st.sampled_from(PARTS)),
    st.tuples(st.just("end"), st.integers(0, 3)),
    st.tuples(st.just("kill"), st.sampled_from(PARTS), st.integers(0, 12)),
    st.tuples(st.just("commit")),
    st.tuples(st.just("checkout"), st.integers(0, 3)),
    st.tuples(st.just("converge")),
)
SOME = st.one_of(
    st.tuples(EDIT, RUN, RUN, RUN, RUN),  # else the runs that matter after an edit hardly ever meet
    st.tuples(EDIT),
    *(st.tuples(one) for one in OTHERS),
)
OPERATIONS = st.lists(SOME, max_size=6).map(lambda parts: [one for part in parts for one in part])
THE_FAULT = [("edit", "street", "reworded"), ("run", PARTS[0]), ("run", PARTS[-1])]
"""The index runs before the vectors that belong to the new corpus."""


def follow(site: Site, operation: tuple[Any, ...]) -> None:
    """One thing that happens; what is refused is not made."""
    match operation:
        case ["edit", context, variant]:
            site.edit(context, variant)
        case ["set", near]:
            site.near = near
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
            "write_text",
            "move_to",
            "write_value",
            "content_fingerprint",
            "file_digest",
            "pointer_in",
        ):
            patch.setattr(artifacts, name, dying(getattr(artifacts, name)))
        yield


def play(operations: list[tuple[Any, ...]]) -> Site:
    """A site after all of them, looked at after each."""
    site = Site.new()
    try:
        site.converge()
        for operation in operations:
            follow(site, operation)
            check_no_mixture(site)
    finally:
        played.append(site)
    return site


played: list[Site] = []


@pytest.fixture(autouse=True)
def swept() -> Iterator[None]:
    yield
    while played:
        shutil.rmtree(played.pop().folder)


def _built_from_nothing(catalog: str, near: float) -> dict[str, Any]:
    fresh = Site(Path(mkdtemp(prefix="site-")), near)
    shutil.copytree(catalog, fresh.folder / "catalog")
    fresh.converge()
    contents = fresh.contents()
    shutil.rmtree(fresh.folder)
    return contents


def from_nothing(site: Site) -> dict[str, Any]:
    """What a build of this catalog and these settings gives in an empty folder."""
    texts = tuple((site.folder / "catalog" / f"{one}.yaml").read_text() for one in CONTEXTS)
    key = (texts, site.near)
    if key not in _KNOWN:
        _KNOWN[key] = _built_from_nothing(str(site.folder / "catalog"), site.near)
    return _KNOWN[key]


_KNOWN: dict[Any, dict[str, Any]] = {}
any_order = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[*HealthCheck],
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
)


@any_order
@given(OPERATIONS)
@example(THE_FAULT)
def test_whatever_happens_it_ends_as_a_build_from_nothing(operations: list[tuple[Any, ...]]) -> None:
    site = play(operations)
    site.converge()
    assert site.contents() == from_nothing(site)
    shutil.rmtree(site.folder)
    played.remove(site)


def test_without_the_checks_a_mixture_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checks are what the property rests on: by position, and with no look at versions, it is false."""

    def unchecked(handed: Any, *, where: str) -> dict[str, str]:
        return {}

    def by_position(corpora: list[Artifact], vectors: list[Artifact]) -> tuple[pl.DataFrame, Any]:
        tables = [one.read() for one in corpora]
        units = np.concatenate([one.read()["vectors"] for one in vectors])
        joined = join_corpora(tables)
        return joined, units[: len(joined)]

    def is_mixed(operations: list[tuple[Any, ...]]) -> bool:
        try:
            play(operations)
        except (AssertionError, ValueError):
            return True
        return False

    monkeypatch.setattr(running, "lineage_of", unchecked)
    monkeypatch.setattr(bank, "kept_traces", by_position)
    assert is_mixed(THE_FAULT)
    assert find(OPERATIONS, is_mixed, settings=any_order)
