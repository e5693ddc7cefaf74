"""Ablations of the text side, on the small graph: every variant is measured, and is another variant."""

from __future__ import annotations

import pytest
from small_graph import made_bank

from traces_core.project import Project
from traces_core.scoring.choice import ScorerChoice
from traces_core.steps import ablations
from traces_core.streams.table import APPEARANCE, FUSED


def by_variant(rows: list[ablations.Row], stream: str) -> dict[str, float]:
    return {row["variant"]: row["auc"] for row in rows if row["stream"] == stream}


def test_every_scorer_is_measured_on_both_streams_and_the_default_as_in_the_main_run(
    small_project: Project,
) -> None:
    rows = ablations.rows.scorers(small_project)
    main = ablations.streams_of(small_project)
    for stream in (APPEARANCE, FUSED):
        aucs = by_variant(rows, stream)
        assert list(aucs) == [f"scorer = {name}" for name in ScorerChoice.names()]
        assert aucs["scorer = difference"] == main[stream]["auc"]
        assert all(0 <= auc <= 1 for auc in aucs.values())
    assert len(set(by_variant(rows, APPEARANCE).values())) > 1


def test_every_control_of_the_scene_is_measured(small_project: Project) -> None:
    rows = ablations.rows.scene(small_project)
    names = [f"scene = {scene}" for scene in ("none", "generic", "matched", "mismatched")]
    assert list(by_variant(rows, APPEARANCE)) == list(by_variant(rows, FUSED)) == names


@pytest.mark.parametrize("scene", ["none", "generic", "mismatched"])
def test_a_control_of_the_scene_changes_the_scene_sentences_and_nothing_else(
    small_project: Project, scene: str
) -> None:
    _, matched = made_bank(small_project.variant())
    _, other = made_bank(small_project.variant(corpus__scene=scene))
    before, after = (set(bank.corpus["trace_id"]) for bank in (matched, other))
    contexts = len(matched.contexts)
    assert len(before - after) == contexts
    assert len(after - before) == (0 if scene == "none" else contexts)
    changed = other.corpus.filter(other.corpus["trace_id"].is_in(list(after - before)))
    assert set(changed["side"]) <= {"normal"}
