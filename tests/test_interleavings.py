"""Any interleaving of edits, runs, kills and checkouts ends as a build from nothing, and mixes nothing.

The text side of the real graph at two contexts of three sentences a side: corpora, vectors, bank.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest
from drawn_text_encoder import DrawnTextEncoder
from hypothesis import example, find, given
from hypothesis import strategies as st
from interleavings import Operation, Site, any_order, from_nothing, operations, play, swept

from pipelines import plan
from traces_core.bank.bank import Bank
from traces_core.project import Project
from traces_core.steps import bank
from traces_core.store import Artifact, running
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
ENCODER = DrawnTextEncoder()


class DrawnProject(Project):
    """A project with an encoder that costs nothing."""

    @property
    def clip(self) -> DrawnTextEncoder:  # type: ignore[override]
        return ENCODER


class TextSite(Site):
    """Two contexts that people edit."""

    PARTS = (
        *((name, one) for name in ("trace_corpus", "trace_embeddings") for one in CONTEXTS),
        ("trace_index", ""),
    )
    PROJECT = DrawnProject

    def draw(self) -> None:
        (self.folder / "catalog").mkdir()
        self.chosen = self.chosen or {"corpus": {"contexts": list(CONTEXTS)}}
        for context in CONTEXTS:
            self.edit(context, "as it was")

    def edit(self, what: str, value: Any) -> None:
        """The sentences of a context, or the setting."""
        if what == "near":
            self.chosen = {"corpus": {**self.chosen["corpus"], "near_duplicate_cosine": value}}
            return
        lines = [
            f"context: {what}",
            f"scene: a {what}",
            "normal:",
            *(f"  - {one}" for one in SENTENCES[value]),
        ]
        lines += ["anomalous:", "  fight:", *(f"    - {one}" for one in FIGHTS)]
        (self.folder / "catalog" / f"{what}.yaml").write_text("\n".join(lines) + "\n")


@pytest.fixture(autouse=True)
def two_contexts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(plan, "partitions_of", lambda graph, key: TextSite.partitions(key))
    yield
    swept()


def check_no_mixture(site: Site) -> None:
    """Every vector of the current bank is that of its sentence, and the current vectors those of theirs."""
    store = site.project.store
    for name in store.keys("trace_index"):
        held = Bank.load(store.current("trace_index", name).path)
        for side in ("normal", "anomalous"):
            texts = [held.trace(int(one)).text for one in held.trace_ids(side)]
            np.testing.assert_array_equal(held.vectors(side), ENCODER.encode_texts(texts))


EDITS = st.one_of(
    st.tuples(st.sampled_from(CONTEXTS), st.sampled_from([*SENTENCES])),
    st.tuples(st.sampled_from(CONTEXTS), st.sampled_from([*SENTENCES])),
    st.tuples(st.sampled_from(CONTEXTS), st.sampled_from([*SENTENCES])),
    st.tuples(st.just("near"), st.sampled_from(NEAR)),
)
OPERATIONS = operations(TextSite, EDITS, most=6)
THE_FAULT: list[Operation] = [
    ("edit", ("street", "reworded")),
    ("run", TextSite.PARTS[0]),
    ("run", TextSite.PARTS[-1]),
]
"""The index runs before the vectors that belong to the new corpus."""


@any_order(300)
@given(OPERATIONS)
@example(THE_FAULT)
def test_whatever_happens_it_ends_as_a_build_from_nothing(happens: list[Operation]) -> None:
    site = play(TextSite(), happens, check_no_mixture)
    site.converge()
    catalog = tuple((site.folder / "catalog" / f"{one}.yaml").read_text() for one in CONTEXTS)
    assert site.contents() == from_nothing(site, (catalog, str(site.chosen)), ("catalog",))
    swept()


def test_without_the_checks_a_mixture_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checks are what the property rests on: by position, and with no look at versions, it is false."""

    def unchecked(handed: Any, *, where: str) -> dict[str, str]:
        return {}

    def by_position(corpora: list[Artifact], vectors: list[Artifact]) -> tuple[pl.DataFrame, Any]:
        tables = [one.read() for one in corpora]
        units = np.concatenate([one.read()["vectors"] for one in vectors])
        joined = join_corpora(tables)
        return joined, units[: len(joined)]

    def is_mixed(happens: list[Operation]) -> bool:
        try:
            play(TextSite(), happens, check_no_mixture)
        except (AssertionError, ValueError):
            return True
        return False

    monkeypatch.setattr(running, "lineage_of", unchecked)
    monkeypatch.setattr(bank, "kept_traces", by_position)
    assert is_mixed(THE_FAULT)
    assert find(OPERATIONS, is_mixed, settings=any_order(300))
