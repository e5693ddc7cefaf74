"""What a person does in the two user interfaces, done by a browser: `make e2e`.

    a small graph is made ──> make ui ──> Dagster: look, click, edit a sentence, break a gate, regenerate
                                     └──> MLflow: compare two runs

Not collected by pytest: it takes minutes and a Chromium. It fails where something that a person would look
for cannot be found; that it also looks right, the pictures in reports/e2e/ are for.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(Path(__file__).parent)]

from browser import MissingError, Page, browser  # noqa: E402
from misbehaving_server import misbehaving  # noqa: E402
from small_graph import PARAMS, street_fight, write_footage, write_lossless  # noqa: E402
from weekly_writer import BAD, GOOD, WRITING, reply  # noqa: E402

from pipelines.walk import PROCESS  # noqa: E402

PICTURES = ROOT / "reports" / "e2e"


@dataclass(frozen=True)
class Site:
    """A folder with footage, settings, a store and an instance of its own, and the ports of its servers."""

    folder: Path
    dagster: int
    mlflow: int
    writer: str
    """URL of the server that plays the language model."""

    @property
    def environment(self) -> dict[str, str]:
        named = {name: self.folder / name.lower() for name in ("DATA", "CATALOG", "REPORTS", "INBOX")}
        return {
            **os.environ,
            **{f"TRACES_{name}": str(path) for name, path in named.items()},
            "TRACES_PARAMS": str(self.folder),
            "DAGSTER_HOME": str(self.folder),
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.folder / 'mlruns.db'}",
            "DAGSTER_PORT": str(self.dagster),
            "MLFLOW_PORT": str(self.mlflow),
            "OPENAI_BASE_URL": self.writer,
            "NO_PROXY": "127.0.0.1",
            "PYTHONPATH": str(ROOT),
        }

    @property
    def ui(self) -> str:
        return f"http://127.0.0.1:{self.dagster}"

    def demo(self) -> None:
        """What `make demo` does, on seconds of footage."""
        subprocess.run(
            [sys.executable, "-m", "pipelines.run", "demo"], cwd=ROOT, env=self.environment, check=True
        )

    def instance(self) -> dg.DagsterInstance:
        return dg.DagsterInstance.from_config(str(self.folder))


def make_site(folder: Path, writer: str) -> Site:
    """Footage of seconds, one context, two shards; made twice, so that two benchmarks can be compared."""
    write_footage(folder)
    shutil.copytree(ROOT / "catalog", folder / "catalog")
    (folder / "inbox").mkdir()
    shutil.copy(ROOT / ".dagster" / "dagster.yaml", folder)
    sets = {name: str(folder / name) for name in ("training", "calibration", "benchmark")}
    site = Site(folder, _free_port(), _free_port(), writer)
    for k in (1, 3):
        corpus = {"corpus": {"contexts": ["street"], "writer": "openai"}}
        params = {**PARAMS, **corpus, "footage": {**PARAMS["footage"], **sets}, "scoring": {"k": k}}
        (folder / "params.yaml").write_text(f"{yaml.safe_dump(params)}\n{WRITING}")
        site.demo()
    return site


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def served(site: Site) -> Iterator[None]:
    """`make ui`, until the block ends."""
    log = (site.folder / "servers.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines.servers"], cwd=ROOT, env=site.environment, stdout=log, stderr=log
    )
    try:
        for port, path in ((site.dagster, "/server_info"), (site.mlflow, "/health")):
            _until(lambda port=port, path=path: _answers(port, path), f"nothing answers at port {port}", 300)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=120)


def _answers(port: int, path: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _until(holds: Callable[[], bool], otherwise: str, timeout_s: float) -> None:
    end = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > end:
            raise MissingError(f"{otherwise} after {timeout_s:g} s")
        time.sleep(1.0)


# Dagster


def look_at_the_graph(page: Page, site: Site) -> None:
    """The graph as a whole, its groups in reading order, and what runs unattended."""
    page.open(f"{site.ui}/asset-groups", "1_sources", "2_text", "5_benchmark")
    page.picture("graph")
    page.open(f"{site.ui}/automation", "inbox", "when_out_of_date", "regenerate_bank_weekly")
    page.wait("Scheduled At 03:00")
    page.picture("automation", rest_s=3.0)
    page.open(f"{site.ui}/jobs", "rebuild_bank", "score_footage", "regenerate_bank", "demo")
    page.picture("jobs")


def look_at_what_was_made(page: Page, site: Site) -> None:
    """Pages of assets: their words and numbers, and behind a click their tables, curves and frames."""
    parts = {"trace_corpus": "street", "anomaly_scores": "shard-00", "alarms": "shard-00"}
    expected = {
        "trace_corpus": ("sentences", "anomalous"),
        "trace_index": ("picture", ""),
        "adapters": ("curves", ""),
        "anomaly_scores": ("its_moment", "fused"),
        "alarms": ("highest", "peak_score"),
        "benchmark_metrics": ("picture", ""),
        "annotations": ("by_class", "fight"),
    }
    for asset, (row, text) in expected.items():
        part = f"view=partitions&partition={parts[asset]}" if asset in parts else "view=events"
        page.open(f"{site.ui}/assets/{asset}?{part}", asset, "recipe")
        page.picture(asset)
        page.wait(row)
        if not page.has("[Show Markdown]", "*", beside=row):
            continue  # it is short, and stands in the table
        page.click("[Show Markdown]", "*", beside=row)
        page.wait(text or row)
        if row in {"picture", "curves", "its_moment"}:
            _until(lambda: bool(page.pictures_on_page()), f"{asset}: {row} shows no picture", 60)
        page.picture(f"{asset}-{row}")
        page.escape()


def materialize_by_clicking(page: Page, site: Site) -> None:
    """One asset from its page: the run succeeds, and its gate is there to be read."""
    with site.instance() as instance:
        before = _materializations(instance, "trace_index")
    page.open(f"{site.ui}/assets/trace_index?view=overview", "Materialize")
    page.click("Materialize")
    page.picture("materialize")
    with site.instance() as instance:
        _until(lambda: _materializations(instance, "trace_index") > before, "trace_index was not made", 300)
    page.open(f"{site.ui}/assets/trace_index?view=checks", "index_finds_what_is_there", "recall@", "Passed")
    page.picture("checks")


def _materializations(instance: dg.DagsterInstance, asset: str) -> int:
    return len(instance.fetch_materializations(dg.AssetKey(asset), limit=1000).records)


def launch_a_job(page: Page, site: Site) -> None:
    """The whole bank by one click: the job walks the graph, and each of its runs is one in the list."""
    page.open(f"{site.ui}/jobs", "rebuild_bank")
    page.click("rebuild_bank", "a")
    page.click("Launchpad", "a, button")
    page.click("Launch Run", "button")
    with site.instance() as instance:
        _until(lambda: bool(_finished(instance, "rebuild_bank")), "rebuild_bank did not succeed", 600)
        run = _finished(instance, "rebuild_bank")[0]
    page.open(f"{site.ui}/runs/{run.run_id}", "make_bank", "Success")
    page.picture("job")
    page.open(f"{site.ui}/runs", "rebuild_bank")
    page.picture("runs")


def _finished(instance: dg.DagsterInstance, job: str) -> list[dg.DagsterRun]:
    return list(instance.get_runs(dg.RunsFilter(job_name=job, statuses=[dg.DagsterRunStatus.SUCCESS])))


def re_execute_and_backfill(page: Page, site: Site) -> None:
    """A run of the terminal is on the Timeline and can be run again; partitions are backfilled."""
    with site.instance() as instance:
        made = [run for run in instance.get_runs() if PROCESS in run.tags and run.is_success]
        if not made:
            raise MissingError("no run of a terminal is there to be run again")
        again = _ask(
            site,
            """mutation ($it: ReexecutionParams) { launchRunReexecution(reexecutionParams: $it) {
            __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }""",
            {"parentRunId": made[0].run_id, "strategy": "ALL_STEPS"},
        )["launchRunReexecution"]
        if again["__typename"] != "LaunchRunSuccess":
            raise MissingError(f"a run of a terminal cannot be run again: {again}")
        run_id = again["run"]["runId"]
        _until(lambda: _has_succeeded(instance, run_id), "what was run again did not succeed", 300)
        shards = ["shard-00", "shard-01"]
        begun = _ask(
            site,
            """mutation ($it: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $it) {
            __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }""",
            {"assetSelection": [{"path": ["anomaly_scores"]}], "partitionNames": shards},
        )["launchPartitionBackfill"]
        if begun["__typename"] != "LaunchBackfillSuccess":
            raise MissingError(f"no backfill: {begun}")
        backfill = begun["backfillId"]
        of_it = dg.RunsFilter(tags={"dagster/backfill": backfill})

        def is_done() -> bool:
            return sum(run.is_success for run in instance.get_runs(of_it)) == len(shards)

        _until(is_done, "the backfill did not end", 400)
    page.open(f"{site.ui}/runs/{run_id}", "Success", made[0].run_id[:8])
    page.picture("run-again")
    page.open(f"{site.ui}/overview/activity/timeline", "Timeline")
    page.picture("timeline", rest_s=4.0)
    page.open(f"{site.ui}/runs/b/{backfill}", "anomaly_scores")
    page.picture("backfill", rest_s=3.0)


def _has_succeeded(instance: dg.DagsterInstance, run_id: str) -> bool:
    run = instance.get_run_by_id(run_id)
    return run is not None and run.is_success


def _ask(site: Site, query: str, it: dict[str, Any]) -> dict[str, Any]:
    """What Dagster's GraphQL answers, as its UI asks it."""
    body = json.dumps({"query": query, "variables": {"it": it}}).encode()
    asked = urllib.request.Request(f"{site.ui}/graphql", body, {"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(asked, timeout=120) as answer:
        content = json.load(answer)
    if content.get("errors"):
        raise MissingError(str(content["errors"]))
    return dict(content["data"])


def drop_a_video(page: Page, site: Site) -> None:
    """A video in the inbox is scored without a click, and found in Dagster and in reports/."""
    write_lossless(site.folder / "inbox" / "yard.mkv", street_fight(32))
    made = site.folder / "reports" / "inbox" / "yard.mkv" / "index.html"
    _until(made.exists, "the inbox was not scored", 600)
    page.open(f"{site.ui}/assets/inbox_scores?view=partitions&partition=yard.mkv", "yard.mkv", "Metadata")
    page.picture("inbox")


def look_at_who_listens(page: Page, site: Site) -> None:
    """Every socket that a server of ours, or a process of it, listens at is of this machine alone."""
    sockets = [
        (process.name(), one.laddr.ip, one.laddr.port)
        for process in psutil.Process().children(recursive=True)
        for one in process.net_connections("inet")
        if one.status == psutil.CONN_LISTEN
    ]
    if {site.dagster, site.mlflow} - {port for _, _, port in sockets}:
        raise MissingError(f"neither Dagster nor MLflow is among those who listen: {sockets}")
    if open_to_all := [one for one in sockets if one[1] not in ("127.0.0.1", "::1")]:
        raise MissingError(f"these listen to more than this machine: {open_to_all}")


def edit_a_sentence(page: Page, site: Site) -> None:
    """What a person changes is noticed within a minute; what hangs on it is made, once each, in order."""
    with site.instance() as instance:
        before, edited = _run_ids(instance), time.monotonic()
        _reword(site, "slowly")
        _until(lambda: bool(_run_ids(instance) - before), "the edit was not noticed", 60)
        noticed_s = time.monotonic() - edited
        _until(lambda: _is_up_to_date(site, instance), "the graph was not made again", 600)
        runs = [one for one in instance.get_runs(ascending=True) if one.run_id not in before]
    names = [", ".join(sorted(key.to_user_string() for key in one.asset_selection or ())) for one in runs]
    made = [
        f"{name} {one.tags.get('dagster/partition', '')}".strip()
        for name, one in zip(names, runs, strict=True)
    ]
    print(f"  noticed after {noticed_s:.0f} s, done after {time.monotonic() - edited:.0f} s:")
    print("".join(f"    {one}\n" for one in made), end="")
    if len(made) != len(set(made)) or "trace_corpus" not in made[0] or "benchmark_report" not in made[-1]:
        raise MissingError(f"runs that nobody asked for, or in another order: {made}")
    page.open(f"{site.ui}/runs", "trace_index")
    page.picture("runs-of-an-edit")
    page.open(f"{site.ui}/assets/trace_embeddings?view=automation", "1 requested")
    page.picture("automation-of-an-asset", rest_s=3.0)


def break_a_gate(page: Page, site: Site) -> None:
    """A gate that blocks says why on the page of its run, and nothing below it is made."""
    with site.instance() as instance:
        before, index = _run_ids(instance), _materializations(instance, "trace_index")
        undo = _reword(site, "and walks on " * 20, everywhere=True)
        _until(lambda: bool(_run_ids(instance) - before), "the edit was not noticed", 60)
        _until(lambda: _are_done(instance), "the run does not end", 300)
        [run] = [one for one in instance.get_runs() if one.run_id not in before]
        page.open(f"{site.ui}/runs/{run.run_id}", "corpus_is_sound")
        page.picture("run-of-a-gate-that-blocks", rest_s=3.0)
        page.open(f"{site.ui}/assets/trace_corpus?view=checks", "corpus_is_sound", "Failed")
        page.picture("gate-that-blocks")
        time.sleep(20)
        if _materializations(instance, "trace_index") != index:
            raise MissingError("the index was made from a corpus that its gate refused")
        undo()
        _until(lambda: _is_up_to_date(site, instance), "what was taken back is not made again", 300)


def regenerate_the_bank(page: Page, site: Site) -> None:
    """A better bank is taken, a worse one is kept aside; both say what they change."""
    for seed, came in ((GOOD, "taken"), (BAD, "kept aside")):
        config = {"ops": {"try_new_bank": {"config": {"seed": seed}}}}
        launch = ["dg", "launch", "--job", "regenerate_bank", "--config-json", json.dumps(config)]
        launch[0] = str(Path(sys.executable).with_name("dg"))
        subprocess.run(launch, cwd=ROOT, env=site.environment, check=True, capture_output=True)
        page.open(f"{site.ui}/assets/trace_index?view=events", came)
        page.picture(f"regenerated-{came.replace(' ', '-')}")
        page.open(f"file://{site.folder}/reports/regenerated/seed-{seed}.html", came)
        page.picture(f"regenerated-{came.replace(' ', '-')}-page")


def _reword(site: Site, add: str, *, everywhere: bool = False) -> Callable[[], object]:
    """Let the first normal sentence of the street, or all, go on with some words; how to undo it."""
    file = site.folder / "catalog" / "street.yaml"
    before = file.read_text()
    content = yaml.safe_load(before)
    changed = len(content["normal"]) if everywhere else 1
    content["normal"][:changed] = [f"{sentence} {add}" for sentence in content["normal"][:changed]]
    file.write_text(yaml.safe_dump(content))
    return lambda: file.write_text(before)


def _run_ids(instance: dg.DagsterInstance) -> set[str]:
    return {run.run_id for run in instance.get_runs()}


def _are_done(instance: dg.DagsterInstance) -> bool:
    return all(run.is_finished for run in instance.get_runs())


def _is_up_to_date(site: Site, instance: dg.DagsterInstance) -> bool:
    """Whether no run is under way, and `status` names only what nobody ever made."""
    if not _are_done(instance):
        return False
    asked = [sys.executable, "-c", _WHY]  # a process of its own, which reads the partitions of the site
    done = subprocess.run(asked, cwd=ROOT, env=site.environment, check=True, capture_output=True, text=True)
    return all(reason.endswith("has not been made") for reason in json.loads(done.stdout.splitlines()[-1]))


_WHY = """\
import json, dagster as dg, pipelines.definitions
from pipelines.plan import look
from pipelines.resources import ProjectResource
with dg.DagsterInstance.get() as instance:
    print(json.dumps(list(look(ProjectResource().open(), instance).known.values())))
"""


# MLflow


def compare_two_runs(page: Page, site: Site) -> None:
    """The two benchmarks side by side."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=site.environment["MLFLOW_TRACKING_URI"])
    experiments = [one.experiment_id for one in client.search_experiments()]
    runs = client.search_runs(experiments, "tags.kind = 'benchmark'", max_results=2)
    if len(runs) != 2:
        raise MissingError(f"MLflow has {len(runs)} benchmark runs; the demo ran twice with another k")
    where = f"http://127.0.0.1:{site.mlflow}/#"
    experiment = runs[0].info.experiment_id
    page.open(f"{where}/experiments/{experiment}/runs", runs[0].info.run_name)
    page.picture("mlflow-runs")
    page.open(f"{where}/experiments/{experiment}/runs/{runs[0].info.run_id}", "scoring.k")
    page.picture("mlflow-run")
    ids = ",".join(f'"{run.info.run_id}"' for run in runs)
    page.open(f'{where}/compare-runs?runs=[{ids}]&experiments=["{experiment}"]', "Comparing 2 Runs")
    page.wait("scoring.k")
    page.picture("mlflow-compare")


STEPS = (
    look_at_who_listens,
    look_at_the_graph,
    look_at_what_was_made,
    materialize_by_clicking,
    launch_a_job,
    re_execute_and_backfill,
    drop_a_video,
    edit_a_sentence,
    break_a_gate,
    regenerate_the_bank,
    compare_two_runs,
)


def main(names: list[str]) -> int:
    """Every step, or those named, and where the pictures are."""
    shutil.rmtree(PICTURES, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="traces-e2e-") as folder, misbehaving(reply) as writer:
        site = make_site(Path(folder), writer.url)
        try:
            with served(site), browser(PICTURES) as page:
                for step in [one for one in STEPS if not names or one.__name__ in names]:
                    print(f"{step.__name__.replace('_', ' ')}", flush=True)
                    step(page, site)
        except BaseException:
            shutil.copy(site.folder / "servers.log", PICTURES)
            raise
    print(f"passed; pictures in {PICTURES}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
