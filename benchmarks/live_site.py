"""What the benchmarks of live share: an installation of `traces watch`, and what its processes take."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import yaml

from traces_core.live.ledger import CameraState, Ledger

_ANONYMOUS = re.compile(r"^Anonymous:\s+(\d+) kB", re.MULTILINE)


class Site:
    """A `traces watch` as typed, in a folder of its own.

    Parameters
    ----------
    folder : of cameras.yaml, `live/` and the log.
    content : of cameras.yaml.
    """

    def __init__(self, folder: Path, content: dict[str, Any]) -> None:
        self.folder, self.content = folder, {**content, "page": {"port": 0}}
        self.write()
        self.ledger = Ledger(folder / "live")

    def write(self) -> None:
        """Write cameras.yaml as `content` is now."""
        (self.folder / "cameras.yaml").write_text(yaml.safe_dump(self.content), encoding="utf-8")

    def start(self) -> None:
        """Start it; its output goes to watch.log. Whoever ends the benchmark ends it, too."""
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        command = [sys.executable, "-P", "-m", "traces_core.commands.main", "watch", "cameras.yaml"]
        paths = str(Path(__file__).resolve().parents[1])
        with (self.folder / "watch.log").open("a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": paths},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def stop(self) -> None:
        """End it as a person would."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def states(self) -> dict[str, CameraState]:
        """What each camera said last."""
        return {one.name: one for one in self.ledger.cameras()}

    def processes(self) -> dict[int, tuple[str, psutil.Process]]:
        """Its processes by id, each with what it is: supervisor, engine, decoder or other."""
        found = {}
        with_children = psutil.Process(self.process.pid)
        for one in (with_children, *with_children.children(recursive=True)):
            try:
                words = " ".join(one.cmdline())
            except psutil.Error:  # it has just ended
                continue
            kinds = {"live.engine": "engine", "decoder_process": "decoder", "commands.main": "supervisor"}
            kind = next((kind for word, kind in kinds.items() if word in words), "other")
            found[one.pid] = (kind, one)
        return found

    def take_stock(self) -> list[dict[str, Any]]:
        """Of each process: anonymous memory (MiB), threads, open files and processor seconds."""
        rows = []
        for pid, (kind, one) in self.processes().items():
            try:
                memory = _ANONYMOUS.search(Path(f"/proc/{pid}/smaps_rollup").read_text())
                cpu = one.cpu_times()
                row = {"pid": pid, "kind": kind, "threads": one.num_threads(), "files": one.num_fds()}
            except (OSError, psutil.Error):  # it has just ended
                continue
            mib = int(memory[1]) / 1024 if memory else 0.0
            rows.append({**row, "anonymous_mib": mib, "cpu_s": cpu.user + cpu.system})
        return rows


def waited_s(is_true: Callable[[], Any], patience_s: float) -> float | None:
    """Seconds until something is true; None if that took longer than somebody's patience."""
    began = time.monotonic()
    while not is_true():
        if time.monotonic() - began > patience_s:
            return None
        time.sleep(0.1)
    return time.monotonic() - began


def counted(rows: list[dict[str, Any]], what: str) -> dict[str, int]:
    """The sum of a column by kind of process; of "processes", how many there are."""
    sums: Counter[str] = Counter()
    for row in rows:
        sums[row["kind"]] += 1 if what == "processes" else row[what]
    return dict(sorted(sums.items()))
