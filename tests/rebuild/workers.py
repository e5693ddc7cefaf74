"""Processes that materialize a site: forked from one that has imported everything, so each takes seconds.

Each is a process of its own, in a session of its own: it has its own environment, imports changed code if the
job asks for it, and can be killed without harm to the others. Encoders are counted and still encode.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import dagster as dg
import torch

from rebuild.sites import Site

DEMO = "+key:benchmark_report"
SILENT = {"telemetry": {"enabled": False}}


@dataclass
class Outcome:
    """What a process reports about its run."""

    texts: list[str] = field(default_factory=list)
    """Every sentence that was encoded."""
    frames: int = 0
    """Frames that the image encoder was given."""
    windows: int = 0
    """Windows that the window encoder was given for features."""
    explained: int = 0
    """Windows that it was given to see where it looks, for a page."""
    cpu_s: float = 0.0
    """Processor time of it all."""
    wall_s: float = 0.0
    """How long it took."""
    error: str | None = None
    """Why it failed."""
    stale: list[list[str | None]] = field(default_factory=list)
    """Asset, partition and reason of what was out of date before."""


@dataclass(frozen=True)
class Job:
    """What a process is to do."""

    folder: str
    """The site's."""
    outcome_path: str
    """The file to write the `Outcome` to."""
    environment: dict[str, str]
    """Beside the site's own."""
    first_on_path: tuple[str, ...] = ()
    """Folders that go first when modules are reimported; () keeps the modules that are there."""
    reimported: tuple[str, ...] = ()
    """Packages to reimport."""
    threads: int = 1
    """Threads of a forward pass."""
    looks: bool = False
    """Whether to report first what is out of date."""
    selection: str = DEMO
    """What to materialize; empty for nothing."""


def preload() -> None:
    """Import what every run needs; nothing is computed and no thread is started here."""
    import dagster as dg
    import databases  # noqa: F401  theirs are of tests, too
    import matplotlib.backends.backend_agg
    import matplotlib.figure
    import mlflow.store.tracking.sqlalchemy_store
    import upath

    from traces_core.encoders.torch_compat import mend_torchvision

    mend_torchvision()
    import open_clip
    import transformers

    from pipelines.dagster_storage import empty_run
    from pipelines.definitions import defs
    from pipelines.walk import selected
    from traces_core.store.code import release

    transformers.TimesformerForVideoClassification  # noqa: B018  # imported when first named
    defs.resolve_implicit_global_asset_job_def()
    assert all((mlflow.store, matplotlib.figure, open_clip, upath, selected(DEMO), empty_run()))
    assert release("numpy")  # it looks through everything that is installed
    with dg.DagsterInstance.ephemeral():  # it imports half of Dagster
        pass
    gc.freeze()  # else each of the forked looks through all of this, again and again


@contextlib.contextmanager
def forking(site: Site) -> Iterator[Workers]:
    """Workers for copies of a site; the process they are forked from ends with the block."""
    saved = dict(os.environ)
    os.environ.update(site.environment)
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["rebuild.preloaded"])
        yield Workers(context)
    finally:
        os.environ.clear()
        os.environ.update(saved)
        from multiprocessing.forkserver import _forkserver

        _forkserver._stop()


@dataclass(frozen=True)
class Workers:
    """Starts processes that work at a site."""

    context: Any

    def start(self, site: Site, name: str = "run", **job: Any) -> tuple[BaseProcess, Path]:
        """A process that materializes, and the file that its outcome will be in."""
        path = site.folder / f"{name}.json"
        environment = {**site.environment, **job.pop("environment", {})}
        fields = asdict(Job(str(site.folder), str(path), environment, **job))
        path.with_suffix(".at").unlink(missing_ok=True)
        process = self.context.Process(target=work, args=(fields,))
        process.start()
        return process, path

    def kill(self, process: BaseProcess) -> None:
        """SIGKILL to a process and to what it started."""
        try:
            os.killpg(process.pid or 0, signal.SIGKILL)
        except ProcessLookupError:  # it has no group of its own yet
            process.kill()
        process.join()

    def run(self, site: Site, name: str = "run", **job: Any) -> Outcome:
        """Materialize, to the end."""
        return self.finish(*self.start(site, name, **job))

    def finish(self, process: BaseProcess, path: Path) -> Outcome:
        """Wait for the end, which must be a good one."""
        process.join()
        assert process.exitcode == 0, f"exit code {process.exitcode}"
        outcome = Outcome(**json.loads(path.read_text()))
        assert outcome.error is None, outcome.error
        return outcome


def work(fields: dict[str, Any]) -> None:
    """What such a process does."""
    job = Job(**fields)
    os.setsid()
    os.chdir(job.folder)
    os.environ.update(job.environment)
    sys.path[:0] = job.first_on_path
    for name in [name for name in sys.modules if name.split(".")[0] in job.reimported]:
        del sys.modules[name]
    importlib.invalidate_caches()
    outcome, started = Outcome(), time.monotonic()
    try:
        torch.set_num_threads(job.threads)
        _count(outcome)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            _materialize(job, outcome)
    except Exception:
        outcome.error = traceback.format_exc()
    outcome.cpu_s, outcome.wall_s = time.process_time(), time.monotonic() - started
    Path(job.outcome_path).write_text(json.dumps(asdict(outcome)))


def history(folder: Path) -> AbstractContextManager[dg.DagsterInstance]:
    """The instance of a site, which goes with its copies."""
    (folder / "dagster").mkdir(exist_ok=True)
    return dg.DagsterInstance.local_temp(str(folder / "dagster"), SILENT)


def _materialize(job: Job, outcome: Outcome) -> None:
    import pipelines.definitions  # noqa: F401  the graph that is walked
    from pipelines.plan import look
    from pipelines.resources import ProjectResource
    from pipelines.walk import GraphError, walk

    if job.looks:
        known = look(ProjectResource().open()).known
        outcome.stale = [[part.asset.path[0], part.partition, reason] for part, reason in known.items()]
    if job.selection:
        with history(Path(job.folder)) as instance:
            try:
                walk(job.selection, instance=instance, tell=partial(_note_step, Path(job.outcome_path)))
            except GraphError as error:
                outcome.error = str(error)


def _note_step(progress: Path, step: object, done: int, of: int) -> None:
    """Leave where the run is, for those who kill it."""
    progress.with_suffix(".at").write_text(str(step))


def _count(outcome: Outcome) -> None:
    """Have the encoders count what they are given, and encode it as always."""
    from traces_core.encoders.clip import ClipEncoder
    from traces_core.encoders.timesformer import TimesformerEncoder

    lock = threading.Lock()
    texts, images, windows = (
        ClipEncoder.encode_texts,
        ClipEncoder.encode_images,
        TimesformerEncoder.encode_windows,
    )

    def encode_texts(self: Any, given: Any, **how: Any) -> Any:
        with lock:
            outcome.texts += list(given)
        return texts(self, given, **how)

    def encode_images(self: Any, pixels: Any, **how: Any) -> Any:
        with lock:
            outcome.frames += len(pixels)
        return images(self, pixels, **how)

    def encode_windows(self: Any, given: Any, **how: Any) -> Any:
        with lock:
            outcome.windows += 0 if how.get("with_attention") else len(given)
            outcome.explained += len(given) if how.get("with_attention") else 0
        return windows(self, given, **how)

    ClipEncoder.encode_texts = encode_texts  # type: ignore[method-assign]
    ClipEncoder.encode_images = encode_images  # type: ignore[method-assign]
    TimesformerEncoder.encode_windows = encode_windows  # type: ignore[method-assign]
