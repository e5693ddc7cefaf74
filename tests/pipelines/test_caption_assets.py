"""The caption chapter in Dagster: it materializes without a table, and its gates let that pass."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
import yaml

from assets import captions, checks
from pipelines.asset import ArtifactIOManager
from pipelines.resources import ProjectResource

ROOT = Path(__file__).resolve().parents[2]


def test_without_a_table_the_assets_are_empty_and_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACES_TEXT_ENCODER", "/nowhere/at/all")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"corpus": {"contexts": ["street"]}}))
    project = ProjectResource(
        data=str(tmp_path / "data"), catalog=str(ROOT / "catalog"), params=str(tmp_path)
    )
    gates = [checks.caption_traces_are_sound, checks.caption_scores_are_sound]
    done = dg.materialize(
        [captions.caption_embeddings, captions.caption_scores, *gates],
        resources={"project": project, "io_manager": ArtifactIOManager(project=project)},
    )
    assert done.success
    assert [one.passed for one in done.get_asset_check_evaluations()] == [True, True]
    metadata = done.asset_materializations_for_node("caption_scores")[0].metadata
    assert metadata["stretches"].value == 0
