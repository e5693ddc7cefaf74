"""The weekly bank: a real server writes, the real graph judges, and what is better replaces what is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from misbehaving_server import Misbehaving, misbehaving
from small_graph import PARAMS, write_footage
from weekly_writer import BAD, GOOD, PEACE, WRITING, reply

from traces_core.errors import SettingsError
from traces_core.metrics.promotion import MEASURES, TOLERANCE
from traces_core.settings import Machine, Settings
from traces_core.steps import footage as footage_step
from traces_core.steps.regeneration import write_seed
from traces_core.store import Store

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class TwoRuns:
    """What came of the two runs, and the folder they were in."""

    bad: dict[str, Any]
    good: dict[str, Any]
    home: Path
    server: Misbehaving


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> TwoRuns:
    home = tmp_path_factory.mktemp("weekly")
    write_footage(home)
    corpus = {"contexts": ["street"], "writer": "openai"}
    sets = {name: str(home / name) for name in footage_step.SETS}
    params = {**PARAMS, "corpus": corpus, "footage": {**sets, "shards": 1}}
    (home / "params.yaml").write_text(f"{yaml.safe_dump(params)}\n{WRITING}")
    shutil.copy(ROOT / ".dagster" / "dagster.yaml", home)
    with misbehaving(reply) as server:
        good, bad = _run(home, server, GOOD, BAD)
        return TwoRuns(bad, good, home, server)


def _run(home: Path, server: Misbehaving, *seeds: int) -> list[dict[str, Any]]:
    """What the job said for each seed, one after the other."""
    places = {"PARAMS": home, "DATA": home / "data", "REPORTS": home / "reports", "CATALOG": ROOT / "catalog"}
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("regenerating.py")), *map(str, seeds)],
        cwd=home,
        env={
            **os.environ,
            **{f"TRACES_{name}": str(place) for name, place in places.items()},
            "DAGSTER_HOME": str(home),
            "MLFLOW_TRACKING_URI": f"sqlite:///{home / 'mlruns.db'}",
            "OPENAI_BASE_URL": server.url,
            "NO_PROXY": "127.0.0.1",
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True,
        text=True,
        timeout=280,  # seconds on two idle cores: about 40
    )
    printed = done.stdout.splitlines()
    outcomes = [line.removeprefix("outcome ") for line in printed if line.startswith("outcome ")]
    assert len(outcomes) == len(seeds), done.stderr[-3000:]
    return [json.loads(line) for line in outcomes]


def _gain(facts: dict[str, Any], measure: str) -> float:
    return float(facts[f"new_{measure}"]) - float(facts[f"baseline_{measure}"])


def test_a_worse_bank_is_kept_aside_and_the_run_says_so(runs: TwoRuns) -> None:
    assert runs.bad["succeeded"] is True
    assert runs.bad["tag"] == runs.bad["new_bank"] == "kept aside"
    assert "of version 1" in runs.bad["reason"]
    assert min(_gain(runs.bad, name) for name in MEASURES) < 0
    assert runs.bad["seed_after"] == GOOD
    facts = json.loads((runs.home / "reports" / "regenerated" / f"seed-{BAD}.json").read_text())
    assert (facts["new_bank"], facts["seed"]) == ("kept aside", BAD)


def test_a_better_bank_replaces_the_present_one(runs: TwoRuns) -> None:
    assert "of the present detector" in runs.good["reason"]
    assert runs.good["succeeded"] is True
    assert runs.good["tag"] == runs.good["new_bank"] == "taken"
    assert max(_gain(runs.good, name) for name in MEASURES) > TOLERANCE
    assert min(_gain(runs.good, name) for name in MEASURES) >= -TOLERANCE
    assert runs.good["champion"].startswith("is")
    store = Store(Machine(data=runs.home / "data", catalog=ROOT, reports=ROOT, device="cpu").data)
    corpus = store.current("trace_corpus", "street").read()
    assert GOOD in set(corpus["seed"].drop_nulls())
    assert store.keys("benchmark_report")


@pytest.mark.parametrize("name", ["good", "bad"])
def test_the_page_says_what_the_bank_would_have_changed_taken_or_not(runs: TwoRuns, name: str) -> None:
    facts = getattr(runs, name)
    page = Path(facts["page"]).read_text()
    assert facts["new_bank"] in page
    assert facts["reason"].split(",")[0] in page
    assert facts["changes"] in page
    sentence = f"{PEACE[0].capitalize()} by the gate." if name == "bad" else "A fight breaks out by the gate."
    added, dropped = page.split('id="added"')[1].split('id="dropped"')
    assert sentence in added
    assert sentence not in dropped
    assert int(facts["sentences_added"]) == added.count('<th scope="row">') > 0
    assert int(facts["sentences_dropped"]) == dropped.count('<th scope="row">') > 0
    assert "fight" in facts["classes"]


def test_every_bank_that_was_judged_is_a_run_of_mlflow_taken_or_not(runs: TwoRuns) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{runs.home / 'mlruns.db'}")
    experiment = client.get_experiment_by_name("traces").experiment_id
    found = client.search_runs([experiment], "tags.kind = 'candidate'")
    judged = {run.data.params["seed"]: run.data for run in found}
    gates = {seed: data.tags["gate"] for seed, data in judged.items()}
    assert gates == {str(BAD): "kept aside", str(GOOD): "passed"}
    bad, good = judged[str(BAD)], judged[str(GOOD)]
    assert bad.tags["gate_reason"] == runs.bad["reason"]
    assert bad.metrics["auc"] == float(runs.bad["new_auc"])
    differ = {
        name
        for name in bad.params.keys() | good.params.keys()
        if bad.params.get(name) != good.params.get(name)
    }
    assert differ == {"bank", "context.street", "corpus", "seed", "writing.seed"}
    assert len(bad.params) < 60


def test_the_seed_is_written_where_people_see_it_and_no_other_byte_changes(runs: TwoRuns) -> None:
    text = (runs.home / "params.yaml").read_text()
    assert text.endswith(f"  maximum_cosine: 1.0\n  seed: {GOOD} # ours\n")
    assert Settings.load(runs.home, profile="").writing.seed == GOOD


def test_the_language_model_was_asked_with_each_seed(runs: TwoRuns) -> None:
    seeds = {request.body["seed"] // 100 * 100 for request in runs.server.requests}
    assert {0, BAD, GOOD} <= seeds


# writing the seed


@pytest.mark.parametrize(
    "writing",
    [
        "",  # no section
        "writing:\n  model: m\n",  # no line
        "writing: {seed: 0}\n",  # not on a line of its own
    ],
)
def test_a_file_without_a_line_for_the_seed_is_left_alone(tmp_path: Path, writing: str) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("corpus:\n  contexts: [street]\n" + writing + "training:\n  fusion:\n    seed: 3\n")
    before = file.read_text()
    with pytest.raises(SettingsError, match="add one"):
        write_seed(tmp_path, 5)
    assert file.read_text() == before


def test_a_seed_that_another_file_sets_is_not_written_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "params.yaml").write_text("corpus:\n  contexts: [street]\nwriting:\n  seed: 1\n")
    (tmp_path / "params.paper.yaml").write_text("writing:\n  seed: 2\n")
    monkeypatch.setenv("TRACES_PROFILE", "paper")
    with pytest.raises(SettingsError, match="another file"):
        write_seed(tmp_path, 5)
    assert "seed: 1" in (tmp_path / "params.yaml").read_text()


def test_the_old_seed_comes_back_where_the_new_bank_cannot_be_made(tmp_path: Path) -> None:
    from pipelines.regenerate import take

    file = tmp_path / "params.yaml"
    file.write_text("corpus:\n  contexts: [street]\nwriting:\n  # ours\n\n  seed: 1\n")
    before, seen = file.read_text(), []

    def fail() -> None:
        seen.append(Settings.load(tmp_path, profile="").writing.seed)
        file.write_text(file.read_text() + "# edited while the bank was made\n")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take(tmp_path, 7, fail)
    assert seen == [7]
    assert file.read_text() == f"{before}# edited while the bank was made\n"
