"""A hundred faults of a camera and kills of processes, one after the other: is it well again, and in time?

    python -m benchmarks.live_faults --faults 100 --seed 1

One camera of the practice world, whatever it shows an alarm, told to a folder and to a webhook that fails at
random. Each fault of `RtspServer` lasts for some seconds; decoder, engine and supervisor are killed in turn
(this harness starts the last one again). Well again: `running` with a score, as it says once a second,
within 20 s (a killed decoder: 3 s). Not yet forced: `refuse` and `codec` meet only a connection that begins
meanwhile, and `restarts` tells whether there was one. Writes reports/live_faults.json; exits with 1 where
something is not as it is meant to be, or no alarm was raised.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil

from benchmarks.live_site import Site, benchmark_videos, counted, waited_s
from traces_core.practice.rtsp_server import Fault, RtspServer
from traces_core.settings import Machine

FAULTS: tuple[Fault, ...] = (
    *("stall", "drip", "drop", "garbage", "codec", "refuse"),
    *("silent", "gap", "jump", "back"),
)
VICTIMS = ("decoder", "engine", "supervisor")
WITHIN_S = 20.0
DECODER_WITHIN_S = 3.0
PATIENCE_S = 90.0
"""What is not well after so long never will be."""


class Webhooks:
    """What a webhook received; half of its answers are failures, some after the message has arrived."""

    def __init__(self, seed: int) -> None:
        self.arrived: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self._random = random.Random(seed)

    def answer(self, key: str) -> int:
        """The status to answer with."""
        how = self._random.random()
        self.arrived[key] += 1
        status = 204 if how > 0.5 else 500
        self.accepted[key] += status == 204
        return status


@contextmanager
def webhook(seed: int) -> Iterator[tuple[str, Webhooks]]:
    """A local server: its address, and what came."""
    heard = Webhooks(seed)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(heard.answer(self.headers["idempotency-key"]))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", heard
    finally:
        server.shutdown()


def trouble(site: Site, server: RtspServer, what: str, lasts_s: float) -> dict[str, Any]:
    """One fault or kill; how long (seconds) it took to be well after it was gone, and what is not right."""
    known = site.states()["gate"].facts
    if what in VICTIMS:
        before = site.processes()
        os.kill(next(pid for pid, (kind, _) in before.items() if kind == what), signal.SIGKILL)
        if what == "supervisor":
            site.process.wait()
            gone = waited_s(lambda: not any(_lives(pid) for pid in before), 40)
            site.start()
    else:
        server.fault(what)  # type: ignore[arg-type]
        time.sleep(lasts_s)
        server.fault(None)
    since_s, restarts = time.time(), known["restarts"] if what == "decoder" else -1
    took_s = waited_s(lambda: _is_well(site, since_s, restarts), PATIENCE_S)
    within_s = DECODER_WITHIN_S if what == "decoder" else WITHIN_S
    rows = site.take_stock()
    row = {
        "what": what,
        "took_s": took_s,
        "in_time": took_s is not None and took_s <= within_s,
        "restarts": [known["restarts"], site.states()["gate"].facts["restarts"]],
        "zombies": sum(one.status() == psutil.STATUS_ZOMBIE for _, one in site.processes().values()),
        "processes": counted(rows, "processes"),
        "anonymous_mib": counted(rows, "anonymous_mib"),
        "files": counted(rows, "files"),
        "threads": counted(rows, "threads"),
    }
    if took_s is None or took_s > within_s:
        row["state"] = [(one.state, one.detail) for one in site.states().values()]
    return row | ({"left_s": gone} if what == "supervisor" else {})


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _is_well(site: Site, since_s: float, restarts: int = -1) -> bool:
    """Whether the camera runs, has a score, and said so (it does once a second) after a second had passed."""
    gate = site.states().get("gate")
    if gate is None or gate.state != "running" or gate.updated_s < since_s + 1:
        return False
    return gate.facts["restarts"] > restarts and gate.facts["score"] is not None


def judged(site: Site, rows: list[dict[str, Any]], heard: Webhooks, folder: Path) -> dict[str, Any]:
    """All of it in numbers."""
    waited_s(lambda: not site.ledger.read("SELECT 1 FROM outbox WHERE delivered_s IS NULL"), 60)
    alarms = {alarm.id for alarm in site.ledger.alarms(most=100_000)}
    written = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    took = [row["took_s"] for row in rows if row["took_s"] is not None]
    half = rows[len(rows) // 2 :]
    return {
        "faults": len(rows),
        "in_time": sum(row["in_time"] for row in rows),
        "worst_s": {
            what: max((row["took_s"] or PATIENCE_S) for row in rows if row["what"] == what)
            for what in sorted({row["what"] for row in rows})
        },
        "median_s": sorted(took)[len(took) // 2] if took else None,
        "zombies": sum(row["zombies"] for row in rows),
        "engine_mib": [row["anonymous_mib"].get("engine") for row in (rows[0], half[0], rows[-1])],
        "supervisor_mib": [row["anonymous_mib"].get("supervisor") for row in (rows[0], half[0], rows[-1])],
        "ledger": [row[0] for row in site.ledger.read("PRAGMA integrity_check")],
        "alarms": len(alarms),
        "alarms_in_folder": len({one.get("id") for one in written} & alarms),
        "undelivered": site.ledger.read("SELECT count(*) FROM outbox WHERE delivered_s IS NULL")[0][0],
        "webhook_keys": len(heard.arrived),
        "webhook_keys_never_accepted": sum(not heard.accepted[key] for key in heard.arrived),
        "webhook_keys_accepted_twice": sum(count > 1 for count in heard.accepted.values()),
        "rows": rows,
    }


def stressed(count: int, seed: int, folder: Path) -> dict[str, Any]:
    """So many faults in random order, each kind about equally often."""
    turn = random.Random(seed)
    kinds = [*FAULTS, *VICTIMS]
    order = [kinds[number % len(kinds)] for number in range(count)]
    turn.shuffle(order)
    path, context = benchmark_videos()[0]
    with webhook(seed) as (url, heard), RtspServer({"gate": path}) as server:
        camera = {"name": "gate", "source": server.address("gate"), "context": context, "record": 0.1}
        sinks = [{"kind": "folder", "path": "told"}, {"kind": "webhook", "url": url}]
        site = Site(folder, {"cameras": [camera], "sinks": sinks})
        site.ledger.set_threshold("gate", "late", -100.0, "whatever is seen is an alarm", time.time())
        site.start()
        rows: list[dict[str, Any]] = []
        try:
            if waited_s(lambda: bool(site.states()) and _is_well(site, 0), 120) is None:
                raise SystemExit(f"the camera never ran: {folder}/watch.log")
            for number, what in enumerate(order, 1):
                rows.append(trouble(site, server, what, turn.uniform(0.5, 12)))
                took_s, about_it = rows[-1]["took_s"] or -1, "" if rows[-1]["in_time"] else rows[-1]
                print(f"{number:4} {what:12}{took_s:7.1f} s {about_it}", flush=True)
            about = judged(site, rows, heard, folder / "told")
        finally:
            last = list(site.processes())
            site.stop()
    return about | {"left": sum(_lives(pid) for pid in last), "seed": seed}


def main() -> None:
    """Run it, print it, write it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        about = stressed(given.faults, given.seed, Path(temporary))
    for key, value in about.items():
        if key != "rows":
            print(f"{key:30}{value}")
    file = Machine.here().reports / "live_faults.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    is_sound = about["alarms"] and about["in_time"] == about["faults"] and about["ledger"] == ["ok"]
    sys.exit(not (is_sound and not about["left"] and not about["undelivered"]))


if __name__ == "__main__":
    main()
