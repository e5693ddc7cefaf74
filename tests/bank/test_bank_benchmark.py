"""The benchmark of the bank, on a few thousand traces: it runs, and says what it promises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import bank

PROMISED = {
    "vectors", "exact_ms_per_query", "index_ms_per_query", "recall_at_5", "build_s", "update_200_s",
    "exact_ms_batched", "index_ms_batched", "context_ms_per_query", "speed_up", "speed_up_batched", "threads",
    "memory_mib", "build_without_training_s", "update_share_of_build", "disk_mib", "load_s",
}  # fmt: skip


def test_the_benchmark_runs_on_a_small_bank_and_writes_what_it_promises(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bank.main(["--vectors", "6000", "--dimensions", "128", "--reports", str(tmp_path)])
    measured = json.loads((tmp_path / "bank_speed.json").read_text())
    assert measured == json.loads(capsys.readouterr().out)
    assert set(measured) >= PROMISED
    assert measured["vectors"] == 6000
    assert measured["recall_at_5"] >= 0.99
    assert "normal.faiss" in measured["disk_mib"]  # an index was measured, not brute force twice
    assert [path.name for path in tmp_path.iterdir()] == ["bank_speed.json"]
