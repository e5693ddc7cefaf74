"""`make faults`: everything at full size, as a table; status 1 where something was what must not happen."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from small_graph import make_graph, street_fight, write_lossless  # noqa: E402

from faults import stores, tables, videos  # noqa: E402
from faults.outcomes import Tally, table  # noqa: E402
from traces_core.settings import project_root  # noqa: E402

VIDEOS, TABLES, NAMES = 1000, 700, 300
SERVERS = (
    "tests/pipelines/test_spool.py",
    "tests/pipelines/test_tracking.py",
    "tests/captions/test_caption_writer.py",
    "tests/text",
)
"""Tests in which a server is away, locked, slow, or answers with rubbish."""


def tallies(folder: Path) -> Iterator[Tally]:
    """Each kind of fault, as it is done."""
    yield videos.mutants(_fresh(folder / "videos"), VIDEOS)
    yield from tables.mutants(_fresh(folder / "tables"), TABLES)
    yield from stores.failing_disk()
    yield stores.killed()
    home = make_graph(_fresh(folder / "home")).machine.data.parent
    for name in ("DATA", "REPORTS", "DEVICE", "PROFILE", "PARAMS"):
        os.environ.pop(f"TRACES_{name}", None)
    os.environ["TRACES_CATALOG"] = str(ROOT / "catalog")
    os.chdir(home)
    project_root.cache_clear()  # the folder of the small graph is taken for the checkout from here on
    films = [write_lossless(folder / f"{name}.mkv", street_fight(8)[:8]) for name in "abcd"]
    yield tables.names(folder, write_lossless(folder / "short.mkv", street_fight(32)[:1]), NAMES)
    yield stores.together(folder, home, films)
    os.chdir(ROOT)
    yield servers()


def servers() -> Tally:
    """The tests of servers, as they stand."""
    tally = Tally("servers away, locked, slow, wrong")
    command = [sys.executable, "-m", "pytest", "-q", "-q", "-rA", "-p", "no:cacheprovider", *SERVERS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        if line.startswith("PASSED"):
            tally.note("right")
        elif line.startswith(("FAILED", "ERROR")):
            tally.note("wrong", line)
    return tally


def _fresh(folder: Path) -> Path:
    folder.mkdir()
    return folder


def main() -> int:
    """Do it all."""
    started, done = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="traces-faults-") as folder:
        for tally in tallies(Path(folder)):
            done.append(tally)
            print(f"{time.monotonic() - started:6.0f} s  {tally.what}: {dict(tally.counts)}", flush=True)
    print(f"\n{table(done)}")
    return int(any(tally.bad for tally in done))


if __name__ == "__main__":
    raise SystemExit(main())
