"""The whole graph as a newcomer runs it: once, again, and after one sentence has changed.

A real Dagster instance, real MLflow store, real videos, real encoders, in a folder of its own; each run is
a process of its own, as `make demo` is.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
import yaml

from traces_core.streams.table import ACTION, APPEARANCE, FUSED, streams_of

pytestmark = pytest.mark.whole
ROOT = Path(__file__).parents[1]
TINY = {
    "practice": {
        "training_clips": 28,
        "training_clip_s": 2.0,
        "training_videos": 2,
        "training_video_s": 11.0,
        "calibration_minutes": 1.0,
        "benchmark_videos": 6,
        "benchmark_video_s": 20.0,
    },
    "footage": {"shards": 2},
    "corpus": {"contexts": ["street", "corridor"]},
    "training": {"fusion": {"steps": 20, "evaluate_every": 10}},
    "calibration": {"false_alarms_per_hour": 60.0, "block_s": 10.0},
    "benchmark": {"bootstrap": 50},
}


@dataclass(frozen=True)
class Site:
    """A folder with settings, catalog, store and instance of its own."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "DAGSTER_HOME": str(self.folder),
            "TRACES_PARAMS": str(self.folder),
            "TRACES_DATA": str(self.folder / "data"),
            "TRACES_CATALOG": str(self.folder / "catalog"),
            "TRACES_REPORTS": str(self.folder / "reports"),
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.folder / 'mlruns.db'}",
            "PYTHONPATH": str(ROOT),
        }

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "pipelines.run", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=280,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def last_record(self) -> int:
        """The last record of the log of this instance."""
        with dg.DagsterInstance.from_config(str(self.folder)) as instance:
            return instance.event_log_storage.get_maximum_record_id() or 0

    def computed(self, since: int = 0) -> dict[str, set[str]]:
        """Which partitions of which assets the latest materialization of each computed, after a record."""
        by_asset: dict[str, set[str]] = {}
        with dg.DagsterInstance.from_config(str(self.folder)) as instance:
            for key in instance.get_asset_keys():
                latest: dict[str, bool] = {}
                for record in instance.fetch_materializations(key, limit=200).records:
                    is_computed = record.asset_materialization.metadata.get("computed")
                    if is_computed is not None and record.storage_id > since:
                        latest.setdefault(record.partition_key or "", bool(is_computed.value))
                by_asset[key.to_user_string()] = {part for part, is_new in latest.items() if is_new}
        return {name: parts for name, parts in by_asset.items() if parts}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "catalog", folder / "catalog")
    shutil.copy(ROOT / ".dagster" / "dagster.yaml", folder)
    (folder / "params.yaml").write_text(yaml.safe_dump(TINY))
    return Site(folder)


@pytest.fixture(scope="module")
def first(site: Site) -> str:
    return site.run("demo")


def test_one_command_makes_the_result_table(site: Site, first: str) -> None:
    rows = json.loads((site.folder / "reports" / "benchmark.json").read_text())["rows"]
    assert [row["stream"] for row in rows] == streams_of("traces")
    for row in rows:
        assert row["causal"] is True
        assert row["auc_low"] <= row["auc"] <= row["auc_high"]
        assert row["ground_truth"]["fingerprint"]
        assert "perfect_video_label_oracle_offline" in row["baselines"]
        assert row["stream"] in first
    pages = site.folder / "reports" / "benchmark"
    assert (pages / "index.html").stat().st_size > 10_000
    assert len(list((pages / "videos").glob("*.html"))) == TINY["practice"]["benchmark_videos"]


def test_every_asset_was_computed_once(site: Site, first: str) -> None:
    computed = site.computed()
    assert computed["video_features"] == {"shard-00", "shard-01"}
    assert computed["trace_corpus"] == set(TINY["corpus"]["contexts"])
    assert {"trace_index", "adapters", "thresholds", "benchmark_metrics", "benchmark_report"} <= set(computed)


def test_scores_lie_between_the_bounds_and_cover_every_benchmark_video(site: Site, first: str) -> None:
    tables = [pl.read_parquet(path) for path in (site.folder / "data" / "anomaly_scores").rglob("*.parquet")]
    scores = pl.concat(tables)
    cosines = scores.filter(pl.col("stream").is_in([APPEARANCE, FUSED, ACTION]))
    assert cosines["score"].is_between(-2, 2).all()
    counted = scores.filter(pl.col("stream") == "appearance").group_by("video_id").len()
    manifest = pl.read_parquet(next((site.folder / "data" / "videos").rglob("*.parquet")))
    assert set(counted["video_id"]) == set(manifest["video_id"])


def test_the_runs_are_in_mlflow_with_what_they_came_from(site: Site, first: str) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{site.folder / 'mlruns.db'}")
    runs = {
        name: client.search_runs([client.get_experiment_by_name(name).experiment_id])
        for name in ("traces", "traces training")
    }
    assert {name: len(some) for name, some in runs.items()} == {"traces": 1, "traces training": 1}
    logged = runs["traces"][0].data
    assert 0 <= logged.metrics["fused/auc"] <= 1
    assert logged.metrics["auc"] == logged.metrics["late/auc"]
    assert logged.params["scoring.k"] == "5"
    assert {"recipe", "git_commit", "dvc_revision", "dagster_run", "report"} <= set(logged.tags)
    assert len(runs["traces"][0].inputs.dataset_inputs) == 3
    champion = client.get_model_version_by_alias("traces", "champion")
    assert champion.run_id == runs["traces"][0].info.run_id


def test_a_second_run_computes_nothing(site: Site, first: str) -> None:
    before = site.last_record()
    assert "0 runs" in site.run("demo")
    assert site.last_record() == before


def test_one_changed_sentence_costs_its_context_and_what_hangs_on_it(site: Site, first: str) -> None:
    file = site.folder / "catalog" / "street.yaml"
    sentence = yaml.safe_load(file.read_text())["normal"][0]
    file.write_text(file.read_text().replace(sentence, sentence + " slowly", 1))
    before = site.last_record()
    site.run("demo")
    computed = site.computed(before)
    assert computed["trace_corpus"] == {"street"}
    assert computed["trace_embeddings"] == {"street"}
    assert {"trace_index", "anomaly_scores", "thresholds", "benchmark_metrics"} <= set(computed)
    assert not {"practice_footage", "videos", "annotations", "video_features", "adapters"} & set(computed)


def test_a_catalog_without_a_side_stops_the_run_and_says_where(site: Site, first: str) -> None:
    file = site.folder / "catalog" / "corridor.yaml"
    whole = file.read_text()
    file.write_text(re.sub(r"(?ms)^anomalous:.*", "anomalous: {}\n", whole))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pipelines.run", "demo"],
            cwd=site.folder,
            env=site.environment,
            capture_output=True,
            text=True,
            timeout=280,
        )
    finally:
        file.write_text(whole)
    assert done.returncode == 1
    assert "corridor.yaml" in done.stdout.replace("\n", "")
